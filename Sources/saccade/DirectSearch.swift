import Catalog
import Foundation
import Search
import Service
import SystemPackage

/// Answers from the databases themselves, where no daemon runs.
enum DirectSearch {
    /// - Returns: the JSON that a daemon would have sent; nil when there is no index.
    static func answer(_ request: API.SearchRequest, configuration: Service.Configuration) async throws -> [UInt8]? {
        guard FileManager.default.fileExists(atPath: Catalog.catalogFile(in: configuration.state).string) else {
            return nil
        }
        let begin = ContinuousClock.now
        return try await BlockingExecutor.shared.run {
            let catalog = try Catalog(state: configuration.state, access: .readOnly)
            defer { catalog.close() }
            let model = try InstalledModel.load(configuration.model)
            let searcher = Searcher(
                catalog: catalog,
                generation: try SearchGeneration(
                    loading: catalog, encoder: model.queries, reranker: model.reranker(catalog))
            )
            var response = API.SearchResponse(try searcher.search(SearchRequest(request)), query: request.query)
            response.timings.total = (ContinuousClock.now - begin) / .milliseconds(1)
            return Array(try API.encoder().encode(response))
        }
    }
}
