package import Foundation

extension API {
    /// A path. In JSON it is two values beside each other: `path`, its text, and, when that isn't exact because the path is
    /// not UTF-8, `path_bytes`, its bytes in base64.
    package struct Path: Sendable, Equatable {
        package var bytes: [UInt8]

        package init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        package init(_ text: String) {
            bytes = Array(text.utf8)
        }

        /// The path for people: bytes that aren't UTF-8 become U+FFFD.
        package var text: String { String(decoding: bytes, as: UTF8.self) }

        /// As stored from JSON.
        init(text: String, exactBytes: Data?) {
            bytes = exactBytes.map { Array($0) } ?? Array(text.utf8)
        }

        /// The bytes, only when `text` doesn't say them.
        var exactBytes: Data? {
            text.utf8.elementsEqual(bytes) ? nil : Data(bytes)
        }
    }

    /// The media item of a search result.
    package struct MediaReference: Codable, Sendable, Equatable {
        package var id: Int64
        private var pathText: String
        private var pathBytes: Data?
        /// In seconds; nil for what has none.
        package var duration: Double?
        /// Whether its file can be read now. Clips of offline media are still found.
        package var online: Bool

        package var path: Path {
            get { Path(text: pathText, exactBytes: pathBytes) }
            set { (pathText, pathBytes) = (newValue.text, newValue.exactBytes) }
        }

        package init(id: Int64, path: Path, duration: Double?, online: Bool) {
            self.id = id
            (pathText, pathBytes) = (path.text, path.exactBytes)
            self.duration = duration
            self.online = online
        }

        enum CodingKeys: String, CodingKey {
            case id, duration, online
            case pathText = "path"
            case pathBytes = "path_bytes"
        }
    }

    /// How far the indexing of a media item has come.
    package enum MediaState: String, Codable, Sendable {
        case pending, indexing, indexed, failed
    }

    /// The answer to `GET /v1/media/{id}`.
    package struct Media: Codable, Sendable, Equatable {
        package var id: Int64
        /// Every place where this content is known to be; the first is the one that is shown in results.
        package var paths: [MediaPath]
        package var state: MediaState
        /// Why it failed, in words.
        package var reason: String?
        package var attempts: Int
        /// When a failed media will be tried again; absent when it won't be until it changes.
        package var nextAttempt: Date?
        package var size: Int64
        package var duration: Double?
        package var width: Int?
        package var height: Int?
        package var codec: String?
        package var container: String?
        package var recorded: Date?
        package var clipCount: Int
        /// In order of time, at most `Media.maximumClips`.
        package var clips: [ClipSpan]

        package static let maximumClips = 1000

        package init(
            id: Int64,
            paths: [MediaPath],
            state: MediaState,
            reason: String? = nil,
            attempts: Int = 0,
            nextAttempt: Date? = nil,
            size: Int64,
            duration: Double? = nil,
            width: Int? = nil,
            height: Int? = nil,
            codec: String? = nil,
            container: String? = nil,
            recorded: Date? = nil,
            clipCount: Int,
            clips: [ClipSpan]
        ) {
            self.id = id
            self.paths = paths
            self.state = state
            self.reason = reason
            self.attempts = attempts
            self.nextAttempt = nextAttempt
            self.size = size
            self.duration = duration
            self.width = width
            self.height = height
            self.codec = codec
            self.container = container
            self.recorded = recorded
            self.clipCount = clipCount
            self.clips = clips
        }

        enum CodingKeys: String, CodingKey {
            case id, paths, state, reason, attempts, size, duration, width, height, codec, container, clips
            case nextAttempt = "next_attempt_at"
            case recorded = "recorded_at"
            case clipCount = "clip_count"
        }
    }

    /// One place of a media item.
    package struct MediaPath: Codable, Sendable, Equatable {
        /// Nil for a file that was indexed individually, outside every root.
        package var root: Int64?
        private var pathText: String
        private var pathBytes: Data?
        package var online: Bool

        package var path: Path {
            get { Path(text: pathText, exactBytes: pathBytes) }
            set { (pathText, pathBytes) = (newValue.text, newValue.exactBytes) }
        }

        package init(root: Int64?, path: Path, online: Bool) {
            self.root = root
            (pathText, pathBytes) = (path.text, path.exactBytes)
            self.online = online
        }

        enum CodingKeys: String, CodingKey {
            case root, online
            case pathText = "path"
            case pathBytes = "path_bytes"
        }
    }

    /// A clip as its media lists it.
    package struct ClipSpan: Codable, Sendable, Equatable {
        package var id: Int64
        /// In seconds from the media's beginning.
        package var start: Double
        package var end: Double
        /// The number of the shot that the clip lies in, from 0.
        package var shot: Int

        package init(id: Int64, start: Double, end: Double, shot: Int) {
            self.id = id
            self.start = start
            self.end = end
            self.shot = shot
        }
    }

    /// The answer to `GET /v1/clips/{id}`.
    package struct Clip: Codable, Sendable, Equatable {
        package var id: Int64
        package var media: MediaReference
        package var start: Double
        package var end: Double
        package var shot: Int

        package init(id: Int64, media: MediaReference, start: Double, end: Double, shot: Int) {
            self.id = id
            self.media = media
            self.start = start
            self.end = end
            self.shot = shot
        }
    }

    /// The answer to `GET /v1/clips/{id}/description`.
    package struct ClipDescription: Codable, Sendable, Equatable {
        package var clip: Int64
        /// The most likely sentence about the clip.
        package var description: String
        /// How likely, as the Slow model's score of this sentence: more is better.
        package var score: Double

        package init(clip: Int64, description: String, score: Double) {
            self.clip = clip
            self.description = description
            self.score = score
        }
    }
}
