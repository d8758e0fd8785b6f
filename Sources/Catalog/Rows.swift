package import Basics
package import SystemPackage

package typealias RootID = Int64
package typealias MediaID = Int64
package typealias FileID = Int64
package typealias ClipID = Int64
package typealias IndexID = Int64

/// Seconds since 1970-01-01 00:00 UTC.
package typealias Timestamp = Double

/// A watched directory.
package struct Root: Sendable, Equatable, Identifiable {
    package enum State: String, Sendable {
        /// The last scan could list it.
        case online
        /// It is missing, has become empty, or is on another file system than before: nothing in it is deleted.
        case offline
    }

    package var id: RootID
    package var path: FilePath
    package var state: State
    /// Why it is offline.
    package var reason: String?
    /// `st_dev` of the directory when it was last online.
    package var device: UInt64?
    package var addedAt: Timestamp
    /// When the last full scan ended.
    package var scannedAt: Timestamp?
    /// Whether the configuration alone asks for it; nobody has added it by hand.
    package var isConfigured: Bool
    /// Files in it that are not tombstones.
    package var fileCount: Int
    /// Those of them that are missing, and stay until a person confirms that they are gone: see ``Problem/Code/missing``.
    package var missingCount: Int
}

/// What a container says about its content.
package struct MediaProperties: Sendable, Equatable {
    /// In seconds; 0 for a still picture.
    package var duration: Double?
    /// In pixels, after rotation.
    package var width: Int?
    package var height: Int?
    package var codec: String?
    package var container: String?
    /// The creation time that the container carries.
    package var recordedAt: Timestamp?

    package init(
        duration: Double? = nil, width: Int? = nil, height: Int? = nil, codec: String? = nil, container: String? = nil,
        recordedAt: Timestamp? = nil
    ) {
        self.duration = duration
        self.width = width
        self.height = height
        self.codec = codec
        self.container = container
        self.recordedAt = recordedAt
    }
}

/// Why a file or a media item is not indexed.
package struct Problem: Sendable, Equatable {
    /// A stable word. The database keeps it, so none of them changes.
    package struct Code: RawRepresentable, Sendable, Hashable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The file has no bytes.
        package static let empty = Code(rawValue: "empty")
        /// The file system doesn't let it be read.
        package static let unreadable = Code(rawValue: "unreadable")
        /// It was written to while it was looked at.
        package static let changing = Code(rawValue: "changing")
        /// It is gone with most of its root, so that it stays in the index until a person confirms it, or it is back.
        package static let missing = Code(rawValue: "missing")
        /// It was not there, or another one, when its turn came.
        package static let vanished = Code(rawValue: "vanished")
        /// No picture of it can be decoded.
        package static let noFrames = Code(rawValue: "no-frames")
        /// The model made nothing usable of it.
        package static let model = Code(rawValue: "model")
        /// The catalog refused its clips.
        package static let catalog = Code(rawValue: "catalog")
        /// The program ended too often while it had it in work.
        /// It can't be decoded, for a reason that has no word.
        package static let decode = Code(rawValue: "decode")
    }

    package var code: Code
    /// A sentence for people.
    package var message: String
    /// When it is tried again; nil when only a change of the file can help.
    package var retryAt: Timestamp?

    package init(code: Code, message: String, retryAt: Timestamp?) {
        self.code = code
        self.message = message
        self.retryAt = retryAt
    }
}

/// One video or picture, by content.
package struct Media: Sendable, Equatable, Identifiable {
    package enum State: String, Sendable, CaseIterable {
        /// Waits for its turn.
        case pending
        /// Its clips are being made.
        case running
        /// All of its clips are in the index.
        case indexed
        /// See ``Media/problem``; the clips that were made before it stay.
        case failed
    }

    package var id: MediaID
    package var identity: ContentIdentity
    package var properties: MediaProperties
    package var addedAt: Timestamp
    /// When its last file went away; it is out of every answer then, and purged later.
    package var deletedAt: Timestamp?
    /// State in the live index; nil when there is none yet.
    package var state: State?
    package var problem: Problem?
    package var attempts: Int

    /// One that is indexed.
    package init(id: MediaID, identity: ContentIdentity, properties: MediaProperties, addedAt: Timestamp) {
        self.id = id
        self.identity = identity
        self.properties = properties
        self.addedAt = addedAt
        state = .indexed
        attempts = 0
    }
}

