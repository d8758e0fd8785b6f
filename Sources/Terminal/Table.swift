/// Columns of text, as wide as their widest cell.
package struct Table: Sendable {
    package enum Alignment: Sendable {
        case left, right
    }

    private var alignments: [Alignment]
    private var rows: [[String]] = []
    private var header: [String]

    package init(_ columns: (String, Alignment)...) {
        self.init(columns)
    }

    package init(_ columns: [(String, Alignment)]) {
        header = columns.map(\.0)
        alignments = columns.map(\.1)
    }

    package mutating func add(_ cells: String...) {
        add(cells)
    }

    package mutating func add(_ cells: [String]) {
        rows.append(cells)
    }

    /// The lines, the header first. The last column isn't padded.
    package func lines(header withHeader: Bool = true) -> [String] {
        let all = (withHeader ? [header] : []) + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                let isLast = column == row.count - 1
                line += alignments[column] == .right ? padding + cell : isLast ? cell : cell + padding
                if !isLast { line += "  " }
            }
            return line
        }
    }
}
