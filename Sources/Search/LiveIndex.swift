package import Catalog
import Synchronization
import VectorIndex

/// The vectors of one of a catalog's indexes, in memory, and kept what the catalog says they are.
///
/// It follows the catalog by its cursor alone, whoever wrote: after a write, ``catchUp()`` is all there is to do, in any order and from any
/// thread. Searches wait for none of it.
package final class LiveIndex: CandidateSource {
    /// Which of the catalog's indexes.
    package let record: IndexRecord
    private let catalog: Catalog
    private let current: Mutex<VectorIndex>
    /// Held while steps are applied, so that they are in their order.
    private let cursor: Mutex<IndexCursor?>

    /// Loads an index. Blocks the calling thread.
    ///
    /// - Throws: `CatalogError`, `VectorIndexError`.
    package init(_ record: IndexRecord, of catalog: Catalog) throws {
        self.record = record
        self.catalog = catalog
        let (vectors, cursor) = try Self.load(record, of: catalog)
        current = Mutex(vectors)
        self.cursor = Mutex(cursor)
    }

    package var dimensions: Int { record.dimensions }
    package var count: Int { vectors.count }
    /// What the vectors take in memory, in bytes.
    package var byteCount: Int { vectors.byteCount }

    private var vectors: VectorIndex { current.withLock { $0 } }

    /// Applies what the catalog has committed since the last time.
    ///
    /// - Throws: `CatalogError`; what was applied until then stays, and the next call goes on after it.
    package func catchUp() throws {
        try cursor.withLock { cursor in
            guard try !Self.follow(record, of: catalog, &cursor, into: vectors) else { return }
            let (vectors, end) = try Self.load(record, of: catalog)
            current.withLock { $0 = vectors }
            cursor = end
        }
    }

    private static func load(
        _ record: IndexRecord, of catalog: Catalog
    ) throws -> (vectors: VectorIndex, cursor: IndexCursor?) {
        while true {
            let vectors = try VectorIndex(dimensions: record.dimensions)
            var cursor: IndexCursor?
            if try follow(record, of: catalog, &cursor, into: vectors) { return (vectors, cursor) }
        }
    }

    /// - Returns: false when the catalog has forgotten what happened since `cursor`, so that the vectors have to be loaded anew.
    private static func follow(
        _ record: IndexRecord, of catalog: Catalog, _ cursor: inout IndexCursor?, into vectors: VectorIndex
    ) throws -> Bool {
        // In full segments, so that loading copies none of them.
        while let step = try catalog.indexChanges(of: record.id, after: cursor, limit: VectorIndex.fullBatch) {
            // A damaged vector costs its own clip.
            let entered = step.entered.filter { vectors.admits($0.vector) }
            try vectors.insert(
                entered.map { ClipVector(clip: $0.clip, media: $0.media, embedding: $0.vector) },
                replacing: Set(step.left))
            cursor = step.cursor
            if step.isLevel { return true }
        }
        return false
    }

    package func candidates(
        for vector: [Float], limit: Int, where filter: MediaFilter, group: SearchRequest.Group
    ) throws -> CandidateList {
        let clock = ContinuousClock()
        let started = clock.now
        let snapshot = vectors.snapshot()
        let selection = filter == .all ? nil : MediaSelection(try catalog.media(where: filter))
        let filtered = clock.now
        let matches = try matches(of: vector, limit: limit, in: snapshot, within: selection, group: group)
        return CandidateList(
            entries: matches.map { .init(clip: $0.clip, media: $0.media, cosine: Double($0.score)) },
            count: snapshot.count, filterTime: (filtered - started) / .milliseconds(1),
            scanTime: (clock.now - filtered) / .milliseconds(1))
    }

    /// Scans deeper and deeper, until there are enough clips of different media items.
    private func matches(
        of vector: [Float], limit: Int, in snapshot: VectorIndexSnapshot, within selection: MediaSelection?,
        group: SearchRequest.Group
    ) throws(SearchError) -> ArraySlice<VectorMatch> {
        var depth = limit
        while true {
            let matches: [VectorMatch]
            do {
                matches = try snapshot.search(vector, limit: depth, within: selection)
            } catch {
                throw SearchError(.unusableEmbedding, "The model's vector for this query can't be searched: \(error)")
            }
            guard group == .media else { return matches[...] }
            var seen: Set<MediaID> = []
            let best = matches.filter { seen.insert($0.media).inserted }
            guard best.count < limit, matches.count == depth else { return best.prefix(limit) }
            depth *= 4
        }
    }
}
