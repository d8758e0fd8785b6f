/// A shell-like pattern over a whole absolute path.
///
/// | pattern | matches |
/// |---|---|
/// | `*` | any characters but `/` |
/// | `**` | any characters, `/` among them |
/// | `**/` | any number of folders, also none |
/// | `?` | one character but `/` |
/// | `[abc]`, `[a-z]`, `[!a-z]` | one character of the set, or none of it, but never `/` |
/// | `\x` | the character x itself |
///
/// A pattern that doesn't begin with `/` may begin at any folder: `*.mp4` matches every MP4 file, `2024/**` everything in any folder named
/// 2024. Case counts. A byte that isn't part of valid UTF-8 is one character, which `*` and `?` match. O(path × pattern) at worst.
package struct PathGlob: Sendable, Equatable {
    /// Characters of a pattern at most.
    package static let maximumLength = 512

    enum Token: Sendable {
        case literal(UInt32)
        case set([ClosedRange<UInt32>], negated: Bool)
        case one
        case run
        case deepRun
        /// `**/`: nothing, or anything that ends in a slash.
        case folders

        var isLiteral: Bool {
            if case .literal = self { true } else { false }
        }

        /// Whether what follows it begins a name.
        var endsInSlash: Bool {
            switch self {
            case .literal(let character): character == PathGlob.slash
            case .folders: true
            case .set, .one, .run, .deepRun: false
            }
        }

        /// Whether it stands for exactly one character, and for this one.
        func takes(_ character: UInt32) -> Bool {
            switch self {
            case .literal(let wanted): character == wanted
            case .set(let ranges, let negated):
                character != PathGlob.slash && ranges.contains { $0.contains(character) } != negated
            case .one: character != PathGlob.slash
            case .run, .deepRun, .folders: false
            }
        }
    }

    static let slash = UInt32(UInt8(ascii: "/"))
    /// What it was made of.
    package let pattern: String
    private let tokens: [Token]
    /// The same for patterns that fit a word, as nearly all do.
    private let short: ShortGlob?

    /// - Throws: ``InvalidFilter`` when the pattern is empty, too long, or has an open bracket or a last backslash.
    package init(_ pattern: String) throws(InvalidFilter) {
        var characters = pattern.unicodeScalars.map(\.value)
        guard !characters.isEmpty, characters.count <= Self.maximumLength, !characters.contains(0) else {
            throw InvalidFilter(.pathGlob, "must have 1 to \(Self.maximumLength) characters, none of them NUL")
        }
        let isAnchored =
            characters[0] == Self.slash || characters.starts(with: [UInt32(UInt8(ascii: "\\")), Self.slash])
        if !isAnchored { characters = Array("/**/".unicodeScalars.map(\.value)) + characters }
        self.pattern = pattern
        tokens = try Self.parse(characters)
        short = ShortGlob(tokens)
    }

    /// A regular expression of POSIX's extended kind, with the escapes of PostgreSQL, over a path's bytes as characters of Latin-1. All paths that the
    /// pattern matches match it, and some others: of one character it says that it has one to four bytes.
    package var wideExpression: String {
        let parts = tokens.map { token -> String in
            switch token {
            case .literal(let character): Self.expression(of: character)
            case .set, .one: "[^/]{1,4}"
            case .run: "[^/]*"
            case .deepRun: ".*"
            case .folders: "(?:.*/)?"
            }
        }
        return "^" + parts.joined() + "$"
    }

    private static func expression(of character: UInt32) -> String {
        guard let scalar = Unicode.Scalar(character) else { return "[^/]{1,4}" }
        var expression = ""
        for byte in String(scalar).utf8 {
            let digits = String(byte, radix: 16)
            expression += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        return expression
    }

    private static func parse(_ characters: [UInt32]) throws(InvalidFilter) -> [Token] {
        var tokens: [Token] = []
        var rest = characters[...]
        while let character = rest.popFirst() {
            switch character {
            case UInt32(UInt8(ascii: "*")):
                let stars = 1 + rest.prefix { $0 == character }.count
                rest = rest.dropFirst(stars - 1)
                if stars == 1 {
                    tokens.append(.run)
                } else if rest.first == slash, tokens.last?.endsInSlash == true {
                    rest = rest.dropFirst()
                    tokens.append(.folders)
                } else {
                    tokens.append(.deepRun)
                }
            case UInt32(UInt8(ascii: "?")):
                tokens.append(.one)
            case UInt32(UInt8(ascii: "[")):
                tokens.append(try parseSet(&rest))
            case UInt32(UInt8(ascii: "\\")):
                guard let escaped = rest.popFirst() else {
                    throw InvalidFilter(.pathGlob, "ends in a backslash: write two for the character itself")
                }
                tokens.append(.literal(escaped))
            default:
                tokens.append(.literal(character))
            }
        }
        return tokens
    }

    private static func parseSet(_ rest: inout ArraySlice<UInt32>) throws(InvalidFilter) -> Token {
        var ranges: [ClosedRange<UInt32>] = []
        let negated = rest.first == UInt32(UInt8(ascii: "!")) || rest.first == UInt32(UInt8(ascii: "^"))
        if negated { rest = rest.dropFirst() }
        let dash = UInt32(UInt8(ascii: "-"))
        let end = UInt32(UInt8(ascii: "]"))
        var isFirst = true
        while let character = rest.popFirst() {
            // As in every shell, a bracket that comes first is a member.
            if character == end, !isFirst { return .set(ranges, negated: negated) }
            isFirst = false
            if rest.first == dash, let last = rest.dropFirst().first, last != end {
                rest = rest.dropFirst(2)
                guard last >= character else {
                    throw InvalidFilter(.pathGlob, "has a range that runs backwards in its brackets: write [a-z]")
                }
                ranges.append(character...last)
            } else {
                ranges.append(character...character)
            }
        }
        throw InvalidFilter(.pathGlob, "has a bracket that isn't closed: write \\[ for the character itself")
    }

    package static func == (first: PathGlob, second: PathGlob) -> Bool { first.pattern == second.pattern }

    /// The bytes that every path begins with that the pattern matches.
    package var literalPrefix: [UInt8] {
        var prefix = ""
        for case .literal(let character) in tokens.prefix(while: \.isLiteral) {
            guard let scalar = Unicode.Scalar(character) else { break }
            prefix.unicodeScalars.append(scalar)
        }
        return Array(prefix.utf8)
    }

    /// Whether the pattern matches all of `path`.
    package func matches(_ path: some Collection<UInt8>) -> Bool {
        var characters = PathCharacters(path)
        if let short { return short.matches(&characters) }
        var states = StateSet(count: tokens.count + 1)
        enter(0, &states)
        while let character = characters.next() {
            var next = StateSet(count: tokens.count + 1)
            states.forEach { state in
                if state < tokens.count { advance(from: state, over: character, &next) }
            }
            guard !next.isEmpty else { return false }
            states = next
        }
        return states.contains(tokens.count)
    }

    /// Adds a state and those that are reached from it without a character.
    private func enter(_ state: Int, _ states: inout StateSet) {
        var state = state
        while states.insert(state), state < tokens.count {
            switch tokens[state] {
            case .run, .deepRun, .folders: state += 1
            case .literal, .set, .one: return
            }
        }
    }

    private func advance(from state: Int, over character: UInt32, _ next: inout StateSet) {
        let token = tokens[state]
        switch token {
        case .literal, .set, .one:
            if token.takes(character) { enter(state + 1, &next) }
        case .run:
            if character != Self.slash { enter(state, &next) }
        case .deepRun:
            enter(state, &next)
        case .folders:
            // Without what follows: only a slash ends the folders once they have begun.
            next.insert(state)
            if character == Self.slash { enter(state + 1, &next) }
        }
    }
}

/// A set of numbers below ``capacity``, without memory of its own: one is made for every path of a library.
private struct StateSet {
    /// The states of the longest pattern with its prefix and its end.
    static let capacity = 9 * 64

    private var words = InlineArray<9, UInt64>(repeating: 0)
    private let used: Int

    /// - Parameter count: numbers are below it.
    init(count: Int) {
        used = (count + 63) / 64
    }

    var isEmpty: Bool {
        for word in 0..<used where words[word] != 0 { return false }
        return true
    }

    func contains(_ state: Int) -> Bool { words[state / 64] >> UInt64(state % 64) & 1 == 1 }

    /// Whether it wasn't there.
    @discardableResult
    mutating func insert(_ state: Int) -> Bool {
        guard !contains(state) else { return false }
        words[state / 64] |= 1 << UInt64(state % 64)
        return true
    }

    func forEach(_ body: (Int) -> Void) {
        for word in 0..<used {
            var left = words[word]
            while left != 0 {
                body(word * 64 + left.trailingZeroBitCount)
                left &= left - 1
            }
        }
    }
}

/// The characters of a path: Unicode scalars, and each byte that isn't part of one as a number beyond them.
struct PathCharacters: IteratorProtocol {
    private static let firstForBytes: UInt32 = 0x11_0000

    private let bytes: [UInt8]
    private var place = 0

    init(_ path: some Collection<UInt8>) {
        bytes = Array(path)
    }

    mutating func next() -> UInt32? {
        guard place < bytes.count else { return nil }
        let first = bytes[place]
        if first < 0x80 {
            place += 1
            return UInt32(first)
        }
        var source = bytes[place...].prefix(4).makeIterator()
        var codec = UTF8()
        if case .scalarValue(let scalar) = codec.decode(&source) {
            place += UTF8.width(scalar)
            return scalar.value
        }
        place += 1
        return Self.firstForBytes + UInt32(first)
    }
}
