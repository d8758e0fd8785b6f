/// A place in a file as people type it.
enum TimeArgument {
    /// `75`, `75.5`, `1:15`, `1:02:03.5`.
    static func seconds(_ text: Substring) -> Double? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count) else { return nil }
        var total = 0.0
        for (place, part) in parts.enumerated() {
            let isLast = place == parts.count - 1
            guard !part.isEmpty, part.allSatisfy({ $0.isASCII && ($0.isNumber || (isLast && $0 == ".")) }),
                let value = Double(part), place == 0 || value < 60
            else { return nil }
            total = total * 60 + value
        }
        return total < 1e7 ? total : nil
    }
}
