import Basics
import Catalog
import Models

/// A query as the index is asked: the sum of what its words and its examples are embedded as.
struct QueryVector {
    /// Unit length.
    var values: [Float]
    /// Clips that the query names itself.
    var clips: Set<ClipID> = []
    var media: Set<MediaID> = []

    /// The unit vector of Σ weight · example, and of the words, which weigh 1.
    ///
    /// - Parameter words: the query as the model reads it; empty for examples alone.
    /// - Throws: ``SearchError`` `clip_not_found`, `file_not_indexed`, `other_model`, `unusable_embedding`; `CatalogError`; `ModelError`.
    init(
        words: String, examples: [SearchExample], index: SearchIndex, catalog: Catalog, rows: any ClipRows
    ) throws {
        guard !examples.isEmpty else {
            values = try index.encoder.embed(query: words)
            return
        }
        var sum =
            words.isEmpty
            ? [Float](repeating: 0, count: index.candidates.dimensions) : try index.encoder.embed(query: words)
        for (place, example) in examples.enumerated() {
            let vector: [Float]
            switch example.source {
            case .vector(let values, let digest):
                guard digest == index.encoder.modelDigest else {
                    throw SearchError(
                        .otherModel, "The index has changed to another model just now: search again.")
                }
                vector = values
            case .clip, .moment:
                let clip = try Self.clip(of: example.source, place: place, in: catalog)
                if let (clip, media) = try rows.ids(of: clip, in: catalog) {
                    clips.insert(clip)
                    self.media.insert(media)
                }
                vector = try catalog.embeddings(of: [clip.id])[clip.id] ?? []
            }
            guard vector.count == sum.count else {
                throw SearchError(
                    .otherModel, field: .like(place), "is not of the index that is searched: search again")
            }
            for (i, value) in vector.normalised.enumerated() { sum[i] += Float(example.weight) * value }
        }
        let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length.isFinite, length > 1e-6 else {
            throw SearchError(
                .unusableEmbedding, field: .likes, "cancels itself out: leave one of the examples or the words out")
        }
        values = sum.map { $0 / length }
    }

    private static func clip(of source: SearchExample.Source, place: Int, in catalog: Catalog) throws -> Clip {
        switch source {
        case .clip(let id):
            guard let clip = try catalog.clip(id), clip.index == (try catalog.liveIndex()?.id),
                let media = try catalog.media(clip.media), media.deletedAt == nil
            else {
                throw SearchError(
                    .clipNotFound, field: .like(place),
                    "is clip \(id), and there is none: its media may have been indexed again; search again")
            }
            return clip
        case .moment(let path, let time):
            guard let clip = try catalog.clip(at: time, inFileAt: path) else {
                throw SearchError(
                    .fileNotIndexed, field: .like(place),
                    "is \(path), of which nothing is indexed: name an indexed file, or a picture of at most 8 MB")
            }
            return clip
        case .vector:
            throw SearchError(.unusableEmbedding, field: .like(place), "is of no clip")
        }
    }
}
