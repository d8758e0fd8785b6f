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
    package var reranker: MakeReranker
    /// Writes the most likely sentence about a clip from its stored memory, and says how likely. Blocking. Nil for a model without a
    /// Slow part, or one that writes no sentences.
    ///
    /// It throws `ModelError` for bytes that are no memory of this model.
    package var describe: Describe?

    /// - Parameter report: is told why memories can't be read.
    package typealias MakeReranker =
        @Sendable (
            _ catalog: Catalog, _ report: @escaping @Sendable (CatalogError) -> Void
        ) -> (any Reranker)?

    package typealias Describe = @Sendable (_ memory: [UInt8]) throws -> (sentence: String, score: Double)

    package init(
        name: String,
        directory: FilePath,
        clips: any ClipEncoder,
        queries: any QueryEncoder,
        hasMemories: Bool = false,
        reranker: @escaping MakeReranker = { _, _ in nil },
        describe: Describe? = nil
    ) {
        self.name = name
        self.directory = directory
        self.clips = clips
        self.queries = queries
        self.hasMemories = hasMemories
        self.reranker = reranker
        self.describe = describe
    }
}
