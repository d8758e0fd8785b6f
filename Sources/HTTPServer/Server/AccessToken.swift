private import Foundation
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
        let data: Data
        let mode: Int
        do {
            data = try Data(contentsOf: URL(filePath: file.string))
            let attributes = try FileManager.default.attributesOfItem(atPath: file.string)
            mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
        } catch {
            throw ConfigurationError(.unreadableFile, origin: file.string, message: "the token can't be read: \(error)")
        }
        guard mode & 0o007 == 0 else {
            throw ConfigurationError(
                .invalidFile, origin: file.string, message: "everyone may use the token; run chmod 600 on the file"
            )
        }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
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
