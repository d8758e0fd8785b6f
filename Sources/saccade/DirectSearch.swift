import Models
import Daemon
import API
import Catalog
import DecodeWorkers
import FolderWatch
import Foundation
import Search
import Settings
import SystemPackage
import Terminal
import Threads

/// Answers from the databases themselves, where no daemon runs.
enum DirectSearch {
    /// - Returns: what a daemon would have answered; nil when there is no index.
    static func answer(
        _ request: API.SearchRequest, configuration: Settings.Configuration
    ) async throws -> API.SearchResponse? {
        guard FileManager.default.fileExists(atPath: Catalog.catalogFile(in: configuration.state).string) else {
            return nil
        }
        let begin = ContinuousClock.now
        let (catalog, searcher) = try await BlockingExecutor.shared.run {
            try forgetGoneFiles(in: configuration.state)
            let catalog = try Catalog(state: configuration.state, access: .readOnly)
            catalog.notices.forEach(warn)
            Terminal.adviseOnBLAS()
            let model = try InstalledModel.loadLive(configuration)
            let searcher = Searcher(
                catalog: catalog,
                index: try SearchIndex(
                    loading: catalog, encoder: model.queries, earlierDigests: model.earlierDigests,
                    reranker: StoredFeatureReranker(model, rows: catalog) {
                        warn("nothing is re-ranked: \($0)")
                    }, clips: model.clips, storage: IndexStorage(configuration.index))
            )
            return (catalog, searcher)
        }
        defer { catalog.close() }
        let checked: Search.SearchRequest
        if request.like.contains(where: \.isPicture) {
            let decoder = try DecodeWorkerPool.executable(configuration.decoder)
            let pool = DecodeWorkerPool(
                configuration: .init(
                    executable: decoder, deadline: .seconds(configuration.ingest.decodeTimeoutSeconds)))
            checked = try await PictureExamples(pool).resolved(request, for: searcher)
        } else {
            checked = try Search.SearchRequest(request)
        }
        return try await BlockingExecutor.shared.run {
            var response = API.SearchResponse(try searcher.search(checked), query: request.query)
            response.timings.total = (ContinuousClock.now - begin) / .milliseconds(1)
            return response
        }
    }

    private static func warn(_ text: String) {
        Terminal.error.line("saccade: \(text)")
    }

    /// Files indexed individually, outside every root, are looked for by the search itself where no daemon does it.
    ///
    /// A state folder that this user can't write, or that another program works on, is searched as it is.
    private static func forgetGoneFiles(in state: FilePath) throws {
        let known = try Catalog(state: state, access: .readOnly)
        let isAnyGone = try !StandaloneFiles(catalog: known).gone().isEmpty
        known.close()
        guard isAnyGone, let catalog = try? Catalog(state: state, access: .readWrite) else { return }
        defer { catalog.close() }
        _ = try StandaloneFiles(catalog: catalog).giveUpGone(at: Date().timeIntervalSince1970)
    }
}
