/// A part of a media file that somebody found and wants to keep.
package struct Moment: Sendable, Equatable {
    /// The file's absolute path: bytes, since names need not be text.
    package var path: [UInt8]
    /// In seconds from the file's beginning.
    package var start: Double
    /// In seconds; that of a still picture is its start.
    package var end: Double
    package var score: Double?
    /// How likely it is to be what was asked for.
    package var probability: Double?

    package init(path: [UInt8], start: Double, end: Double, score: Double? = nil, probability: Double? = nil) {
        self.path = path
        self.start = start
        self.end = end
        self.score = score
        self.probability = probability
    }

    var isStill: Bool { end <= start }

    /// The seconds that it takes in a playlist or a timeline.
    var length: Double { isStill ? Self.stillSeconds : end - start }

    /// How long a still picture is shown.
    static let stillSeconds = 5.0

    /// The file's name, for people.
    var name: String {
        Self.printable(String(decoding: path.split(separator: UInt8(ascii: "/")).last ?? [], as: UTF8.self))
    }

    /// RFC 8089.
    var url: String {
        "file://"
            + path.map { byte in
                Self.unreserved.contains(byte) ? String(Unicode.Scalar(byte)) : "%" + Self.hexadecimal(byte)
            }.joined()
    }

    /// RFC 3986, section 2.3, and the slash.
    private static let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count == 1 ? "0" + digits : digits
    }

    /// Whether the path can stand in a line of its own.
    var isOneLine: Bool { !path.contains { $0 == 0x0A || $0 == 0x0D } }

    /// Text for one line of a file: without line ends and other control characters.
    static func printable(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
