import Basics
import Catalog
import Models
import Search
import Synchronization
import SystemPackage
import TestSupport

/// Embeds `axis N`, with anything after it, as the Nth axis, and everything else as the first.
struct AxisEncoder: QueryEncoder {
    var dimensions = 8
    var modelDigest = "axes"

    func embed(query: String) throws -> [Float] {
        let words = query.split(separator: " ")
        let axis = words.first == "axis" ? words.dropFirst().first.flatMap { Int($0) } ?? 0 : 0
        return AxisEncoder.axis(axis, dimensions)
    }

    static func axis(_ number: Int, _ dimensions: Int = 8) -> [Float] {
        (0..<dimensions).map { $0 == number ? 1 : 0 }
    }
}

/// Scores clips by a table; stops after `reach` clips as if the deadline had come.
struct TableReranker: Reranker {
    var reranking = Reranking(depth: 4, beta: 0)
    var modelDigest = "axes"
    var scores: [ClipID: Double] = [:]
    var reach = Int.max

    /// A piece for each word; those in capitals are unknown.
    func pieces(of query: String) -> QueryPieces {
        let words = query.split(separator: " ")
        return QueryPieces(count: words.count, unknown: words.count { $0.allSatisfy(\.isUppercase) })
    }

    func rerank(
        query: String, candidates: [Candidate], beta: Double, budget: RerankBudget,
        progress: ([Candidate]) throws -> Void
    ) throws -> [Candidate] {
        var candidates = candidates
        for place in candidates.indices.prefix(reach) {
            let slow = scores[candidates[place].clip] ?? -9
            candidates[place].scores.slow = slow
            candidates[place].scores.combined = slow + beta * candidates[place].scores.fast
            candidates[place].scores.probability = reranking.relevance?.probability(
                fast: candidates[place].scores.fast, evidence: slow, of: pieces(of: query))
            try progress(candidates)
        }
        return candidates
    }
}

/// The same candidates whatever is asked, and how they were asked for.
final class FixedCandidates: CandidateSource {
    struct Question: Equatable {
        var limit: Int
        var filter: MediaFilter
        var group: SearchRequest.Group
    }

    let dimensions: Int
    private let entries: [CandidateList.Entry]
    private let asked = Mutex<[Question]>([])

    init(dimensions: Int = 8, _ entries: [CandidateList.Entry] = []) {
        self.dimensions = dimensions
        self.entries = entries
    }

    var count: Int { entries.count }
    var questions: [Question] { asked.withLock { $0 } }

    func candidates(
        for vector: [Float], limit: Int, where filter: MediaFilter, group: SearchRequest.Group
    ) throws -> CandidateList {
        asked.withLock { $0.append(Question(limit: limit, filter: filter, group: group)) }
        return CandidateList(entries: Array(entries.prefix(limit)), count: count, filterTime: 2, scanTime: 3)
    }
}

/// A catalog with media made up for a test, and its folder.
struct Library {
    let folder: TemporaryDirectory
    let catalog: Catalog
    let index: IndexRecord

    init(storesRerankFeatures: Bool = false) throws {
        folder = try TemporaryDirectory()
        catalog = try Catalog(state: folder.path, access: .readWrite)
        index = try catalog.prepareIndex(
            digest: "axes", dimensions: 8, storesRerankFeatures: storesRerankFeatures, model: nil, at: 0)
    }

    func addRoot(_ path: String) throws -> RootID {
        try catalog.addRoot(FilePath(path), device: nil, at: 0).id
    }

    /// One media item with a clip of ten seconds for each vector, at each of the paths; `rerankFeatures` are stored of each clip.
    @discardableResult
    func add(
        _ paths: [String], root: RootID? = nil, duration: Double? = nil, recordedAt: Double? = nil, clips: [[Float]],
        rerankFeatures: [UInt8]? = nil
    ) throws -> MediaID {
        let digest = Array(paths.joined().utf8.prefix(400)) + [UInt8(clips.count)]
        var media: MediaID = 0
        for path in paths {
            media = try place(media: digest, at: path, root: root)
        }
        try catalog.setProperties(MediaProperties(duration: duration, recordedAt: recordedAt), of: media)
        let new = clips.enumerated().map {
            NewClip(
                media: media, ordinal: $0, start: Double($0) * 10, end: Double($0 + 1) * 10, shot: $0, embedding: $1,
                rerankFeatures: rerankFeatures)
        }
        _ = try catalog.commit(new, of: index, finished: [media], at: 0)
        return media
    }

    @discardableResult
    func place(media digest: [UInt8], at path: String, root: RootID?) throws -> MediaID {
        let stamp = FileStamp(size: 1, modified: 0, device: 1, inode: UInt64.random(in: 1...1 << 40))
        return try catalog.recordFile(
            FilePath(path), root: root, stamp: stamp, identity: ContentIdentity(size: 1, digest: digest), at: 0
        ).media
    }

    func searcher(reranker: (any Reranker)? = nil) throws -> Searcher {
        Searcher(
            catalog: catalog, index: try SearchIndex(loading: catalog, encoder: AxisEncoder(), reranker: reranker))
    }
}

/// A unit vector that scores `cosine` for the query `axis 0`.
func leaning(_ cosine: Float, towards other: Int = 7) -> [Float] {
    var vector = AxisEncoder.axis(other)
    for i in vector.indices { vector[i] *= (1 - cosine * cosine).squareRoot() }
    vector[0] += cosine
    return vector
}

extension SearchAnswer {
    var paths: [String] { results.map(\.path.string) }
}
