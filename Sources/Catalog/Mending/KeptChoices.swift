internal import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

/// What people have said and no media can say again: a copy in a small file beside the databases, for a catalog of which not even the tables'
/// names can be read.
struct KeptChoices: Codable, Equatable {
    struct Root: Codable, Equatable {
        var id: RootID
        /// Any bytes.
        var path: Data
        var isConfigured: Bool
    }

    struct Search: Codable, Equatable {
        var id: SavedSearchID
        var name: String
        var request: String
        /// JSON, as the catalog has it.
        var command: String?
        var createdAt: Double
    }

    var format = 1
    var roots: [Root] = []
    var searches: [Search] = []
    /// Any bytes.
    var model: Data?

    private static let format = 1
    /// Bytes of a file at most.
    private static let longest: Int64 = 64 << 20

    static func file(in state: FilePath) -> FilePath { state.appending("choices.json") }

    init() {}

    init(_ db: Database) throws {
        roots = try Row.fetchAll(db, sql: "SELECT id, path, is_configured FROM roots ORDER BY id").map {
            Root(id: $0[0], path: $0[1], isConfigured: $0[2])
        }
        searches = try Row.fetchAll(
            db, sql: "SELECT id, name, request, command, created_at FROM saved_searches ORDER BY id"
        ).map { Search(id: $0[0], name: $0[1], request: $0[2], command: $0[3], createdAt: $0[4]) }
        model = try Data.fetchOne(db, sql: "SELECT folder FROM chosen_model")
    }

    /// - Returns: nil where there is no file that can be read.
    static func read(in state: FilePath) -> KeptChoices? {
        let file = file(in: state)
        guard DatabaseFile.size(file) <= longest, let data = FileManager.default.contents(atPath: file.string),
            let choices = try? JSONDecoder().decode(Self.self, from: data), choices.format <= format
        else { return nil }
        return choices
    }

    /// Replaces the file, if it has another content.
    func write(in state: FilePath) throws {
        DatabaseFile.makePrivate(Self.file(in: state))
        let (file, half) = (Self.file(in: state), state.appending("choices.json.new"))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let data = try encoder.encode(self)
        guard FileManager.default.contents(atPath: file.string) != data else { return }
        let output = try FileDescriptor.open(
            half, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        _ = try output.closeAfter { try output.writeAll(data) }
        DatabaseFile.sync(half)
        try DatabaseFile.move(half, to: file)
    }

    /// Adds what isn't there.
    func add(to db: Database, instead losses: CatalogRescue.Losses, at now: Timestamp) throws {
        if losses.roots {
            for root in roots {
                try db.execute(
                    sql: """
                        INSERT OR IGNORE INTO roots (id, path, state, added_at, is_configured)
                        VALUES (?, ?, 'online', ?, ?)
                        """, arguments: [root.id, root.path, now, root.isConfigured])
            }
        }
        if losses.searches {
            for search in searches {
                try db.execute(
                    sql: """
                        INSERT OR IGNORE INTO saved_searches (id, name, request, command, created_at, after_clip)
                        VALUES (?, ?, ?, ?, ?, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'clips'), 0))
                        """, arguments: [search.id, search.name, search.request, search.command, search.createdAt])
            }
        }
        if let model, losses.model, try Int.fetchOne(db, sql: "SELECT count(*) FROM chosen_model") == 0 {
            try db.execute(sql: "INSERT INTO chosen_model (folder) VALUES (?)", arguments: [model])
        }
    }
}

extension Catalog {
    /// The model that was chosen, where the catalog is damaged; nil when none was.
    package static func keptModel(in state: FilePath) -> FilePath? {
        KeptChoices.read(in: state)?.model.map { FilePath(bytes: $0) }
    }

    /// Copies what people have said into a file of its own. It is for the worst alone, so that what fails here stays without a word.
    func keepChoices() {
        guard access == .readWrite, let choices = try? read({ try KeptChoices($0) }) else { return }
        try? choices.write(in: state)
    }
}
