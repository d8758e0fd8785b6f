package import SystemPackage

/// Which files of a tree are taken for media, by their names.
///
/// Hidden files and directories are not, nor what downloads and copies in progress are called.
package struct CandidateFiles: Sendable, Equatable {
    /// In lower case, without the dot; nil takes every file, and leaves it to the decoder to refuse it.
    package var extensions: Set<String>?

    /// Of videos, animations and still pictures.
    package static let knownExtensions: Set<String> = [
        "3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "m2t", "m2ts", "m2v", "m4v", "mjpeg", "mjpg", "mkv",
        "mov", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv",
        "avif", "bmp", "gif", "jpeg", "jpg", "png", "tif", "tiff", "webp",
    ]

    private static let unfinishedExtensions: Set<String> = [
        "aria2", "crdownload", "download", "filepart", "opdownload", "part", "partial", "tmp", "ytdl",
    ]

    package init(extensions: Set<String>? = Self.knownExtensions) {
        self.extensions = extensions
    }

    /// - Parameter name: a file's name, any bytes.
    package func contains(_ name: FilePath.Component) -> Bool {
        guard !Self.isHidden(name) else { return false }
        let suffix = name.extension?.lowercased() ?? ""
        guard !Self.unfinishedExtensions.contains(suffix) else { return false }
        return extensions?.contains(suffix) ?? true
    }

    /// Whether a name begins with a dot, or is one that file systems, desktops and network storages keep for themselves.
    package static func isHidden(_ name: FilePath.Component) -> Bool {
        let text = name.string
        return text.hasPrefix(".") || text.hasPrefix("@") && storageNames.contains(text) || keptNames.contains(text)
    }

    private static let keptNames: Set<String> = [
        "lost+found", "$RECYCLE.BIN", "System Volume Information", "#recycle", "#snapshot",
    ]
    private static let storageNames: Set<String> = ["@eaDir", "@Recycle", "@Recently-Snapshot", "@tmp", "@sharebin"]

    /// Whether a path is the kernel's own and no storage.
    package static func isSystem(_ path: FilePath) -> Bool {
        ["/proc", "/sys", "/dev"].contains { path.starts(with: $0) } && !path.starts(with: "/dev/shm")
    }
}
