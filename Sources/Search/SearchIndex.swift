package import Catalog
package import Models

/// What the searches of one index are done with.
package struct SearchIndex: Sendable {
    package let candidates: any CandidateSource
    package let encoder: any QueryEncoder
    package let reranker: (any Reranker)?
    /// What encodes pictures that come with a query; nil where none do.
    package let clips: (any ClipEncoder)?
    /// What is known of the candidates beyond their scores; nil for what the catalog that is searched has.
    package let rows: (any ClipRows)?

    /// - Throws: ``SearchError`` `other_model` when the parts don't belong together.
    package init(
        candidates: any CandidateSource, encoder: any QueryEncoder, reranker: (any Reranker)? = nil,
        clips: (any ClipEncoder)? = nil, rows: (any ClipRows)? = nil
    ) throws(SearchError) {
        guard candidates.dimensions == encoder.dimensions else {
            throw SearchError(
                .otherModel,
                """
                The index has \(candidates.dimensions) dimensions and the model \(encoder.dimensions): use the model that \
                the index was made with, or index again.
                """)
        }
        let digests = [reranker?.modelDigest, clips?.modelDigest].compactMap(\.self)
        guard digests.allSatisfy({ $0 == encoder.modelDigest }) else {
            throw SearchError(
                .otherModel, "The encoders and the re-ranker are of different models: reinstall the model.")
        }
        self.candidates = candidates
        self.encoder = encoder
        self.reranker = reranker
        self.clips = clips
        self.rows = rows
    }

    /// Loads the live index of a catalog into memory. Works beside a daemon that writes to it. Blocks the calling thread.
    ///
    /// - Parameter earlierDigests: other digests of the encoder's model, by which earlier versions of the program knew it.
    /// - Parameter storage: where the vectors are; no file is made or removed unless it says so.
    /// - Throws: ``SearchError`` `no_index` when there is no index, `other_model` when it was made with another model;
    ///   `CatalogError`.
    package init(
        loading catalog: Catalog, encoder: any QueryEncoder, earlierDigests: [String] = [],
        reranker: (any Reranker)? = nil, clips: (any ClipEncoder)? = nil, storage: IndexStorage = IndexStorage()
    ) throws {
        guard let live = try catalog.liveIndex() else {
            throw SearchError(
                .noIndex,
                "Nothing is indexed in \(catalog.state) yet: run `saccade index FILE…` or `saccade watch add`.")
        }
        guard live.digest == encoder.modelDigest || earlierDigests.contains(live.digest) else {
            throw SearchError(
                .otherModel,
                """
                The index in \(catalog.state) was made with the model \(live.digest.prefix(12)) and this is \
                \(encoder.modelDigest.prefix(12)): name the first's folder with SACCADE_MODEL or the key `model`, or index again.
                """)
        }
        try self.init(
            candidates: try LiveIndex(live, of: catalog, storage: storage), encoder: encoder, reranker: reranker,
            clips: clips)
    }
}
