internal import GRDB

/// Copies the rows of a table that can be read, out of a database that is damaged.
struct RowCopy {
    /// Where the rows come from.
    let source: Database
    /// Ids of rows, if there were any, that can't be read.
    private(set) var lost: [ClosedRange<Int64>] = []
    private(set) var copied = 0

    init(from source: Database) {
        self.source = source
    }

    /// Hands over each row of a table, in the order of ids, that can be read.
    ///
    /// Where a page can't be read, the ids beyond it are looked for in ever smaller ranges: O(n) look-ups for a page of n rows.
    ///
    /// - Parameters:
    ///   - columns: SQL, what is wanted of each row; the id comes before them.
    ///   - key: the column of ids.
    ///   - last: the greatest id that there can be.
    ///   - take: gets the id and the row; what it throws ends the copy.
    mutating func copy(
        _ table: String, columns: String, key: String, through last: Int64, _ take: (Int64, Row) throws -> Void
    ) throws {
        guard last >= 0 else { return }
        let sql = "SELECT \(key), \(columns) FROM \(table) WHERE \(key) BETWEEN ? AND ? ORDER BY \(key)"
        var ranges = [Int64(0)...last]
        while let range = ranges.popLast() {
            guard let next = try copy(range, sql, take), next <= range.upperBound else { continue }
            guard next < range.upperBound else {
                lose(next...next)
                continue
            }
            let middle = next + (range.upperBound - next) / 2
            ranges += [(middle + 1)...range.upperBound, next...middle]
        }
    }

    /// - Returns: the first id that may be there and could not be read; nil when all could.
    private mutating func copy(
        _ range: ClosedRange<Int64>, _ sql: String, _ take: (Int64, Row) throws -> Void
    ) throws -> Int64? {
        var next = range.lowerBound
        let rows: RowCursor
        do {
            rows = try Row.fetchCursor(
                try source.cachedStatement(sql: sql), arguments: [range.lowerBound, range.upperBound])
        } catch let error as DatabaseError {
            try Self.requireDamage(error)
            return next
        }
        while true {
            let row: Row
            do {
                guard let found = try rows.next() else { return nil }
                row = found
            } catch let error as DatabaseError {
                try Self.requireDamage(error)
                return next
            }
            guard let id = Int64.fromDatabaseValue(row[0]), range.contains(id) else { return next }
            try take(id, row)
            copied += 1
            next = id + 1
        }
    }

    private mutating func lose(_ range: ClosedRange<Int64>) {
        if let previous = lost.last, previous.upperBound + 1 == range.lowerBound {
            lost[lost.count - 1] = previous.lowerBound...range.upperBound
        } else {
            lost.append(range)
        }
    }

    /// What isn't damage, such as a full disk or one that doesn't answer, must not be taken for lost rows.
    static func requireDamage(_ error: DatabaseError) throws {
        guard error.isDamage || error.resultCode == .SQLITE_ERROR else { throw error }
    }
}

extension DatabaseError {
    /// Whether a read has failed because of what it read. A page's number that is too great to be one is told as a full disk.
    var isDamage: Bool {
        [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FULL].contains(resultCode)
            || [.SQLITE_IOERR_READ, .SQLITE_IOERR_SHORT_READ].contains(extendedResultCode)
    }
}
