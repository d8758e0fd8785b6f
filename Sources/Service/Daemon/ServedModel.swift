package import Catalog
package import Models
package import Search
package import SystemPackage

/// A model as the daemon needs it.
package struct ServedModel: Sendable {
    package var name: String
    /// Its folder.
    package var directory: FilePath
    package var clips: any ClipEncoder
    package var queries: any QueryEncoder
    /// Whether clips get a memory for re-ranking.
    package var hasMemories: Bool
    /// What re-ranks from a catalog's memories; nil where nothing does.
    package var reranker: @Sendable (Catalog) -> (any Reranker)?

    package init(
        name: String,
        directory: FilePath,
        clips: any ClipEncoder,
        queries: any QueryEncoder,
        hasMemories: Bool = false,
        reranker: @escaping @Sendable (Catalog) -> (any Reranker)? = { _ in nil }
    ) {
        self.name = name
        self.directory = directory
        self.clips = clips
        self.queries = queries
        self.hasMemories = hasMemories
        self.reranker = reranker
    }
}
