import Catalog
package import Library
package import Logging
package import Models
package import Search
import Synchronization

/// Keeps queries with the model that the live index was made with.
///
/// While a new model's index is built, the old one answers, and its queries need the old model. When that is gone the new index
/// takes over at once, as far as it is.
package final class SearchSwitch: Sendable {
    private struct Current {
        var live: LiveIndex
        var model: LoadedModel
        var search: SearchIndex
    }

    private let library: Library
    private let models: LoadedModels
    private let logger: Logger
    private let current = Mutex<Current?>(nil)

    package init(library: Library, models: LoadedModels, logger: Logger) {
        self.library = library
        self.models = models
        self.logger = logger
    }

    /// What queries are to be asked of now: asked at each search, O(1) while the live index stays the same. Blocking.
    ///
    /// - Throws: `SearchError`, `CatalogError`, `ModelError`.
    package func index() throws -> SearchIndex { try now().search }

    /// The model that answers. Blocking, as ``index()``.
    package func model() throws -> LoadedModel { try now().model }

    private func now() throws -> Current {
        try current.withLock { current in
            if let current, library.live === current.live { return current }
            let made = try make()
            current = made
            models.drop(besides: [made.live.record, library.indexRecord])
            return made
        }
    }

    private func make() throws -> Current {
        guard let live = library.live else { throw Self.noIndex }
        do {
            return try current(live, try models.model(of: live.record))
        } catch  where live.record.id != library.indexRecord.id {
            logger.warning(
                """
                the model of the old index can't be used (\(error)): answers come from the new index, which is not complete \
                yet
                """)
        }
        try library.switchNow()
        guard let next = library.live else { throw Self.noIndex }
        return try current(next, try models.model(of: next.record))
    }

    private static let noIndex = SearchError(
        .noIndex, "there is no index yet: add a folder with `saccade watch add`")

    private func current(_ live: LiveIndex, _ model: LoadedModel) throws -> Current {
        let reranker = StoredFeatureReranker(model, rows: library.catalog) { [logger] in
            logger.error("searches answer without re-ranking: \($0)")
        }
        return Current(
            live: live, model: model,
            search: try SearchIndex(candidates: live, encoder: model.queries, reranker: reranker, clips: model.clips))
    }
}
