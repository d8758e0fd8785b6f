internal import FolderWatch
internal import SystemPackage

/// The small files in which the kernel says how the machine is; a fake stands in for them in tests. Every call blocks.
package protocol SystemFiles: Sendable {
    /// The first bytes of a file as text, 64 KiB at most; nil for one that can't be read.
    func text(of file: String) -> String?
    /// The names in a directory; none for one that can't be read.
    func names(in directory: String) -> [String]
}

/// `/proc` and `/sys` of this machine.
package struct LinuxSystemFiles: SystemFiles {
    package init() {}

    package func text(of file: String) -> String? {
        guard let descriptor = try? FileDescriptor.open(FilePath(file), .readOnly) else { return nil }
        defer { try? descriptor.close() }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 64 << 10 {
            guard let count = try? unsafe part.withUnsafeMutableBytes({ unsafe try descriptor.read(into: $0) }) else {
                return nil
            }
            if count == 0 { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    package func names(in directory: String) -> [String] {
        let entries = try? LinuxFileSystem().entries(of: FilePath(directory))
        return (entries ?? []).map(\.name.string)
    }
}
