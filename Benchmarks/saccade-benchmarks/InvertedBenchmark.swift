import Catalog
import Foundation
import SystemPackage
import VectorIndex

/// Search of an inverted file, top 100, one query at a time, with and without filters, beside the exact scan and others' approximate indexes on the
/// same vectors: `inverted.py`. R@100 is against the exact scan.
///
/// Arguments: the number of clips; a state folder, whose vectors the others are made around; a file of queries, float rows, for queries
/// that are no clips. Without a folder the vectors lie around random centres.
func inverted(_ arguments: [String]) throws -> [Comparison] {
    let count = arguments.first.flatMap { Int($0) } ?? 1_000_000
    let dimensions = 256
    let (limit, rounds) = (100, 200)
    let folder = FilePath(
        FileManager.default.temporaryDirectory.appendingPathComponent("saccade-inverted-\(UUID().uuidString)").path)
    try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder.string) }

    var source = NearbyVectors(try arguments.dropFirst().first.map { try storedVectors(FilePath($0)) }, dimensions)
    let peerFile = folder.appending("vectors")
    let exact = try VectorIndex(dimensions: dimensions)
    try Data().write(to: URL(filePath: peerFile.string))
    let output = try FileHandle(forWritingTo: URL(filePath: peerFile.string))
    for start in stride(from: 0, to: count, by: VectorIndex.fullBatch) {
        let vectors = (start..<min(count, start + VectorIndex.fullBatch)).map { _ in source.next() }
        for vector in vectors { vector.withUnsafeBytes { output.write(Data($0)) } }
        try exact.insert(
            vectors.enumerated().map {
                ClipVector(clip: Int64(start + $0 + 1), media: Int64((start + $0) / 20), embedding: $1)
            })
    }
    var queries = (0..<rounds).map { _ in source.next() }
    if let path = arguments.dropFirst(2).first {
        let stored = try Data(contentsOf: URL(filePath: path)).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        let rows = stored.count / dimensions
        queries = (0..<min(rounds, rows)).map { row in
            let start = row * (rows / min(rounds, rows)) * dimensions
            return Array(stored[start..<start + dimensions])
        }
    }
    for query in queries { query.withUnsafeBytes { output.write(Data($0)) } }
    try output.close()

    let path = folder.appending("vectors.inverted")
    let building = try seconds {
        try exact.snapshot().write(to: path, origin: InvertedFile.Origin(store: [], index: 1, clip: 0, change: 0))
    }
    var file: InvertedFile?
    let opening = try seconds { file = try InvertedFile(path) }
    guard let file else { return [] }
    print(
        String(
            format: "%d clips, %d dimensions, top %d; built in %.0f s, opened in %.3f s, %d MB on disk", count,
            dimensions,
            limit, building, opening, file.byteCount >> 20))
    let index = try VectorIndex(dimensions: dimensions, file: file, recall: 0.98)
    for keptOf in [1, 2, 20, 200] {
        let media =
            keptOf == 1
            ? nil : MediaSelection(stride(from: 0, to: count / 20 + 1, by: keptOf).map { Int64($0) })
        var (times, exactTimes, recalls): ([Double], [Double], [Double]) = ([], [], [])
        for query in queries {
            var truth: [VectorMatch] = []
            var found: [VectorMatch] = []
            exactTimes.append(try seconds { truth = try exact.search(query, limit: limit, within: media) })
            _ = try index.search(query, limit: limit, within: media)
            times.append(try seconds { found = try index.search(query, limit: limit, within: media) })
            recalls.append(
                Double(Set(truth.map(\.clip)).intersection(found.map(\.clip)).count) / Double(max(1, truth.count)))
        }
        times.sort()
        print(
            String(
                format: "saccade, %5.1f %% kept: p50 %6.2f ms  p99 %6.2f ms  R@%d %.4f   exact scan %6.2f ms",
                100 / Double(keptOf), median(times) * 1000, times[times.count * 99 / 100] * 1000, limit,
                recalls.reduce(0, +) / Double(recalls.count), median(exactTimes) * 1000))
    }
    let resident = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        .split(separator: "\n").filter { $0.hasPrefix("RssFile") || $0.hasPrefix("RssAnon") }
    print(resident.joined(separator: ", "), "with the exact index of", exact.byteCount >> 20, "MB")
    return try compare(index, exact, queries, limit: limit, with: peerFile, count: count, dimensions: dimensions)
}

