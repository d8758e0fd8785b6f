/// The replacements that SentencePiece does before anything else: the longest key at each place becomes its value.
///
/// They come as a double array with the values after it, as `darts-clone` makes them: a transition from node n by byte c leads to
/// n ⊕ offset ⊕ c if the unit there carries the label c.
///
/// Sources: sentencepiece 0.2, `normalizer.cc`; S. Yata's darts-clone; J. Aoe, "An efficient digital search algorithm by using a
/// double-array structure", 1989.
struct CharacterMap: Sendable {
    private let units: [UInt32]
    private let values: [UInt8]

    /// - Parameter blob: the double array's length in bytes (4, little-endian), its units (4 each, little-endian), the values, each
    ///   ended by a zero. Empty for a map that replaces nothing. Places in it are checked as they are used.
    /// - Throws: ``ModelError`` when the lengths don't fit each other.
    init(_ blob: [UInt8]) throws(ModelError) {
        func word(_ place: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(blob[place + $1]) << (8 * $1) } }
        if blob.isEmpty {
            (units, values) = ([], [])
            return
        }
        guard blob.count >= 4, word(0) % 4 == 0, Int(word(0)) <= blob.count - 4 else {
            throw ModelError(.malformed, "its character map is damaged; fetch the file again")
        }
        units = stride(from: 4, to: 4 + Int(word(0)), by: 4).map { word($0) }
        values = [UInt8](blob[(4 + Int(word(0)))...])
    }

    /// What the longest key that the text has at `start` becomes, and where the key ends; nil when there is no key.
    ///
    /// - Parameter shortest: takes the shortest key instead.
    func replacement(
        in text: [UInt8], at start: Int, shortest: Bool = false
    ) -> (value: ArraySlice<UInt8>, end: Int)? {
        guard var unit = units.first else { return nil }
        var node = Self.offset(of: unit)
        var found: (value: Int, end: Int)?
        for place in start..<text.count {
            node ^= Int(text[place])
            guard node < units.count else { break }
            unit = units[node]
            guard Self.label(of: unit) == UInt32(text[place]) else { break }
            node ^= Self.offset(of: unit)
            if Self.hasValue(unit), node < units.count {
                found = (Self.value(of: units[node]), place + 1)
                if shortest { break }
            }
        }
        guard let found, found.value < values.count else { return nil }
        let end = values[found.value...].firstIndex(of: 0) ?? values.count
        return (values[found.value..<end], found.end)
    }

    private static func hasValue(_ unit: UInt32) -> Bool { unit >> 8 & 1 == 1 }
    private static func value(of unit: UInt32) -> Int { Int(unit & 0x7FFF_FFFF) }
    /// Of a unit that holds a value it is no byte.
    private static func label(of unit: UInt32) -> UInt32 { unit & 0x8000_00FF }
    private static func offset(of unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
}
