import Basics
import Catalog
import Foundation
import Models
import Search
import SystemPackage

/// Query text in to answer out at 1,000,000 clips of 50,000 media: p50 and p99, stage by stage, with and without filters.
///
/// The clips' vectors are random. Arguments: the number of clips, of queries, and a folder to keep the catalog in for another run.
func query(_ arguments: [String]) throws -> [Comparison] {
    let numbers = arguments.compactMap { Int($0) }
    let count = numbers.first ?? 1_000_000
    let queries = numbers.dropFirst().first ?? 300
    let kept = arguments.first { Int($0) == nil }
    let folder = FilePath(
        kept ?? FileManager.default.temporaryDirectory.appendingPathComponent("saccade-query-\(UUID().uuidString)").path
    )
    defer { if kept == nil { try? FileManager.default.removeItem(atPath: folder.string) } }
    let encoder: any QueryEncoder = RandomQueryEncoder()
    if !FileManager.default.fileExists(atPath: Catalog.catalogFile(in: folder).string) {
        let time = try seconds { try fillCatalog(in: folder, clips: count, encoder: encoder) }
        print(String(format: "catalog of %d clips written in %.1f s", count, time))
    }
    let catalog = try Catalog(state: folder, access: .readOnly)
    guard let live = try catalog.liveIndex() else { return [] }
    var loaded: LiveIndex?
    let loading = try seconds { loaded = try LiveIndex(live, of: catalog) }
    guard let loaded else { return [] }
    print(
        String(
            format: "%d clips loaded in %.1f s, %.0f MB of vectors", loaded.count, loading,
            Double(loaded.byteCount) / 1e6))
    let searcher = Searcher(catalog: catalog, index: try SearchIndex(candidates: loaded, encoder: encoder))
    let cases: [(String, MediaFilter, SearchRequest.Group)] = [
        ("no filter", .all, .clip),
        ("duration", try MediaFilter(minDuration: 100), .clip),
        ("path prefix", try MediaFilter(pathPrefix: Array("/library/7".utf8)), .clip),
        ("path pattern", try MediaFilter(pathGlob: "*/*7*.mp4"), .clip),
        ("best of each media item", .all, .media),
    ]
    for (name, filter, group) in cases {
        var timings: [SearchTimings] = []
        let before = processorSeconds()
        for number in 0..<queries {
            let request = try SearchRequest(query: "query number \(number)", limit: 20, filter: filter, group: group)
            timings.append(try searcher.search(request).timings)
        }
        let processorTime = (processorSeconds() - before) / Double(queries) * 1000
        func percentile(_ stage: KeyPath<SearchTimings, Double>, _ share: Double) -> Double {
            let sorted = timings.map { $0[keyPath: stage] }.sorted()
            return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
        }
        print(
            name.padding(toLength: 19, withPad: " ", startingAt: 0)
                + String(
                    format: "p50 %7.2f ms  p99 %7.2f ms  processor %6.2f ms  "
                        + "(medians: embed %.2f, filter %.2f, scan %.2f, lookup %.2f)",
                    percentile(\.total, 0.5), percentile(\.total, 0.99), processorTime, percentile(\.embed, 0.5),
                    percentile(\.filter, 0.5), percentile(\.scan, 0.5), percentile(\.lookup, 0.5)))
    }
    return []
}

/// What all threads have used, which says more than the clock on a machine that does other things too.
private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Writes a catalog of random vectors: twenty clips a media item, of which a hundred lie in a folder.
func fillCatalog(
    in folder: FilePath, clips count: Int, encoder: any QueryEncoder, storesRerankFeatures: Bool = false
) throws {
    let catalog = try Catalog(state: folder, access: .readWrite)
    defer { catalog.close() }
    let index = try catalog.prepareIndex(
        digest: encoder.modelDigest, dimensions: encoder.dimensions, storesRerankFeatures: storesRerankFeatures,
        model: nil, at: 0)
    var source = UnitVectors(dimensions: encoder.dimensions, seed: 3)
    var pending: [NewClip] = []
    var finished: [MediaID] = []
    for number in 0..<count / 20 {
        let media = try catalog.recordFile(
            FilePath("/library/\(number / 100)/video-\(number).mp4"), root: nil,
            stamp: FileStamp(size: Int64(number), modified: 0, device: 1, inode: UInt64(number)),
            identity: ContentIdentity(size: Int64(number), digest: Array("\(number)".utf8)), at: 0
        ).media
        try catalog.setProperties(
            MediaProperties(duration: Double(number % 200), recordedAt: Double(number)), of: media)
        let rows = source.next(20)
        for clip in 0..<20 {
            pending.append(
                NewClip(
                    media: media, ordinal: clip, start: Double(clip) * 10, end: Double(clip + 1) * 10, shot: clip,
                    embedding: Array(rows[clip * encoder.dimensions..<(clip + 1) * encoder.dimensions]),
                    rerankFeatures: nil))
        }
        finished.append(media)
        if pending.count >= 4_000 {
            _ = try catalog.commit(pending, of: index, finished: finished, at: 0)
            pending = []
            finished = []
        }
    }
    _ = try catalog.commit(pending, of: index, finished: finished, at: 0)
}

/// A vector by the text alone, in no time: what is measured is the rest.
private struct RandomQueryEncoder: QueryEncoder {
    let dimensions = 256
    let modelDigest = "random"

    func embed(query: String) throws -> [Float] {
        let seed = query.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        var source = UnitVectors(dimensions: dimensions, seed: seed)
        return source.next(1)
    }
}
