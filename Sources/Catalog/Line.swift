package import Basics
package import SystemPackage

/// One line of text that belongs to a media item, and when it holds.
package struct Line: Sendable, Equatable {
    /// The raw values stand in the database: they stay as they are.
    package enum Kind: String, Sendable, CaseIterable {
        case subtitle
        case chapter
        case title
        case comment
        case fileName = "file_name"
        case folderName = "folder_name"

        /// Whether it is about the media item as a whole, and no moment of it.
        package var isOfWholeMedia: Bool {
            switch self {
            case .subtitle, .chapter: false
            case .title, .comment, .fileName, .folderName: true
            }
        }
    }

    package var kind: Kind
    /// In seconds from the media's start; 0 for what is about the whole media item.
    package var start: Double
    /// In seconds, not before ``start``.
    package var end: Double
    /// As the container or the file's name says it; nil when neither does.
    package var language: String?
    package var text: String

    package init(kind: Kind, start: Double = 0, end: Double = 0, language: String? = nil, text: String) {
        self.kind = kind
        self.start = start
        self.end = end
        self.language = language
        self.text = text
    }

    /// Its words in small letters without accents, a space between each two: for an index that splits text in another way than the catalog's.
    package var plainWords: String { WordText.plain(text) }
}

/// A file whose text is to be read.
package struct TextSource: Sendable, Equatable, Identifiable {
    package enum Kind: String, Sendable {
        /// What the media file itself carries.
        case media
        /// A file of subtitles beside it.
        case subtitles
    }

    package var id: Int64
    package var media: MediaID
    package var kind: Kind
    /// The file to be read: one of the media item's that can be reached, or the file of subtitles.
    package var path: FilePath
    /// Of a file of subtitles, as its name says it.
    package var language: String?
    /// How often it was tried.
    package var attempts: Int
    /// What the file was when it was found; nil for the media file, whose content never changes.
    var version: Version?

    struct Version: Sendable, Equatable {
        var size: Int64
        var modified: Int64
        var inode: Int64
    }
}

/// A file of subtitles that lies beside a media file.
package struct FoundSubtitles: Sendable, Equatable {
    package var media: MediaID
    package var path: FilePath
    package var language: String?
    package var stamp: FileStamp

    package init(media: MediaID, path: FilePath, language: String?, stamp: FileStamp) {
        self.media = media
        self.path = path
        self.language = language
        self.stamp = stamp
    }
}
