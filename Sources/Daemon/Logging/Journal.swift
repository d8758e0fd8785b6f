private import Glibc
import HTTPServer
package import SystemPackage

/// The journal's own protocol, in which a log line has fields that can be asked for (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).
///
/// The descriptor is open for as long as the program runs: loggers are made once.
package struct Journal: Sendable {
    package static let socket: FilePath = "/run/systemd/journal/socket"

    private let address: UnixAddress
    private let descriptor: Int32

    /// - Returns: nil where there is no such socket.
    package init?(socket path: FilePath = Self.socket) {
        guard unsafe path.withPlatformString({ unsafe access($0, F_OK) }) == 0,
            let address = try? UnixAddress(path, allowsAbstract: false)
        else { return nil }
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        self.address = address
        self.descriptor = descriptor
    }

    /// - Returns: false when the journal doesn't take it: it isn't there, or the entry is too large for a datagram.
    package func send(_ fields: [(name: String, value: String)]) -> Bool {
        let bytes = Self.entry(fields)
        let flags = Int32(MSG_NOSIGNAL)
        let count = unsafe address.withAddress { address, length in
            unsafe sendto(descriptor, bytes, bytes.count, flags, address, length)
        }
        return count == bytes.count
    }

    /// An entry as it goes over the socket. A value with a line break is preceded by its length.
    package static func entry(_ fields: [(name: String, value: String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in fields {
            bytes += name.utf8
            let value = Array(value.utf8)
            if value.contains(UInt8(ascii: "\n")) {
                bytes.append(UInt8(ascii: "\n"))
                bytes += (0..<8).map { UInt8(truncatingIfNeeded: value.count >> (8 * $0)) }
            } else {
                bytes.append(UInt8(ascii: "="))
            }
            bytes += value
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    /// The name of a field for a key of a log line's metadata: `SACCADE_` and capitals, digits and underscores, 64 bytes at most.
    package static func fieldName(_ key: String) -> String {
        let letters = key.uppercased().unicodeScalars.map { scalar -> Character in
            ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar) ? Character(scalar) : "_"
        }
        return "SACCADE_" + String(letters.prefix(56))
    }
}
