import API
import Basics
import Catalog
import FolderWatch
import HTTPServer
import SystemPackage
import Threads

/// An opened file of a media item that is in the index; closed when the last reference goes.
final class IndexedFile: Sendable {
    private let descriptor: FileDescriptor

    private init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        try? descriptor.close()
    }

    /// Opens the first place at which the media item's content lies. Another file that has taken the place isn't served, whoever put
    /// it there. Blocking.
    ///
    /// - Parameters:
    ///   - places: Where the media item lies, the best first.
    ///   - opener: the library's, so that no link leads out of a watched folder.
    /// - Throws: `media_offline`.
    static func open(_ media: Media, at places: [MediaPlace], with opener: FileOpener) throws(APIError) -> ServedFile {
        for place in places {
            guard let opened = try? LinuxFileSystem(opening: opener).open(identifying: place.path) else { continue }
            let file = IndexedFile(opened.file)
            guard opened.identity == media.identity else { continue }
            return ServedFile(
                size: media.identity.size,
                contentType: contentType(ofExtension: place.path.extension),
                digest: ContentHash.hexadecimal(media.identity.digest)
            ) { offset, count in
                try await BlockingExecutor.files.run { try file.read(at: offset, count: count) }
            }
        }
        let path = places.first.map { API.Path($0.path).text } ?? "the file"
        throw APIError(
            .mediaOffline, "\(path) can't be read now, or has changed; connect its disk, or rescan if it was moved")
    }

    private func read(at offset: Int64, count: Int) throws -> [UInt8] {
        try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            used = try unsafe descriptor.read(
                fromAbsoluteOffset: offset, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// As browsers know it. What a browser could take for a document is never among them.
    private static func contentType(ofExtension name: String?) -> String {
        switch name?.lowercased() {
        // QuickTime files mostly hold what MP4 files do, and browsers try those alone.
        case "mp4", "m4v", "mov", "qt", "f4v": "video/mp4"
        case "webm": "video/webm"
        // Chromium plays Matroska under this name.
        case "mkv": "video/x-matroska"
        case "ogv", "ogm": "video/ogg"
        case "3gp": "video/3gpp"
        case "3g2": "video/3gpp2"
        case "jpg", "jpeg": "image/jpeg"
        case "png": "image/png"
        case "gif": "image/gif"
        case "webp": "image/webp"
        case "avif": "image/avif"
        case "bmp": "image/bmp"
        default: "application/octet-stream"
        }
    }
}