/// The peers' times, of each at the least reach with which it finds as much as we do.
private func compare(
    _ index: VectorIndex, _ exact: VectorIndex, _ queries: [[Float]], limit: Int, with file: FilePath, count: Int,
    dimensions: Int
) throws -> [Comparison] {
    let threads = ProcessInfo.processInfo.activeProcessorCount
    guard let peer = Peer(script: "inverted.py", arguments: [file.string, "\(count)", "\(dimensions)", "\(threads)"])
    else { return [] }
    let engines = (peer.ask("engines") ?? "").split(separator: " ").map(String.init)
    print("built:", peer.ask("built") ?? "")
    var times: [String: [Double]] = [:]
    var recalls: [String: [Double]] = [:]
    for (number, query) in queries.enumerated() {
        let truth = Set(try exact.search(query, limit: limit).map(\.clip))
        func note(_ engine: String, _ time: Double, _ found: [Int64]) {
            times[engine, default: []].append(time)
            recalls[engine, default: []].append(Double(truth.intersection(found).count) / Double(truth.count))
        }
        var found: [VectorMatch] = []
        let time = try seconds { found = try index.search(query, limit: limit) }
        note("saccade", time, found.map(\.clip))
        for engine in engines {
            let answer = (peer.ask("\(engine) \(number) \(limit)") ?? "").split(separator: " ")
            guard let time = answer.first.flatMap({ Double($0) }) else { continue }
            // Peers number rows from 0.
            note(engine, time, answer.dropFirst().compactMap { Int64($0).map { $0 + 1 } })
        }
    }
    let ours = median(times["saccade"] ?? [])
    func recall(_ engine: String) -> Double {
        let values = recalls[engine] ?? []
        return values.reduce(0, +) / Double(max(1, values.count))
    }
    for engine in ["saccade"] + engines {
        let time = median(times[engine] ?? [])
        print(
            engine.padding(toLength: 20, withPad: " ", startingAt: 0)
                + String(format: "%9.2f ms   %6.2f × ours   R@%d %.4f", time * 1000, time / ours, limit, recall(engine))
        )
    }
    let names = Set(engines.compactMap { $0.split(separator: "/").first.map(String.init) }).sorted()
    return names.compactMap { name in
        let able = engines.filter { $0.hasPrefix(name + "/") && recall($0) >= min(0.98, recall("saccade")) }
        guard let best = able.map({ median(times[$0] ?? []) }).min() else { return nil }
        return Comparison(name: "one query", peer: name, ratio: best / ours)
    }
}

/// The vectors of a library's live index, up to 100,000.
private func storedVectors(_ state: FilePath) throws -> [[Float]] {
    let catalog = try Catalog(state: state, access: .readOnly)
    defer { catalog.close() }
    guard let live = try catalog.liveIndex() else { return [] }
    return try catalog.indexChanges(of: live.id, after: nil, limit: 100_000)?.entered.map(\.vector) ?? []
}

/// Vectors with the spread of some: each is one of them, moved by the differences of others.
private struct NearbyVectors {
    private let known: [[Float]]
    private var state: UInt64 = 11

    init(_ known: [[Float]]?, _ dimensions: Int) {
        if let known, !known.isEmpty {
            self.known = known
        } else {
            var unit = UnitVectors(dimensions: dimensions, seed: 1)
            // Around 1,000 centres, as clips of 1,000 subjects are.
            let centres = (0..<1_000).map { _ in unit.next(1) }
            self.known = (0..<20_000).map { number in
                let noise = unit.next(1)
                return Self.normalised(zip(centres[number % 1_000], noise).map { $0 + 0.8 * $1 })
            }
        }
    }

    mutating func next() -> [Float] {
        let (one, first, second, third, fourth) = (any(), any(), any(), any(), any())
        var vector = known[one]
        for i in vector.indices {
            vector[i] += 0.26 * (known[first][i] - known[second][i] + known[third][i] - known[fourth][i])
        }
        return Self.normalised(vector)
    }

    private mutating func any() -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(known.count))
    }

    private static func normalised(_ vector: [Float]) -> [Float] {
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / norm }
    }
}
