/// A length of time as people type it.
enum DurationArgument {
    private static let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]

    /// Seconds of `90s`, `30m`, `2h`, `1d`, `1h30m`; nil for another text, and for no time at all.
    static func seconds(_ text: String) -> Double? {
        var total = 0.0
        var digits = ""
        for character in text {
            if character.isASCII, character.isNumber {
                digits.append(character)
            } else {
                guard let unit = units[character], digits.count <= 9, let count = Double(digits) else { return nil }
                total += count * unit
                digits = ""
            }
        }
        return digits.isEmpty && total > 0 ? total : nil
    }
}
