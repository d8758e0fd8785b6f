import Catalog
package import Library
package import Logging
package import Models
package import Search
import Synchronization
package import SystemPackage

/// Keeps queries with the model that the live index was made with.
///
/// While a new model's index is built, the old one answers, and its queries need the old model. When that is gone the new index
/// takes over at once, as far as it is.
package final class SearchSwitch: Sendable {
    private struct Current {
        var live: LiveIndex
        var search: SearchIndex
    }

    private let library: Library
    private let model: LoadedModel
    private let loadOld: @Sendable (FilePath) throws -> LoadedModel
    private let logger: Logger
    private let current = Mutex<Current?>(nil)

    /// - Parameters:
    ///   - current: The configured model.
    ///   - loadOld: Loads a model's folder. Blocking.
    package init(
        library: Library,
        current: LoadedModel,
        logger: Logger,
        loadOld: @escaping @Sendable (FilePath) throws -> LoadedModel
    ) {
        self.library = library
        model = current
        self.logger = logger
        self.loadOld = loadOld
    }

    /// What queries are to be asked of now: asked at each search, O(1) while the live index stays the same. Blocking.
    ///
    /// - Throws: `SearchError`, `CatalogError`.
    package func index() throws -> SearchIndex {
        try current.withLock { current in
            if let current, library.live === current.live { return current.search }
            let made = try make()
            current = made
            return made.search
        }
    }

    private func make() throws -> Current {
        if let live = library.live, !model.hasDigest(live.record.digest) {
            do {
                let old = try oldModel(of: live)
                logger.info(
                    """
                    the index of model \(live.record.digest.prefix(12)) answers until that of \
                    \(model.digest.prefix(12)) is built
                    """
                )
                return try Current(live: live, search: index(of: old, live))
            } catch {
                logger.warning(
                    """
                    the model of the old index can't be used (\(error)): answers come from the new index, which is not \
                    complete yet
                    """)
            }
            try library.switchNow()
        }
        guard let live = library.live else {
            throw SearchError(.noIndex, "there is no index yet: add a folder with `saccade watch add`")
        }
        return try Current(live: live, search: index(of: model, live))
    }

    private func index(of model: LoadedModel, _ live: LiveIndex) throws -> SearchIndex {
        let reranker = StoredFeatureReranker(model, catalog: library.catalog) { [logger] in
            logger.error("searches answer without re-ranking: \($0)")
        }
        return try SearchIndex(candidates: live, encoder: model.queries, reranker: reranker, clips: model.clips)
    }

    /// - Throws: why there is none.
    private func oldModel(of live: LiveIndex) throws -> LoadedModel {
        guard let folder = live.record.model else {
            throw ModelError(.unreadable, "its folder isn't known")
        }
        let old = try loadOld(folder)
        guard old.hasDigest(live.record.digest) else {
            throw ModelError(.malformed, "\(folder) holds another model now")
        }
        return old
    }
}
