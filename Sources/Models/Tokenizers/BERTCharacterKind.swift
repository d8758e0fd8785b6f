/// What the reference tokenizer does with a Unicode scalar, beside replacing it.
enum BERTCharacterKind: UInt8 {
    /// Part of a word; every scalar that the table doesn't name.
    case word
    /// Dropped: control and format characters, private use, U+FFFD, and non-spacing marks.
    case removed
    /// Dropped too, after it has kept the marks before it from being ordered with those after it.
    case blockingMark
    /// Ends a word.
    case space
    /// A word by itself, or becomes one.
    case punctuation
    /// A Chinese character: a word by itself.
    case ideograph

    /// The kind of a scalar. O(log of the table's length), O(1) in ASCII.
    static func of(_ scalar: UInt32) -> BERTCharacterKind {
        if scalar < 0x80 {
            switch scalar {
            case 0x61...0x7A, 0x41...0x5A, 0x30...0x39: return .word
            case 0x20, 0x09, 0x0A, 0x0D: return .space
            case 0x00..<0x20, 0x7F: return .removed
            default: return .punctuation
            }
        }
        let table = BERTCharacterTable.kinds
        var low = 0
        var high = table.count
        while low < high {
            let middle = (low + high) / 2
            if table[middle].last < scalar { low = middle + 1 } else { high = middle }
        }
        return low < table.count && table[low].first <= scalar ? table[low].kind : .word
    }
}

extension BERTCharacterTable {
    /// Hands out what a scalar becomes once it is decomposed, stripped of its accents and in lower case.
    ///
    /// Hangul syllables are decomposed by arithmetic (Unicode Standard, section 3.12).
    static func forEachReplacement(of scalar: UInt32, _ body: (UInt32) -> Void) {
        if scalar < 0x80 {
            return body((0x41...0x5A).contains(scalar) ? scalar + 0x20 : scalar)
        }
        if (0xAC00...0xD7A3).contains(scalar) {
            let index = scalar - 0xAC00
            body(0x1100 + index / 588)
            body(0x1161 + index % 588 / 28)
            if index % 28 > 0 { body(0x11A7 + index % 28) }
            return
        }
        if let row = row(of: scalar, in: mappings, width: 2) {
            return body(mappings[row + 1])
        }
        if let row = row(of: scalar, in: expansions, width: 4) {
            for part in expansions[row + 1..<row + 4] where part != 0 { body(part) }
            return
        }
        body(scalar)
    }

    /// The canonical combining class of a mark that the reference keeps; 0 for everything else.
    static func combiningClass(of scalar: UInt32) -> UInt32 {
        guard scalar >= combiningClasses[0] else { return 0 }
        for row in stride(from: 0, to: combiningClasses.count, by: 3)
        where combiningClasses[row] <= scalar && scalar <= combiningClasses[row + 1] {
            return combiningClasses[row + 2]
        }
        return 0
    }

    private static func row(of scalar: UInt32, in table: [UInt32], width: Int) -> Int? {
        var low = 0
        var high = table.count / width
        while low < high {
            let middle = (low + high) / 2
            if table[middle * width] < scalar { low = middle + 1 } else { high = middle }
        }
        return low * width < table.count && table[low * width] == scalar ? low * width : nil
    }
}
