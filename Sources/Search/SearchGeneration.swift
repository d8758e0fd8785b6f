package import Catalog

package import Models

package import VectorIndex

/// What one generation is searched with.
package struct SearchGeneration: Sendable {
    package let index: VectorIndex
    package let encoder: any QueryEncoder
    package let reranker: (any Reranker)?

    /// - Throws: ``SearchError`` `other_model` when the parts don't belong together.
    package init(
        index: VectorIndex, encoder: any QueryEncoder, reranker: (any Reranker)? = nil
    ) throws(SearchError) {
        guard index.dimensions == encoder.dimensions else {
            throw SearchError(
                .otherModel,
                """
                The index has \(index.dimensions) dimensions and the model \(encoder.dimensions): use the model that the \
                index was made with, or index again.
                """)
        }
        guard reranker == nil || reranker?.modelDigest == encoder.modelDigest else {
            throw SearchError(
                .otherModel, "The Fast and the Slow model are of different generations: reinstall the model.")
        }
        self.index = index
        self.encoder = encoder
        self.reranker = reranker
    }

    /// Loads the live generation of a catalog into memory. Works beside a daemon that writes to it. Blocks the calling thread.
    ///
    /// - Throws: ``SearchError`` `no_index` when there is no generation, `other_model` when it was made with another model;
    ///   ``CatalogError``.
    package init(
        loading catalog: Catalog, encoder: any QueryEncoder, reranker: (any Reranker)? = nil
    ) throws {
        guard let live = try catalog.liveGeneration() else {
            throw SearchError(
                .noIndex,
                "Nothing is indexed in \(catalog.state) yet: run `saccade index FILE…` or `saccade watch add`.")
        }
        guard live.digest == encoder.modelDigest else {
            throw SearchError(
                .otherModel,
                """
                The index in \(catalog.state) was made with the model \(live.digest.prefix(12)) and this is \
                \(encoder.modelDigest.prefix(12)): name the first's folder with SACCADE_MODEL or the key `model`, or index again.
                """)
        }
        let index = try VectorIndex(dimensions: live.dimensions)
        try index.load(live.id, from: catalog)
        try self.init(index: index, encoder: encoder, reranker: reranker)
    }
}

extension VectorIndex {
    /// Vectors that one read of the catalog takes: a full segment, so that none is copied.
    private static let batch = 8_192

    /// Puts every vector of a generation into the index, without damaged ones.
    package func load(_ generation: GenerationID, from catalog: Catalog) throws {
        var last: ClipID = 0
        while true {
            let rows = try catalog.embeddings(of: generation, after: last, limit: Self.batch)
            guard let end = rows.last else { return }
            try insert(
                rows.filter { admits($0.vector) }.map {
                    ClipVector(clip: $0.clip, media: $0.media, embedding: $0.vector)
                })
            last = end.clip
        }
    }
}
