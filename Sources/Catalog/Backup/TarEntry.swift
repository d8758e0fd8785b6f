/// One header of a tar file in the form of POSIX.1-1988 ("ustar"), of a plain file.
///
/// Source: POSIX.1-2017, pax, "ustar Interchange Format"; sizes of 8 GiB and more in base 256, as GNU tar writes them.
struct TarEntry: Equatable {
    static let blockSize = 512

    var name: String
    var size: Int64
    /// Seconds since 1970.
    var modified: Int64

    /// Bytes after the content, up to the next block.
    var padding: Int { Int((Int64(Self.blockSize) - size % Int64(Self.blockSize)) % Int64(Self.blockSize)) }

    init(name: String, size: Int64, modified: Int64) {
        self.name = name
        self.size = size
        self.modified = modified
    }

    private enum Field {
        static let name = 0..<100
        static let mode = 100..<108
        static let user = 108..<116
        static let group = 116..<124
        static let size = 124..<136
        static let modified = 136..<148
        static let checksum = 148..<156
        static let type = 156
        static let magic = 257..<265
    }

    private static let magic = Array("ustar\u{0}00".utf8)
    private static let plainFile = UInt8(ascii: "0")

    /// The header's 512 bytes.
    var block: [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockSize)
        block.replaceSubrange(Field.name.prefix(name.utf8.count), with: name.utf8)
        for (field, value) in [
            (Field.mode, 0o600), (Field.user, 0), (Field.group, 0), (Field.size, size), (Field.modified, modified),
        ] {
            block.replaceSubrange(field, with: Self.number(value, length: field.count))
        }
        block[Field.type] = Self.plainFile
        block.replaceSubrange(Field.magic, with: Self.magic)
        block.replaceSubrange(Field.checksum, with: Self.number(Self.sum(block), length: 7) + [0x20])
        return block
    }

    /// - Returns: nil for anything but the header of a plain file, with a right sum.
    init?(block: some Collection<UInt8>) {
        let block = Array(block)
        guard block.count == Self.blockSize, block[Field.type] == Self.plainFile,
            block[Field.magic].elementsEqual(Self.magic),
            Self.value(block[Field.checksum]) == Self.sum(block),
            let size = Self.value(block[Field.size]), let modified = Self.value(block[Field.modified])
        else { return nil }
        self.init(
            name: String(decoding: block[Field.name].prefix { $0 != 0 }, as: UTF8.self), size: size, modified: modified)
    }

    /// Of all bytes, with blanks in place of the sum itself.
    private static func sum(_ block: [UInt8]) -> Int64 {
        let blanks = Field.checksum.count * 0x20
        let others = block.enumerated().reduce(0) { Field.checksum.contains($1.offset) ? $0 : $0 + Int($1.element) }
        return Int64(others + blanks)
    }

    /// Octal digits and a zero byte; or base 256, when there are too many.
    private static func number(_ value: Int64, length: Int) -> [UInt8] {
        let digits = Array(String(value, radix: 8).utf8)
        guard digits.count < length else {
            return [0x80]
                + (0..<(length - 1)).reversed().map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * Int64($0))) : 0 }
        }
        return [UInt8](repeating: UInt8(ascii: "0"), count: length - 1 - digits.count) + digits + [0]
    }

    /// - Returns: nil for what is no number from 0 to 2⁶³ − 1.
    private static func value(_ field: some Collection<UInt8>) -> Int64? {
        if field.first == 0x80 {
            var value: UInt64 = 0
            for byte in field.dropFirst() {
                guard value >> 55 == 0 else { return nil }
                value = value << 8 | UInt64(byte)
            }
            return Int64(exactly: value)
        }
        let digits = field.prefix { $0 != 0 && $0 != 0x20 }
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
        return Int64(String(decoding: digits, as: UTF8.self), radix: 8)
    }
}
