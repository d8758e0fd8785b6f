import Catalog
package import Library

package import Logging
package import Models
package import Search

package import SystemPackage

/// Keeps queries with the model that the live index was made with.
///
/// While a new model's index is built, the old one answers, and its queries need the old model. When that is gone the new index
/// takes over at once, as far as it is.
package struct SearchSwitch: Sendable {
    private let library: Library
    private let current: LoadedModel
    private let loadOld: @Sendable (FilePath) throws -> LoadedModel
    private let logger: Logger

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
        self.current = current
        self.logger = logger
        self.loadOld = loadOld
    }

    /// What queries are to be asked of now. Blocking.
    ///
    /// - Throws: `SearchError`, `CatalogError`.
    package func index() throws -> SearchIndex {
        if let live = library.live, !current.hasDigest(live.generation.digest) {
            if let old = oldModel(of: live) {
                logger.info(
                    """
                    the index of model \(live.generation.digest.prefix(12)) answers until that of \
                    \(current.digest.prefix(12)) is built
                    """
                )
                return try index(of: old, live)
            }
            logger.warning(
                "the model of the old index is gone: answers come from the new one, which is not complete yet")
            try library.switchNow()
        }
        guard let live = library.live else {
            throw SearchError(.noIndex, "there is no index yet: add a folder with `saccade watch add`")
        }
        return try index(of: current, live)
    }

    private func index(of model: LoadedModel, _ live: LiveIndex) throws -> SearchIndex {
        let reranker = StoredFeatureReranker(model, catalog: library.catalog) { [logger] in
            logger.error("searches answer without re-ranking: \($0)")
        }
        return try SearchIndex(candidates: live, encoder: model.queries, reranker: reranker)
    }

    private func oldModel(of live: LiveIndex) -> LoadedModel? {
        guard let folder = live.generation.model, let model = try? loadOld(folder),
            model.hasDigest(live.generation.digest)
        else { return nil }
        return model
    }
}
