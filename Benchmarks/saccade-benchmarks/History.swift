import Foundation

/// What one benchmark found beside one peer.
struct Comparison {
    /// What was measured, such as `re-ranking`.
    var name: String
    /// Whom it was measured against, such as `PyTorch`.
    var peer: String
    /// How many times as good as the peer's: its time by ours, our rate by its. More is better, 1 is the same.
    var ratio: Double

    /// The name in the history and in the thresholds.
    var key: String { "\(name) / \(peer)" }
}

/// One line of `Benchmarks/history`: what a run found, and where. Only ratios are kept: the time alone says more of the machine.
struct HistoryEntry: Codable {
    /// RFC 3339, in UTC.
    var date: String
    /// `git describe`, with `-dirty` for a tree with changes; `unknown` outside of a repository.
    var commit: String
    /// The processor's name.
    var cpu: String
    /// Processors that the run could use.
    var cores: Int
    var benchmark: String
    /// Comparisons by name and peer, three significant digits.
    var ratios: [String: Double]
}

/// Keeps the ratios of a run in `Benchmarks/history/BENCHMARK.jsonl` and compares them with `Benchmarks/thresholds.json`.
///
/// - Returns: whether no ratio is below its threshold. Without a peer nothing is kept or judged.
func record(_ comparisons: [Comparison], of benchmark: String) throws -> Bool {
    let known = comparisons.filter(\.ratio.isFinite)
    guard !known.isEmpty else {
        print("nothing recorded or judged: no peer was measured (SACCADE_PEER_PYTHON names a Python that has them)")
        return true
    }
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let entry = HistoryEntry(
        date: Date().formatted(.iso8601), commit: commit(in: folder), cpu: processorName(),
        cores: ProcessInfo.processInfo.activeProcessorCount, benchmark: benchmark,
        ratios: Dictionary(
            known.map { ($0.key, ($0.ratio * 1000).rounded() / 1000) }, uniquingKeysWith: { _, last in last }))
    try append(entry, to: folder.appending(path: "history/\(benchmark).jsonl"))

    let thresholds = try JSONDecoder().decode(
        [String: [String: Double]].self, from: Data(contentsOf: folder.appending(path: "thresholds.json")))
    var isGood = true
    for comparison in known {
        let least = thresholds[benchmark]?[comparison.key]
        let judgement =
            least.map { comparison.ratio < $0 ? "BELOW its threshold of \($0)" : "threshold \($0)" } ?? "no threshold"
        if let least, comparison.ratio < least { isGood = false }
        print(String(format: "%@: %.2f times the peer, %@", comparison.key, comparison.ratio, judgement))
    }
    return isGood
}

private func append(_ entry: HistoryEntry, to file: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    let earlier = (try? Data(contentsOf: file)) ?? Data()
    try (earlier + encoder.encode(entry) + Data("\n".utf8)).write(to: file, options: .atomic)
}

private func commit(in folder: URL) -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["git", "-C", folder.path, "describe", "--always", "--dirty"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return "unknown" }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return process.terminationStatus == 0 ? text.trimmingCharacters(in: .whitespacesAndNewlines) : "unknown"
}

/// proc_cpuinfo(5).
private func processorName() -> String {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let line = lines.first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "unknown"
}
