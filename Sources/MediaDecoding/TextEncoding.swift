/// What the bytes of a text say, whatever they are encoded in.
///
/// A mark at the beginning (BOM) decides. Without one, UTF-16 is known by its zeros, UTF-8 by being valid, or nearly so, and everything
/// else is taken for Windows-1252, of which Latin-1 is a part.
package enum TextEncoding {
    /// The text in UTF-8, without the mark and without zeros. Bytes that mean nothing become U+FFFD.
    package static func utf8(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return text(bytes.dropFirst(3)) }
        if bytes.starts(with: [0xFF, 0xFE]) { return utf16(bytes.dropFirst(2), isLittleEndian: true) }
        if bytes.starts(with: [0xFE, 0xFF]) { return utf16(bytes.dropFirst(2), isLittleEndian: false) }
        if let isLittleEndian = looksLikeUTF16(bytes) { return utf16(bytes, isLittleEndian: isLittleEndian) }
        return text(bytes)
    }

    /// Whether there is nothing to convert: valid UTF-8 without a mark and without zeros.
    package static func isPlainUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.contains(0) && !bytes.starts(with: [0xEF, 0xBB, 0xBF]) && isUTF8(bytes)
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        if isUTF8(bytes) { return bytes.contains(0) ? bytes.filter { $0 != 0 } : Array(bytes) }
        let quality = quality(of: bytes)
        // A text that was cut off, or has a slip, is still UTF-8.
        if quality.sequences > 4 * quality.broken {
            return String(decoding: bytes, as: UTF8.self).utf8.filter { $0 != 0 }
        }
        var converted: [UInt8] = []
        converted.reserveCapacity(bytes.count + bytes.count / 8)
        for byte in bytes where byte != 0 {
            if byte < 0x80 { converted.append(byte) } else { converted += String(windows1252(byte)).utf8 }
        }
        return converted
    }

    private static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// How many sequences of several bytes are valid UTF-8, and how many bytes are none.
    private static func quality(of bytes: ArraySlice<UInt8>) -> (sequences: Int, broken: Int) {
        var (sequences, broken) = (0, 0)
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        while true {
            switch parser.parseScalar(from: &rest) {
            case .valid(let sequence): sequences += sequence.count > 1 ? 1 : 0
            case .error: broken += 1
            case .emptyInput: return (sequences, broken)
            }
        }
    }

    /// Whether every other byte of the beginning is mostly zero, as in UTF-16 of European languages, and which.
    private static func looksLikeUTF16(_ bytes: ArraySlice<UInt8>) -> Bool? {
        let head = bytes.prefix(512)
        guard head.count >= 4 else { return nil }
        var zeros = [0, 0]
        for (place, byte) in head.enumerated() where byte == 0 { zeros[place % 2] += 1 }
        let many = head.count / 4
        if zeros[1] > many, zeros[0] < many / 8 + 1 { return true }
        if zeros[0] > many, zeros[1] < many / 8 + 1 { return false }
        return nil
    }

    private static func utf16(_ bytes: ArraySlice<UInt8>, isLittleEndian: Bool) -> [UInt8] {
        let start = bytes.startIndex
        let units = (0..<bytes.count / 2).map { place in
            let (first, second) = (UInt16(bytes[start + 2 * place]), UInt16(bytes[start + 2 * place + 1]))
            return isLittleEndian ? second << 8 | first : first << 8 | second
        }
        return String(decoding: units, as: UTF16.self).utf8.filter { $0 != 0 }
    }

    /// The Encoding Standard's index windows-1252: 0x80 to 0x9F differ from Latin-1.
    private static func windows1252(_ byte: UInt8) -> Unicode.Scalar {
        let special: [UInt16] = [
            0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,
            0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
            0x0153, 0x9D, 0x017E, 0x0178,
        ]
        guard (0x80...0x9F).contains(byte) else { return Unicode.Scalar(byte) }
        return Unicode.Scalar(special[Int(byte) - 0x80]) ?? Unicode.Scalar(byte)
    }
}
