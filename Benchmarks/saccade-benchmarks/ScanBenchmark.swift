import Foundation
import VectorIndex

/// Exact search of 1,000,000 clips of 256 dimensions, top 100, one query at a time, beside faiss and sqlite-vec on the same vectors:
/// `scan.py`. R@100 is against a plain scan of the floats.
///
/// Arguments: the number of clips, of rounds, of threads.
func scan(_ arguments: [String]) throws -> [Comparison] {
    let numbers = arguments.compactMap { Int($0) }
    let count = numbers.first ?? 1_000_000
    let rounds = numbers.dropFirst().first ?? 11
    let threads = numbers.dropFirst(2).first ?? ProcessInfo.processInfo.activeProcessorCount
    let dimensions = 256
    let limit = 100
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("saccade-scan-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }

    var source = UnitVectors(dimensions: dimensions, seed: 1)
    let rows = source.next(count + rounds)
    try rows.withUnsafeBytes { try Data($0).write(to: file) }
    let index = try VectorIndex(dimensions: dimensions, workers: threads)
    let loading = try seconds {
        for start in stride(from: 0, to: count, by: 8_192) {
            try index.insert(
                (start..<min(start + 8_192, count)).map {
                    ClipVector(
                        clip: Int64($0), media: Int64($0 / 20),
                        embedding: Array(rows[$0 * dimensions..<($0 + 1) * dimensions]))
                })
        }
    }
    print("\(count) clips, \(dimensions) dimensions, top \(limit), \(threads) threads; loaded in \(loading) s")
    print("\(index.byteCount / count) bytes a clip in memory")

    let peer = Peer(script: "scan.py", arguments: [file.path, "\(count)", "\(dimensions)", "\(threads)"])
    let engines = (peer?.ask("engines") ?? "").split(separator: " ").map(String.init)
    var times: [String: [Double]] = [:]
    var recalls: [String: [Double]] = [:]
    for round in 0..<rounds {
        let query = Array(rows[(count + round) * dimensions..<(count + round + 1) * dimensions])
        let truth = Set(floatScan(rows, count: count, query: query, limit: limit))
        func note(_ engine: String, _ time: Double, _ found: [Int]) {
            recalls[engine, default: []].append(Double(truth.intersection(found).count) / Double(truth.count))
            if round > 0 || rounds == 1 { times[engine, default: []].append(time) }
        }
        var found: [VectorMatch] = []
        let time = try seconds { found = try index.search(query, limit: limit) }
        note("saccade", time, found.map { Int($0.clip) })
        for engine in engines {
            let answer = (peer?.ask("\(engine) \(round) \(limit)") ?? "").split(separator: " ")
            guard let time = answer.first.flatMap({ Double($0) }) else { continue }
            note(engine, time, answer.dropFirst().compactMap { Int($0) })
        }
    }
    let ours = median(times["saccade"] ?? [])
    for engine in ["saccade"] + engines {
        let time = median(times[engine] ?? [])
        let recall = (recalls[engine] ?? []).reduce(0, +) / Double(max(1, recalls[engine]?.count ?? 1))
        print(
            engine.padding(toLength: 12, withPad: " ", startingAt: 0)
                + String(format: "%9.2f ms   %6.2f × ours   R@%d %.4f", time * 1000, time / ours, limit, recall))
    }
    return engines.map {
        Comparison(name: "one query", peer: $0, ratio: median(times[$0] ?? []) / ours)
    }
}

/// Random directions, the same on every run.
struct UnitVectors {
    let dimensions: Int
    private var state: UInt64

    init(dimensions: Int, seed: UInt64) {
        self.dimensions = dimensions
        state = seed
    }

    /// `[count, dimensions]`, each row of unit length.
    mutating func next(_ count: Int) -> [Float] {
        var rows = [Float](repeating: 0, count: count * dimensions)
        for row in 0..<count {
            var square: Float = 0
            for i in row * dimensions..<(row + 1) * dimensions {
                state &+= 0x9E37_79B9_7F4A_7C15
                var z = state
                z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
                z ^= z >> 31
                // The sum of four uniform numbers is near enough to a normal one for directions to be even.
                let sum = (z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48)
                rows[i] = Float(sum) - 131_070
                square += rows[i] * rows[i]
            }
            let scale = 1 / square.squareRoot()
            for i in row * dimensions..<(row + 1) * dimensions { rows[i] *= scale }
        }
        return rows
    }
}

/// The rows with the greatest dot products, by a plain scan.
private func floatScan(_ rows: [Float], count: Int, query: [Float], limit: Int) -> [Int] {
    let dimensions = query.count
    var scores = [Float](repeating: 0, count: count)
    rows.withUnsafeBufferPointer { rows in
        query.withUnsafeBufferPointer { query in
            for row in 0..<count {
                var sums: (Float, Float, Float, Float) = (0, 0, 0, 0)
                var i = 0
                while i + 3 < dimensions {
                    let place = row * dimensions + i
                    sums.0 += rows[place] * query[i]
                    sums.1 += rows[place + 1] * query[i + 1]
                    sums.2 += rows[place + 2] * query[i + 2]
                    sums.3 += rows[place + 3] * query[i + 3]
                    i += 4
                }
                while i < dimensions {
                    sums.0 += rows[row * dimensions + i] * query[i]
                    i += 1
                }
                scores[row] = (sums.0 + sums.1) + (sums.2 + sums.3)
            }
        }
    }
    let order = (0..<count).sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    return Array(order.prefix(limit))
}
