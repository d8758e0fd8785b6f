/// A pattern of less than 64 tokens, with a bit for each state: a character costs a few operations, whatever the pattern is.
///
/// Source: the shift-and algorithm, Baeza-Yates and Gonnet, "A new approach to text searching", 1992.
struct ShortGlob: Sendable {
    /// For each ASCII character, the tokens that stand for it.
    private let takers: [UInt64]
    private let tokens: [PathGlob.Token]
    private var runs: UInt64 = 0
    private var deepRuns: UInt64 = 0
    private var folders: UInt64 = 0

    /// - Returns: nil for a pattern that is too long.
    init?(_ tokens: [PathGlob.Token]) {
        guard tokens.count < 64 else { return nil }
        self.tokens = tokens
        takers = (0..<128).map { Self.takers(of: $0, tokens) }
        for (place, token) in tokens.enumerated() {
            switch token {
            case .run: runs |= 1 << UInt64(place)
            case .deepRun: deepRuns |= 1 << UInt64(place)
            case .folders: folders |= 1 << UInt64(place)
            case .literal, .set, .one: continue
            }
        }
    }

    private static func takers(of character: UInt32, _ tokens: [PathGlob.Token]) -> UInt64 {
        var bits: UInt64 = 0
        for (place, token) in tokens.enumerated() where token.takes(character) { bits |= 1 << UInt64(place) }
        return bits
    }

    func matches(_ characters: inout PathCharacters) -> Bool {
        var states = closed(1)
        while let character = characters.next() {
            let takers = character < 128 ? takers[Int(character)] : Self.takers(of: character, tokens)
            var entered = (states & takers) << 1
            if character == PathGlob.slash {
                entered |= states & deepRuns | (states & folders) << 1
            } else {
                entered |= states & (runs | deepRuns)
            }
            // Folders that have begun end with a slash only, so what follows them isn't entered with them.
            states = closed(entered) | states & folders
            guard states != 0 else { return false }
        }
        return states >> UInt64(tokens.count) & 1 == 1
    }

    /// With the states that are reached without a character.
    private func closed(_ states: UInt64) -> UInt64 {
        var all = states
        var latest = states
        while latest != 0 {
            latest = (latest & (runs | deepRuns | folders)) << 1 & ~all
            all |= latest
        }
        return all
    }
}
