import Basics
private import Foundation
private import Glibc
package import Settings
package import SystemPackage

/// The secret of the TCP port.
package struct AccessToken: Sendable {
    private let bytes: [UInt8]

    package init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// Reads a token file: one line, at least 16 characters, not readable by others.
    package init(file: FilePath) throws(ConfigurationError) {
        var bytes = [UInt8](repeating: 0, count: 8192)
        var status = stat()
        do {
            let descriptor = try FileOpener().open(file)
            defer { try? descriptor.close() }
            guard unsafe fstat(descriptor.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw ConfigurationError(
                    .invalidFile, origin: file.string,
                    message: "it is no file; write a token into one and name it in http.token_file")
            }
            bytes.removeLast(
                bytes.count - (try unsafe bytes.withUnsafeMutableBytes { try unsafe descriptor.read(into: $0) }))
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(.unreadableFile, origin: file.string, message: "the token can't be read: \(error)")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw ConfigurationError(
                .invalidFile, origin: file.string, message: "everyone may use the token; run chmod 600 on the file"
            )
        }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard (16...4096).contains(text.utf8.count) else {
            throw ConfigurationError(
                .invalidFile, origin: file.string,
                message: "a token needs 16 characters or more: `openssl rand -hex 32` makes a good one"
            )
        }
        self.init(text)
    }

    /// Whether an `Authorization` header carries the token; takes the same time wherever it differs.
    func isShown(by header: String?) -> Bool {
        guard let header else { return false }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return false }
        let shown = Array(parts[1].utf8)
        var difference = shown.count ^ bytes.count
        for index in bytes.indices {
            difference |= Int(bytes[index] ^ (shown.isEmpty ? 0 : shown[index % shown.count]))
        }
        return difference == 0
    }
}
