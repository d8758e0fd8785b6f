/// Finds what someone probably meant to write.
package enum Spelling {
    /// The candidate that is the fewest edits away, or nil when none is near: at most 3 edits and less than half of the name.
    package static func nearest(to name: String, among candidates: [String]) -> String? {
        // Names from a request may be as long as its body; the distance is quadratic.
        guard name.utf8.count <= 64 else { return nil }
        let scored = candidates.map { (name: $0, edits: distance(name, $0)) }
        guard let best = scored.min(by: { ($0.edits, $0.name) < ($1.edits, $1.name) }) else { return nil }
        return best.edits <= min(3, max(1, (name.utf8.count - 1) / 2)) ? best.name : nil
    }

    /// The least number of bytes to insert, remove, replace or swap with a neighbour (optimal string alignment).
    static func distance(_ first: String, _ second: String) -> Int {
        let a = Array(first.utf8)
        let b = Array(second.utf8)
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var edits = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    edits = min(edits, beforeLast[j - 1] + 1)
                }
                row.append(edits)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
