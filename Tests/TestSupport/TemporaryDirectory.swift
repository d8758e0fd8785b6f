package import Foundation
package import SystemPackage

/// A folder of its own for one test, removed with everything in it when the last reference goes.
package final class TemporaryDirectory: Sendable {
    /// Absolute, and short enough for a Unix socket in it.
    package let path: FilePath

    package init() throws {
        let name = "saccade-" + String(UInt64.random(in: 0 ... .max), radix: 36)
        let url = FileManager.default.temporaryDirectory.appending(path: name)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = FilePath(url.path)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path.string)
    }

    package var url: URL { URL(filePath: path.string, directoryHint: .isDirectory) }

    /// Writes a file in the folder.
    ///
    /// - Returns: Its path.
    @discardableResult
    package func write(_ data: Data, to name: String) throws -> FilePath {
        let file = path.appending(name)
        try data.write(to: URL(filePath: file.string))
        return file
    }
}
