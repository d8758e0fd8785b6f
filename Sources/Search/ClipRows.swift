package import Catalog

/// What a search looks up of the clips that it has found, by the ids that its ``CandidateSource`` gives. Every method blocks the calling thread.
package protocol ClipRows: Sendable {
    /// The best lines of text for a query, of media items that `filter` lets through.
    func matches(of query: WordQuery, limit: Int, where filter: MediaFilter) throws -> WordMatches

    /// The embeddings of the clips that are there.
    func embeddings(of clips: [ClipID]) throws -> [ClipID: [Float]]

    /// The clips that are there.
    func clips(_ ids: [ClipID]) throws -> [ClipID: Clip]

    /// The first `limit` of some clips that are still there, in the order given, each at the first of its places that `filter` lets through.
    func findings(for clips: [ClipID], limit: Int, where filter: MediaFilter) throws -> [ClipFinding]

    /// The rerank features that are there.
    func rerankFeatures(of clips: [ClipID]) throws -> [ClipID: [UInt8]]

    /// The ids that a clip of a catalog and its media item have here; nil where they aren't here.
    func ids(of clip: Clip, in catalog: Catalog) throws -> (clip: ClipID, media: MediaID)?
}

extension Catalog: ClipRows {
    package func ids(of clip: Clip, in catalog: Catalog) -> (clip: ClipID, media: MediaID)? { (clip.id, clip.media) }
}
