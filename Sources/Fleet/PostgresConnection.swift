internal import CPostgres
internal import Synchronization

/// A connection to a PostgreSQL server. Every method blocks the calling thread; one thread uses it at a time.
///
/// Statements are prepared when they are first used, and never put together from values.
@safe final class PostgresConnection: @unchecked Sendable {
    // The connection and the names are used with the lock held only, and the connection is freed with the last reference.
    private let connection: OpaquePointer
    private var prepared: [String: String] = [:]
    private let lock = Mutex(())
    private(set) var vectors = VectorTypes()

    /// Connects, within seconds or not at all.
    ///
    /// - Parameters:
    ///   - address: a URL or a string of keywords, as libpq takes it.
    ///   - seconds: after which the server gives a statement up.
    /// - Throws: ``PostgresError`` without `state` when nobody answers.
    init(_ address: String, statementTimeout seconds: Double) throws(PostgresError) {
        guard PostgresAddress(address) != nil else { throw PostgresAddress.unusable }
        // What stands before the address is taken unless that says otherwise.
        let settings = [
            ("connect_timeout", "5"), ("fallback_application_name", "saccade"), ("client_encoding", "UTF8"),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "20000"), ("dbname", address),
        ]
        let opened = unsafe Self.withTexts(settings.map(\.0)) { keywords in
            unsafe Self.withTexts(settings.map(\.1)) { values in unsafe PQconnectdbParams(keywords, values, 1) }
        }
        guard let opened = unsafe opened else { throw PostgresError("There is no memory for a connection.") }
        unsafe connection = opened
        guard unsafe PQstatus(opened) == CONNECTION_OK else {
            // It is freed with this object, as every other.
            let message = unsafe Self.text(PQerrorMessage(opened))
            throw PostgresError("The shared database can't be reached: \(message)")
        }
        // The server's notices are nobody's errors, and the default is to print them.
        unsafe _ = PQsetNoticeProcessor(opened, { _, _ in }, nil)
        try run(
            "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false)",
            [.text("\(Int(seconds * 1000))ms")])
        try learnTypes()
    }

    deinit {
        unsafe PQfinish(connection)
    }

    /// Learns the numbers of pgvector's types, where it is installed.
    func learnTypes() throws(PostgresError) {
        let rows = try query(
            "SELECT oid::int8, typarray::int8 FROM pg_type WHERE typname = 'halfvec' AND pg_type_is_visible(oid)")
        guard let row = rows.first, let element = row.integer(0), let array = row.integer(1) else { return }
        vectors = VectorTypes(element: UInt32(truncatingIfNeeded: element), array: UInt32(truncatingIfNeeded: array))
    }

    /// Whether it may be used again.
    var isOpen: Bool { lock.withLock { _ in unsafe PQstatus(connection) == CONNECTION_OK } }

    /// Runs a statement.
    ///
    /// - Returns: How many rows it changed.
    /// - Throws: ``PostgresError``.
    @discardableResult
    func run(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> Int {
        let (_, changed) = try execute(sql, parameters)
        return changed
    }

    /// The rows that a statement gives.
    ///
    /// - Throws: ``PostgresError``.
    func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> [PostgresRow] {
        try execute(sql, parameters).rows
    }

    /// Runs several statements without parameters, in one transaction of their own where none is begun: a migration.
    ///
    /// - Throws: ``PostgresError``.
    func runScript(_ sql: String) throws(PostgresError) {
        try lock.withLock { _ throws(PostgresError) in
            let result = unsafe PQexec(connection, sql)
            defer { unsafe PQclear(result) }
            try unsafe check(result)
        }
    }

    /// Runs `body` in one transaction, and again where another transaction was in its way.
    ///
    /// - Throws: ``PostgresError``, and what `body` throws; nothing is kept then.
    func transaction<Value>(_ body: () throws -> Value) throws -> Value {
        var tries = 0
        while true {
            tries += 1
            do {
                try run("BEGIN")
                let value = try body()
                try run("COMMIT")
                return value
            } catch {
                if isOpen { _ = try? run("ROLLBACK") }
                guard (error as? PostgresError)?.isCollision == true, tries < 5 else { throw error }
            }
        }
    }

    private func execute(
        _ sql: String, _ parameters: [PostgresValue]
    ) throws(PostgresError) -> (rows: [PostgresRow], changed: Int) {
        try lock.withLock { _ throws(PostgresError) in
            let encoded = parameters.map { $0.encoded(vectors) }
            let name = try prepare(sql, parameters)
            let count = Int32(parameters.count)
            let lengths = encoded.map { Int32($0?.count ?? 0) }
            let formats = [Int32](repeating: 1, count: parameters.count)
            let result = unsafe Self.withBytes(encoded) { values in
                unsafe PQexecPrepared(connection, name, count, values, lengths, formats, 1)
            }
            defer { unsafe PQclear(result) }
            try unsafe check(result)
            let columns = unsafe PQnfields(result)
            let rows = unsafe (0..<PQntuples(result)).map { row in
                PostgresRow(
                    (0..<columns).map { column -> [UInt8]? in
                        guard unsafe PQgetisnull(result, row, column) == 0 else { return nil }
                        let length = unsafe Int(PQgetlength(result, row, column))
                        guard let value = unsafe PQgetvalue(result, row, column) else { return nil }
                        return unsafe [UInt8](UnsafeRawBufferPointer(start: value, count: length))
                    })
            }
            return (rows, unsafe Int(Self.text(PQcmdTuples(result))) ?? 0)
        }
    }

    /// The name of a prepared statement. The types that null has are the server's to infer.
    private func prepare(_ sql: String, _ parameters: [PostgresValue]) throws(PostgresError) -> String {
        let types = parameters.map { $0.type(vectors) }
        let key = "\(types) \(sql)"
        if let known = prepared[key] { return known }
        let name = "s\(prepared.count)"
        let result = unsafe PQprepare(connection, name, sql, Int32(types.count), types)
        defer { unsafe PQclear(result) }
        try unsafe check(result)
        prepared[key] = name
        return name
    }

    private func check(_ result: OpaquePointer?) throws(PostgresError) {
        let status = unsafe PQresultStatus(result)
        guard status != PGRES_COMMAND_OK, status != PGRES_TUPLES_OK else { return }
        // PG_DIAG_SQLSTATE and PG_DIAG_MESSAGE_PRIMARY of libpq's postgres_ext.h.
        let state = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { unsafe Self.text($0) }
        let said = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { unsafe Self.text($0) }
        guard unsafe PQstatus(connection) == CONNECTION_OK, let state else {
            let message = unsafe said ?? Self.text(PQerrorMessage(connection))
            throw PostgresError("The connection to the shared database is lost: \(message)")
        }
        throw PostgresError(state: state, "The shared database says: \(said ?? state) (\(state))")
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
        guard let pointer = unsafe pointer else { return "" }
        let text = unsafe String(cString: pointer)
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private static func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
        unsafe text(pointer.map { unsafe UnsafePointer($0) })
    }

    private static func withTexts<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        unsafe withBytes(texts.map { Array($0.utf8) + [0] }) { pointers in unsafe body(pointers) }
    }

    /// The values one after the other in memory, each by its beginning, and a nil behind them; nil for a null.
    private static func withBytes<Result>(
        _ values: [[UInt8]?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let all = values.reduce(into: [UInt8]()) { $0 += $1 ?? [] } + [0]
        return unsafe all.withUnsafeBytes { bytes in
            var offset = 0
            var pointers: [UnsafePointer<CChar>?] = unsafe []
            for value in values {
                guard let value else {
                    unsafe pointers.append(nil)
                    continue
                }
                unsafe pointers.append(bytes.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self))
                offset += value.count
            }
            unsafe pointers.append(nil)
            return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
        }
    }
}
