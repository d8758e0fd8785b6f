import API
import Basics
import Catalog
import Foundation
import HTTPServer
import Logging
import Search
import ServiceLifecycle
import Settings
import Synchronization
import SystemPackage
import Threads

/// A real query socket whose searches all have the same answer, for what the command line asks and what it makes of answers.
final class ScriptedDaemon: Backend {
    private let answer: API.SearchResponse
    private let asked = Mutex<[API.SearchRequest]>([])

    private init(_ answer: API.SearchResponse) {
        self.answer = answer
    }

    /// What was asked, in order.
    var requests: [API.SearchRequest] { asked.withLock { $0 } }

    /// Listens at `socket` for the length of a closure.
    static func run(
        at socket: FilePath, answering answer: API.SearchResponse, _ body: (ScriptedDaemon) async throws -> Void
    ) async throws {
        let daemon = ScriptedDaemon(answer)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = HTTPServer(
            listeners: [.unix(try ListeningSocket.bind(path: socket))],
            access: try SocketAccess(),
            backend: daemon,
            limits: LiveLimits(Configuration.HTTP()),
            events: Broadcast<EventStreamItem>(),
            logger: logger
        )
        let group = ServiceGroup(services: [server], logger: logger)
        async let ended: Void = group.run()
        do {
            try await body(daemon)
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await ended
    }

    func search(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) async throws -> API.SearchResponse {
        asked.withLock { $0.append(request) }
        var answer = answer
        answer.query = request.query
        return answer
    }

    func searchStream(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) -> AsyncThrowingStream<API.SearchResponse, any Error> {
        AsyncThrowingStream { $0.finish(throwing: Self.unscripted) }
    }

    private static let unscripted = APIError(.unavailable, "this daemon only searches")

    func media(_ id: Int64) async throws -> API.Media { throw Self.unscripted }
    func clip(_ id: Int64) async throws -> API.Clip { throw Self.unscripted }
    func description(ofClip id: Int64) async throws -> API.ClipDescription { throw Self.unscripted }
    func thumbnail(ofClip id: Int64, side: Int?) async throws -> [UInt8] { throw Self.unscripted }
    func preview(ofClip id: Int64) async throws -> ServedFile { throw Self.unscripted }
    func file(ofMedia id: Int64) async throws -> ServedFile { throw Self.unscripted }
    func status() async throws -> API.Status { throw Self.unscripted }
    func rescan(root: Int64?) async throws -> API.RescanAccepted { throw Self.unscripted }
    func addRoot(path: API.Path) async throws -> (root: API.Root, isNew: Bool) { throw Self.unscripted }
    func removeRoot(_ id: Int64) async throws { throw Self.unscripted }
    func confirmRemoval(of root: Int64) async throws -> API.ConfirmedRemoval { throw Self.unscripted }
    func pause(seconds: Double?) async throws -> API.IngestState { throw Self.unscripted }
    func resume() async throws -> API.IngestState { throw Self.unscripted }
    func readiness() async -> API.Health { API.Health(problems: [Self.unscripted.message]) }
    func metrics() async throws -> [MetricFamily] { throw Self.unscripted }
    func savedSearches() async throws -> API.SavedSearches { throw Self.unscripted }
    func savedSearch(_ name: String) async throws -> API.SavedSearch { throw Self.unscripted }
    func save(_ search: API.SaveSearch, as name: String) async throws -> (search: API.SavedSearch, isNew: Bool) {
        throw Self.unscripted
    }
    func removeSavedSearch(_ name: String) async throws { throw Self.unscripted }
    func backup(withRerankFeatures hasRerankFeatures: Bool) async throws -> BackupStream { throw Self.unscripted }
    func models() async throws -> API.Models { throw Self.unscripted }
    func useModel(_ request: API.UseModel) async throws -> API.ModelChange { throw Self.unscripted }
    func forgetModel(_ role: API.Models.Role) async throws { throw Self.unscripted }
}