/// A path at which a media item lies, or at which something lies that could not be taken in.
package struct MediaFile: Sendable, Equatable, Identifiable {
    package var id: FileID
    /// The root it was found in; nil for a file that was indexed by name.
    package var root: RootID?
    /// Absolute; any bytes.
    package var path: FilePath
    /// nil while ``problem`` is set, unless that is ``Problem/Code/missing``.
    package var media: MediaID?
    /// Its device is ``noDevice`` where its file system is away and another one may have its number.
    package var stamp: FileStamp
    package var problem: Problem?
    package var attempts: Int
    /// When it was given up.
    package var deletedAt: Timestamp?

    /// A number that no file system has.
    package static let noDevice: UInt64 = 0

    /// Whether it is gone but stays in the index until that is confirmed.
    package var isHeld: Bool { problem?.code == .missing }
}

/// A file that has left its path for another one.
package struct MovedFile: Sendable, Equatable {
    package var id: FileID
    /// The path that it has now, and the root that this lies in.
    package var path: FilePath
    package var root: RootID?

    package init(_ id: FileID, to path: FilePath, root: RootID?) {
        self.id = id
        self.path = path
        self.root = root
    }
}

/// What a scan has found at a path.
package struct FoundFile: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case media(ContentIdentity)
        /// Why it can't be taken in.
        case problem(Problem)
    }

    package var path: FilePath
    package var root: RootID?
    package var stamp: FileStamp
    package var content: Content

    package init(path: FilePath, root: RootID?, stamp: FileStamp, content: Content) {
        self.path = path
        self.root = root
        self.stamp = stamp
        self.content = content
    }
}

/// What became of a found file.
package struct RecordedFile: Sendable, Equatable {
    /// nil for one that can't be taken in.
    package var media: MediaID?
    /// Whether its content was not known.
    package var isNew: Bool
    /// Media items that have become tombstones, since they lay there before.
    package var hidden: [MediaID]
}

/// A time span of one media item: the unit that is embedded and found.
package struct Clip: Sendable, Equatable, Identifiable {
    package var id: ClipID
    package var media: MediaID
    package var index: IndexID
    /// Position among the clips of its media and index, from 0.
    package var ordinal: Int
    /// In seconds from the media's start.
    package var start: Double
    /// In seconds from the media's start, not before ``start``.
    package var end: Double
    /// Number of the shot it lies in, from 0.
    package var shot: Int

    package init(id: ClipID, media: MediaID, index: IndexID, ordinal: Int, start: Double, end: Double, shot: Int) {
        self.id = id
        self.media = media
        self.index = index
        self.ordinal = ordinal
        self.start = start
        self.end = end
        self.shot = shot
    }
}

/// One model's index.
package struct IndexRecord: Sendable, Equatable, Identifiable {
    package enum State: String, Sendable {
        /// Made beside the live one; not asked yet.
        case building
        /// The one that queries go to.
        case live
        /// The one that queries went to before; kept so that it can be that again.
        case previous
        /// Not wanted any more; its clips are being purged.
        case retired
    }

    package var id: IndexID
    /// Digest of the model, see `ClipEncoder.modelDigest`.
    package var digest: String
    /// Length of its embeddings.
    package var dimensions: Int
    package var state: State
    /// Whether its clips have rerank features.
    package var storesRerankFeatures: Bool
    /// Directory of the model that made it, so that its queries can be embedded while the next one is built.
    package var model: FilePath?
    package var createdAt: Timestamp
}

/// A file or a media item that is not indexed, and why.
package struct Failure: Sendable, Equatable {
    package var media: MediaID?
    package var path: FilePath?
    package var problem: Problem
    package var attempts: Int
}

/// What waits, and what failed.
package struct QueueStatistics: Sendable, Equatable {
    /// When the media item was found that has waited longest of those whose turn can come; nil when none waits.
    package var oldestWaiting: Timestamp?
    /// Media items and files that are not indexed, by why.
    package var failures: [Problem.Code: Int] = [:]

    package init() {}
}

/// Numbers for `status`.
package struct CatalogStatistics: Sendable, Equatable {
    /// Media that are not tombstones, by their state in the live index.
    package var media: [Media.State: Int] = [:]
    /// Clips of the live index, without those of tombstones.
    package var clips = 0
    /// Seconds of video of the indexed media.
    package var indexedSeconds: Double = 0
    /// Bytes of the two database files.
    package var catalogBytes: Int64 = 0
    package var featuresBytes: Int64 = 0
    /// Clips that are kept of media items whose files are gone, in any index, and about what they take of the two files.
    package var deletedClips = 0
    package var deletedBytes: Int64 = 0
    /// Bytes of the two files that nothing uses.
    package var freeBytes: Int64 = 0
    package init() {}
}
