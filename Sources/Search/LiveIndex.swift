package import Catalog
import Synchronization
import SystemPackage
import VectorIndex

/// The vectors of one of a catalog's indexes, in memory or in a file beside the catalog, and kept what the catalog says they are.
///
/// It follows the catalog by its cursor alone, whoever wrote: after a write, ``catchUp()`` is all there is to do, in any order and from any
/// thread. A file knows the cursor that it was written at, so that a start follows from there. Searches wait for none of it.
package final class LiveIndex: CandidateSource {
    /// Which of the catalog's indexes.
    package let record: IndexRecord
    private let catalog: Catalog
    private let storage: IndexStorage
    private let fileIsDue: @Sendable () -> Void
    private let current: Mutex<VectorIndex>
    /// Held while steps are applied, so that they are in their order.
    private let following: Mutex<Following>
    /// Held by who writes a file.
    private let writing = Mutex(())

    private struct Following: Sendable {
        var cursor: IndexCursor?
        /// Changes other than by new clips since the file was written.
        var changes = 0
    }

    private struct Loaded: Sendable {
        let vectors: VectorIndex
        var following: Following
    }

    /// Loads an index. Blocks the calling thread.
    ///
    /// - Parameter fileIsDue: called when a search met damage in the file, see ``isFileDue``.
    /// - Throws: `CatalogError`, `VectorIndexError`.
    package init(
        _ record: IndexRecord, of catalog: Catalog, storage: IndexStorage = IndexStorage(),
        fileIsDue: @escaping @Sendable () -> Void = {}
    ) throws {
        self.fileIsDue = fileIsDue
        self.record = record
        self.catalog = catalog
        self.storage = storage
        let loaded = try Self.load(record, of: catalog, storage)
        current = Mutex(loaded.vectors)
        following = Mutex(loaded.following)
    }

    package var dimensions: Int { record.dimensions }
    package var count: Int { vectors.count }
    /// What the vectors take in memory, in bytes, without what is mapped.
    package var byteCount: Int { vectors.byteCount }
    /// What the file takes on disk, in bytes; nil where there is none.
    package var fileByteCount: Int? { vectors.snapshot().file?.byteCount }

    private var vectors: VectorIndex { current.withLock { $0 } }

    func snapshot() -> VectorIndexSnapshot { vectors.snapshot() }

    /// Applies what the catalog has committed since the last time.
    ///
    /// - Throws: `CatalogError`; what was applied until then stays, and the next call goes on after it.
    package func catchUp() throws {
        try following.withLock { following in
            guard try !Self.follow(record, of: catalog, &following, into: vectors) else { return }
            let loaded = try Self.load(record, of: catalog, storage)
            current.withLock { $0 = loaded.vectors }
            following = loaded.following
        }
    }

    /// Whether ``write(freeBytes:isStopped:)`` has something to do. O(1) but for the look at the catalog's answer.
    package var isFileDue: Bool {
        guard storage.writes else { return false }
        let changes = following.withLock { $0.changes }
        let snapshot = vectors.snapshot()
        guard let file = snapshot.file else { return storage.wantsFile(for: snapshot.count) }
        return file.isDamaged || !storage.keepsFile(for: snapshot.count)
            || snapshot.tailCount > storage.longestTail(of: snapshot.count) || changes > storage.mostChanges
            || Double(snapshot.unwantedInFile) > storage.mostUnwanted * Double(file.header.count)
    }

    /// Writes what has come into memory into a new file, which searches then use, and brings a damaged one to its end. Blocks the calling thread
    /// for up to minutes; searches and ``catchUp()`` go on.
    ///
    /// - Parameters:
    ///   - freeBytes: what may be written to the file system; nil when nobody knows.
    ///   - isStopped: asked now and then; ends it without a change.
    /// - Returns: whether there is another file than before, or none.
    /// - Throws: `InvertedFileError`, `CatalogError`; the vectors are where they were.
    @discardableResult
    package func write(freeBytes: Int64? = nil, isStopped: @escaping () -> Bool = { false }) throws -> Bool {
        try writing.withLock { _ in try writeAlone(freeBytes: freeBytes, isStopped: isStopped) }
    }

    private func writeAlone(freeBytes: Int64?, isStopped: @escaping () -> Bool) throws -> Bool {
        guard isFileDue else { return false }
        let (snapshot, cursor) = following.withLock { (vectors.snapshot(), $0.cursor) }
        guard let cursor, snapshot.file?.isDamaged != true, storage.keepsFile(for: snapshot.count) else {
            IndexFiles.remove(in: catalog.state)
            let loaded = try Self.load(record, of: catalog, storage)
            return try following.withLock { try takeOver(from: &$0, loaded) }
        }
        if let freeBytes, freeBytes < Int64(snapshot.expectedFileBytes) {
            throw InvertedFileError.unwritable(.noSpace)
        }
        // A file says nothing that a loss of power can take back from the catalog.
        try catalog.sync()
        let path = IndexFiles.path(of: record.id, in: catalog.state)
        let origin = try Self.origin(of: record, in: catalog, at: cursor)
        try snapshot.write(to: path, origin: origin, isStopped: isStopped)
        guard var start = try Self.begun(record, of: catalog, storage),
            try Self.follow(record, of: catalog, &start.following, into: start.vectors)
        else { return false }
        let loaded = start
        return try following.withLock { try takeOver(from: &$0, loaded) }
    }

    /// Lets searches and followers go on with other vectors, once they have what was committed since.
    ///
    /// - Returns: false when that is forgotten; nothing has changed then.
    private func takeOver(from following: inout Following, _ next: Loaded) throws -> Bool {
        var next = next
        guard try Self.follow(record, of: catalog, &next.following, into: next.vectors) else { return false }
        current.withLock { [next] in $0 = next.vectors }
        following = next.following
        return true
    }

    private static func origin(
        of record: IndexRecord, in catalog: Catalog, at cursor: IndexCursor
    ) throws -> InvertedFile.Origin {
        InvertedFile.Origin(
            store: try catalog.storeID(), index: record.id, clip: cursor.clip, change: cursor.change)
    }

    /// An index that begins with its file; nil when there is none that can be used.
    private static func begun(
        _ record: IndexRecord, of catalog: Catalog, _ storage: IndexStorage
    ) throws -> Loaded? {
        guard storage.kind != .exact,
            let file = try? InvertedFile(IndexFiles.path(of: record.id, in: catalog.state)),
            file.header.origin.index == record.id, try file.header.origin.store == catalog.storeID()
        else { return nil }
        let cursor = IndexCursor(clip: file.header.origin.clip, change: file.header.origin.change)
        let vectors = try? VectorIndex(dimensions: record.dimensions, file: file, recall: storage.recall)
        return vectors.map { Loaded(vectors: $0, following: Following(cursor: cursor)) }
    }

    private static func load(
        _ record: IndexRecord, of catalog: Catalog, _ storage: IndexStorage
    ) throws -> Loaded {
        if storage.writes {
            IndexFiles.remove(in: catalog.state, besides: storage.kind == .exact ? [] : [record.id])
        }
        if var start = try begun(record, of: catalog, storage),
            try follow(record, of: catalog, &start.following, into: start.vectors)
        {
            return start
        }
        while true {
            var loaded = Loaded(
                vectors: try VectorIndex(dimensions: record.dimensions, recall: storage.recall), following: Following())
            var isKnown = true
            // Once it couldn't be written, as on a full disk, all goes into memory: each try would make the lists anew.
            var isWritable = storage.writes
            while isKnown {
                let isLevel = try step(record, of: catalog, &loaded.following, into: loaded.vectors)
                if isLevel == true { return loaded }
                isKnown = isLevel != nil
                // More than is to be in memory goes into the file as it comes.
                guard isWritable, storage.wantsFile(for: loaded.vectors.count),
                    loaded.vectors.snapshot().tailCount >= storage.loadedAtOnce
                else { continue }
                if let next = try written(loaded, record, of: catalog, storage) {
                    loaded = next
                } else {
                    isWritable = false
                }
            }
        }
    }

    /// Writes what is loaded until now; nil where it can't be written, so that it stays in memory.
    private static func written(
        _ loaded: Loaded, _ record: IndexRecord, of catalog: Catalog, _ storage: IndexStorage
    ) throws -> Loaded? {
        guard let cursor = loaded.following.cursor else { return nil }
        try catalog.sync()
        let origin = try origin(of: record, in: catalog, at: cursor)
        do {
            try loaded.vectors.snapshot().write(to: IndexFiles.path(of: record.id, in: catalog.state), origin: origin)
        } catch {
            return nil
        }
        return try begun(record, of: catalog, storage)
    }

    /// - Returns: false when the catalog has forgotten what happened since the cursor, so that the vectors have to be loaded anew.
    private static func follow(
        _ record: IndexRecord, of catalog: Catalog, _ following: inout Following, into vectors: VectorIndex
    ) throws -> Bool {
        while true {
            guard let isLevel = try step(record, of: catalog, &following, into: vectors) else { return false }
            if isLevel { return true }
        }
    }

    /// - Returns: whether the vectors are the catalog's now; nil when what happened since the cursor is forgotten.
    private static func step(
        _ record: IndexRecord, of catalog: Catalog, _ following: inout Following, into vectors: VectorIndex
    ) throws -> Bool? {
        // In full segments, so that loading copies none of them.
        let step = try catalog.indexChanges(of: record.id, after: following.cursor, limit: VectorIndex.fullBatch)
        guard let step else { return nil }
        // A damaged vector costs its own clip.
        let entered = step.entered.filter { vectors.admits($0.vector) }
        try vectors.insert(
            entered.map { ClipVector(clip: $0.clip, media: $0.media, embedding: $0.vector) },
            replacing: Set(step.left))
        following.cursor = step.cursor
        following.changes += step.left.count
        return step.isLevel
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
        if snapshot.file?.isDamaged == true { fileIsDue() }
        return CandidateList(
            entries: matches.map { .init(clip: $0.clip, media: $0.media, score: Double($0.score)) },
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
