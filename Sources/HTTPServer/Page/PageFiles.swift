import Basics
import Foundation
package import SystemPackage

/// The files of the search page, read once. A name that isn't among them is not served, so no path of a request ever reaches the file
/// system.
package struct PageFiles: Sendable {
    struct File: Sendable {
        var bytes: [UInt8]
        var contentType: String
        /// Strong (RFC 9110, section 8.8.3): a digest of the bytes.
        var entityTag: String
    }

    private let files: [String: File]

    private static let contentTypes = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml", "json": "application/json",
    ]

    /// What the page opens with.
    static let index = "index.html"
    /// What describes the API to programs.
    static let openAPI = "openapi.json"

    /// Reads a folder's files of known types, without its subfolders. Blocking.
    ///
    /// - Throws: An error that says why the folder can't be read.
    package init(folder: FilePath) throws {
        var files: [String: File] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.string) {
            guard let type = Self.contentTypes[FilePath(name).extension ?? ""] else { continue }
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: folder.appending(name).string)))
            var hash = ContentHash()
            hash.update(bytes)
            files[name] = File(
                bytes: bytes, contentType: type,
                entityTag: "\"\(ContentHash.hexadecimal(hash.finish().prefix(16)))\"")
        }
        self.files = files
    }

    /// Bytes of the page's files together; a browser isn't given the description of the API.
    package var size: Int { files.map { $0.key == Self.openAPI ? 0 : $0.value.bytes.count }.reduce(0, +) }

    func named(_ name: some StringProtocol) -> File? {
        files[name.isEmpty ? Self.index : String(name)]
    }

    /// The folder of the page that comes with the program: `../share/saccade/web` beside it, else `web` in a folder above it, in a checkout.
    ///
    /// - Parameter executable: Of which installation; nil means the running program.
    package static func installed(executable: FilePath? = nil) -> FilePath? {
        var folder =
            executable
            ?? FilePath((try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/")
        folder.removeLastComponent()
        var places = [folder.removingLastComponent().appending("share/saccade/web")]
        while !folder.isEmpty {
            places.append(folder.appending("web"))
            if !folder.removeLastComponent() { break }
        }
        return places.first { FileManager.default.fileExists(atPath: $0.appending(Self.index).string) }
    }
}
