package import Catalog
internal import Synchronization

package import VectorIndex

/// The generation that queries go to, with its vectors.
package struct LiveIndex: Sendable {
    package let generation: Generation
    package let vectors: VectorIndex
}

/// Keeps the vectors in memory what the catalog says they are.
///
/// Whatever the order in which changes arrive, each is applied by asking the catalog, one at a time. So the last one
/// applied leaves what is true.
final class LiveIndexKeeper: Sendable {
    private let catalog: Catalog
    private let current: Mutex<LiveIndex?>
    private let writing = Mutex(())

    /// Loads the live generation, if there is one.
    ///
    /// - Throws: ``CatalogError``, `VectorIndexError`.
    init(catalog: Catalog) throws {
        self.catalog = catalog
        current = Mutex(try catalog.liveGeneration().map { try Self.load($0, catalog) })
    }

    /// O(1).
    var live: LiveIndex? { current.withLock { $0 } }

    private static func load(_ generation: Generation, _ catalog: Catalog) throws -> LiveIndex {
        let vectors = try VectorIndex(dimensions: generation.dimensions)
        var after: ClipID = 0
        while true {
            let rows = try catalog.embeddings(of: generation.id, after: after)
            guard let last = rows.last else { return LiveIndex(generation: generation, vectors: vectors) }
            try vectors.insert(rows.compactMap { $0.indexed(in: vectors) })
            after = last.clip
        }
    }

    /// Loads what is the live generation now.
    func reload() throws {
        try writing.withLock { _ in
            let loaded = try catalog.liveGeneration().map { try Self.load($0, catalog) }
            current.withLock { $0 = loaded }
        }
    }

    func apply(_ changes: [MediaChange]) throws {
        guard !changes.isEmpty else { return }
        try writing.withLock { _ in
            guard let live else { return }
            for change in changes {
                switch change {
                case .attributes: continue
                case .hidden(let media), .shown(let media):
                    live.vectors.remove(media: [media])
                    try live.vectors.insert(
                        catalog.embeddings(of: live.generation.id, media: media)
                            .compactMap { $0.indexed(in: live.vectors) })
                }
            }
        }
    }

    /// Puts committed clips in, except those of media that have gone meanwhile.
    func insert(_ clips: [(ClipID, NewClip)], of generation: GenerationID) throws {
        try writing.withLock { _ in
            guard let live, live.generation.id == generation else { return }
            let there = try Set(
                Set(clips.map(\.1.media)).filter { try catalog.media($0).map { $0.deletedAt == nil } ?? false })
            try live.vectors.insert(
                clips.filter { there.contains($0.1.media) }.map {
                    ClipVector(clip: $0.0, media: $0.1.media, embedding: $0.1.embedding)
                })
        }
    }
}

extension EmbeddingRow {
    /// nil for a damaged vector: one clip can't be found then, and all others can.
    fileprivate func indexed(in index: VectorIndex) -> ClipVector? {
        guard index.admits(vector) else { return nil }
        return ClipVector(clip: clip, media: media, embedding: vector)
    }
}
