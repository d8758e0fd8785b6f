import Basics
import Catalog
import Fleet
import FolderFakes
import Foundation
import Library
import Logging
import SystemPackage
import TestSupport
import Threads

/// A node of a fleet: a library over a folder of its own, and its part in a shared database.
final class FleetFixture: Sendable {
    let name: String
    let membership: FleetMembership
    let library: LibraryFixture
    let service: FleetService
    private let server: PostgresServer
    private let database: String

    /// - Parameters:
    ///   - database: of `server`.
    ///   - ahead: seconds by which the node's clock differs from the server's.
    init(
        _ name: String, in database: String, of server: PostgresServer, ahead: Double = 1000,
        encoder: FakeEncoder = FakeEncoder(featureBytes: 300), source: FakeSource = FakeSource()
    ) throws {
        let directory = try TemporaryDirectory()
        let state = try FilePath.realPath(of: directory.path).appending("state")
        try FileManager.default.createDirectory(atPath: state.string, withIntermediateDirectories: true)
        self.name = name
        self.server = server
        self.database = database
        // Waits for the database are by a clock of its own, so that nobody has to move one.
        membership = try FleetMembership(
            FleetSettings(url: database, name: name, address: "http://\(name).example"), state: state)
        library = try LibraryFixture(
            in: directory, ahead: ahead, source: source, encoder: encoder, storesRerankFeatures: true,
            shared: membership.claims)
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        service = FleetService(membership, library: library.library, logger: logger)
    }

    /// Writes a file and indexes it as one that was named.
    @discardableResult
    func index(_ text: String, as name: String) async throws -> MediaID? {
        let file = try library.write(text, to: name)
        return try await library.library.index([file]).first?.media
    }

    func compare() throws -> FleetComparison { try membership.compare(library.catalog) }

    /// Numbers that statements give, in one line.
    func ask(_ sql: String) async throws -> String {
        try await server.run(sql, in: database).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    static let counts = """
        SELECT concat_ws(' ', (SELECT count(*) FROM saccade.media), (SELECT count(*) FROM saccade.holdings),
            (SELECT count(*) FROM saccade.places), (SELECT count(*) FROM saccade.clips),
            (SELECT count(*) FROM saccade.vectors_1), (SELECT count(*) FROM saccade.features))
        """
}
