internal import Foundation
internal import GRDB
internal import Synchronization
internal import SystemPackage

/// One of the two databases while it is open. Another file can take its place while others use it: their calls go on with that one.
final class OpenDatabase: Sendable {
    let file: FilePath
    private let current: Mutex<DatabasePool>
    /// What is written no more, since its content is taken over already.
    private let retired = Mutex<ObjectIdentifier?>(nil)
    /// Held while another file takes its place.
    private let exchanging = Mutex(())

    init(_ pool: DatabasePool, file: FilePath) {
        current = Mutex(pool)
        self.file = file
    }

    var pool: DatabasePool { current.withLock { $0 } }

    /// - Throws: ``CatalogError``.
    func read<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try use { try $0.read(body) }
    }

    /// Reads, each statement from a snapshot of its own: one transaction can't be ended after a statement in it met a damaged page.
    ///
    /// - Throws: ``CatalogError``.
    func readStatementwise<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try use { try $0.unsafeRead(body) }
    }

    /// Writes in one transaction.
    ///
    /// - Throws: ``CatalogError``.
    func write<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try use { pool in
            try pool.write { db in
                try requirePresent(pool)
                return try body(db)
            }
        }
    }

    /// As ``write(_:)``, for who holds the other database's writer, which who exchanges this file may wait for.
    ///
    /// - Throws: ``CatalogError``; also `damaged` while another file takes the place of this one.
    func writeAtOnce<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try atOnce { pool in
            try pool.write { db in
                try requirePresent(pool)
                return try body(db)
            }
        }
    }

    /// As ``maintain(_:)``, likewise.
    ///
    /// - Throws: ``CatalogError``; also `damaged` while another file takes the place of this one.
    func maintainAtOnce<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try atOnce { pool in
            try pool.writeWithoutTransaction { db in
                try requirePresent(pool)
                return try body(db)
            }
        }
    }

    /// Outside of any transaction, in the writer's turn.
    ///
    /// - Throws: ``CatalogError``.
    func maintain<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try use { pool in
            try pool.writeWithoutTransaction { db in
                try requirePresent(pool)
                return try body(db)
            }
        }
    }

    private func atOnce<Value>(_ body: (DatabasePool) throws -> Value) throws(CatalogError) -> Value {
        let pool = pool
        do throws(CatalogError) {
            return try translatingErrors(on: file) { try body(pool) }
        } catch {
            guard self.pool === pool, !isRetired(pool) else { throw exchangedMeanwhile }
            throw error
        }
    }

    private func use<Value>(_ body: (DatabasePool) throws -> Value) throws(CatalogError) -> Value {
        while true {
            let pool = pool
            do throws(CatalogError) {
                return try translatingErrors(on: file) { try body(pool) }
            } catch {
                // It may have been closed meanwhile, because another file takes its place.
                exchanging.withLock { _ in }
                guard self.pool !== pool else { throw error }
            }
        }
    }

    private func requirePresent(_ pool: DatabasePool) throws(CatalogError) {
        if isRetired(pool) { throw exchangedMeanwhile }
    }

    private func isRetired(_ pool: DatabasePool) -> Bool { retired.withLock { $0 == ObjectIdentifier(pool) } }

    private var exchangedMeanwhile: CatalogError {
        var error = CatalogError(.damaged, "\(file) is being mended: try again.")
        error.file = file
        return error
    }

    /// Lets another file take the place of `old`; does nothing when one has already.
    ///
    /// - Parameters:
    ///   - takeOver: reads what there is; nothing is written from then on. It has the writer's turn.
    ///   - prepare: what has to be done before; where it fails, `old` goes on.
    ///   - place: puts the new file where the old one was, which is closed, and opens it.
    /// - Returns: whether it was `old` that was exchanged.
    @discardableResult
    func exchange(
        _ old: DatabasePool, takingOver takeOver: (Database) throws -> Void, preparing prepare: () throws -> Void = {},
        placing place: () throws -> DatabasePool
    ) throws(CatalogError) -> Bool {
        try translatingErrors(on: file) {
            try exchanging.withLock { _ in
                guard pool === old else { return false }
                do {
                    try old.writeWithoutTransaction { db in
                        try takeOver(db)
                        retired.withLock { $0 = ObjectIdentifier(old) }
                    }
                    try prepare()
                    // Before the files get other names: the last connection removes what lies beside the old name.
                    try old.close()
                    let new = try place()
                    current.withLock { $0 = new }
                    retired.withLock { $0 = nil }
                    return true
                } catch {
                    retired.withLock { $0 = nil }
                    throw error
                }
            }
        }
    }

    func close() { try? pool.close() }
}
