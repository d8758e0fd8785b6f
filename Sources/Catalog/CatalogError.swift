package import Basics
internal import GRDB
internal import SystemPackage

/// Why the catalog could not do what was asked, in words that say what to do about it.
package struct CatalogError: ExplainedError {
    /// The kinds of failure that callers tell apart.
    package enum Code: String, Sendable {
        /// The state folder or a database in it can't be created, opened or read.
        case unreadable
        /// Another process holds the state folder.
        case locked
        /// The file is a database of another program.
        case foreign
        /// A newer version of the program has written the database.
        case newerSchema
        /// The database's content is damaged.
        case damaged
        /// No space is left; nothing of the transaction was kept, and it may be tried again.
        case diskFull
        /// Another connection was in the way for too long; it may be tried again.
        case busy
        /// The root overlaps one that is there already.
        case overlappingRoot
        /// Something of this name is there already.
        case nameTaken
        /// As many as there may be are there.
        case tooMany
        /// What was named is not in the catalog.
        case notFound
        /// The root that was named isn't there at the moment.
        case offline
        /// The catalog was opened to be read only.
        case readOnly
        /// SQLite refused a statement for another reason.
        case sqlite
    }

    package let code: Code
    package let message: String
    /// The database that the error is about, where SQLite said it.
    var file: FilePath?

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory {
        switch code {
        case .locked, .busy: .inUse
        case .unreadable, .notFound: .notFound
        case .diskFull, .offline: .unavailable
        case .readOnly: .notPermitted
        case .foreign, .newerSchema, .damaged, .nameTaken, .tooMany: .invalidInput
        case .overlappingRoot, .sqlite: .unexpected
        }
    }

    /// Whether the same call can succeed later without a change to the catalog's content: a full disk is emptied, a file system
    /// mounted again. What SQLite refuses by a constraint or because the file is damaged stays refused.
    package var mayPass: Bool {
        switch code {
        case .diskFull, .busy, .locked, .readOnly, .unreadable: true
        case .foreign, .newerSchema, .damaged, .overlappingRoot, .nameTaken, .tooMany, .notFound, .offline, .sqlite:
            false
        }
    }

    /// What an error of SQLite on `file` means to the user.
    init(_ error: DatabaseError, file: FilePath) {
        let detail = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_FULL:
            self.init(
                .diskFull,
                "No space is left for \(file): free some, the program goes on by itself. (\(detail))")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(
                .damaged,
                """
                \(file) is damaged (\(detail)): who writes the index next, the daemon or `saccade index`, mends it. What \
                can't be read is indexed again.
                """)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.busy, "\(file) is in use by another process: try again. (\(detail))")
        case .SQLITE_READONLY:
            self.init(
                .readOnly,
                "\(file) can't be written: give this user write permission on it and on its folder. (\(detail))")
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_IOERR:
            self.init(
                .unreadable,
                "\(file) can't be opened or read: check that the folder exists, its permissions and the disk. (\(detail))"
            )
        default:
            self.init(.sqlite, "SQLite on \(file): \(error)")
        }
        self.file = file
    }
}

/// Runs `body`, turning SQLite's errors on `file` into ``CatalogError``.
func translatingErrors<Value>(on file: FilePath, _ body: () throws -> Value) throws(CatalogError) -> Value {
    do {
        return try body()
    } catch let error as CatalogError {
        throw error
    } catch let error as DatabaseError {
        throw CatalogError(error, file: file)
    } catch {
        throw CatalogError(.sqlite, "\(file): \(error)")
    }
}
