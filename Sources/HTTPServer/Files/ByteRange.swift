/// Which bytes of a file a request asks for (RFC 9110, section 14).
enum ByteRange: Equatable {
    case whole
    /// Never empty.
    case part(Range<Int64>)
    /// No byte that was asked for is in the file.
    case unsatisfiable

    /// Several ranges, other units and what can't be read mean the whole file, as the standard allows.
    ///
    /// - Parameter size: Of the file in bytes.
    static func find(_ header: String?, size: Int64) -> ByteRange {
        guard let match = header?.wholeMatch(of: #/bytes=([0-9]*)-([0-9]*)/#) else { return .whole }
        // What doesn't fit is farther than any file goes.
        let numbers = (Int64(match.1) ?? .max, Int64(match.2) ?? .max)
        switch (match.1.isEmpty, match.2.isEmpty) {
        case (true, true):
            return .whole
        case (true, false):
            let count = min(numbers.1, size)
            return count > 0 ? .part(size - count..<size) : .unsatisfiable
        case (false, let isOpen):
            if !isOpen, numbers.1 < numbers.0 { return .whole }
            guard numbers.0 < size else { return .unsatisfiable }
            return .part(numbers.0..<(isOpen ? size : min(size - 1, numbers.1) + 1))
        }
    }
}
