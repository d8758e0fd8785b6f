import API
import Client
import Foundation
import Models
import Search
import SystemPackage

/// Resident memory of a daemon that is idle with 100,000 clips, and of the daemon and its workers while they take in a long 1080p
/// file, and of the daemon after it has re-ranked that file's clips.
///
/// Pages that programs share count in each of them. Arguments: the model's folder, a folder of videos of which the long file is made
/// (or such a file), then optionally the number of clips. The `saccade` beside this program is measured.
func memory(_ arguments: [String]) throws -> [Comparison] {
    guard arguments.count > 1 else {
        print("usage: saccade-benchmarks memory MODEL FOLDER_OR_FILE [CLIPS]")
        return []
    }
    let clips = arguments.dropFirst(2).first.flatMap { Int($0) } ?? 100_000
    let bench = try MediaBench()
    let long = try longFile(arguments[1], in: bench)
    let state = FilePath(bench.folder.appending(path: "state").path)
    let watched = bench.folder.appending(path: "watched")
    try FileManager.default.createDirectory(at: watched, withIntermediateDirectories: true)
    let model = FilePath(arguments[0])
    let loaded = try LoadedModel.load(model)
    try fillCatalog(
        in: state, clips: clips, encoder: loaded.queries, storesRerankFeatures: loaded.storesRerankFeatures)

    let daemon = try MeasuredDaemon(state: state, model: model, root: watched.path)
    _ = try daemon.status { $0.index.clips == clips && $0.roots.count == 1 }
    Thread.sleep(forTimeInterval: 2)
    print("idle, \(clips) clips           \(daemon.resident)")

    try FileManager.default.copyItem(atPath: long, toPath: watched.appending(path: "long.mp4").path)
    var peak = MeasuredDaemon.Resident()
    _ = try daemon.status { status in
        peak.grow(to: daemon.resident)
        return status.index.clips > clips && status.media.pending + status.media.indexing == 0
    }
    print("ingesting 1080p, at most       \(peak)")

    let client = daemon.client
    for query in ["a man playing guitar", "two dogs run over a lawn", "a woman is cooking in a kitchen"] {
        let answer = try MediaBench.wait {
            try await client.request(
                .post, "/v1/search",
                body: API.SearchRequest(query: query, limit: 32, filters: .init(pathPrefix: watched.path)),
                as: API.SearchResponse.self)
        }
        print("  \(answer.reranked) clips re-ranked in \(String(format: "%.0f ms", answer.timings.total))")
    }
    print("after re-ranking               \(daemon.resident)")
    return []
}

/// A daemon of the same build as this program.
private final class MeasuredDaemon {
    let client: ServiceClient
    private let process = Process()

    /// Megabytes (10⁶).
    struct Resident: CustomStringConvertible {
        var daemon = 0.0
        var workers = 0.0

        /// The highest of both together, and what each had then.
        mutating func grow(to other: Resident) {
            if other.daemon + other.workers > daemon + workers { self = other }
        }

        var description: String {
            workers > 0
                ? String(format: "%.0f MB: daemon %.0f, workers %.0f", daemon + workers, daemon, workers)
                : String(format: "%.0f MB", daemon)
        }
    }

    init(state: FilePath, model: FilePath, root: String) throws {
        client = ServiceClient(socket: state.appending("saccade.sock"))
        let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "saccade")
        process.executableURL = program
        process.arguments = [
            "serve", "--state", state.string, "--model", model.string, "--root", root, "--log-level", "error",
        ]
        try process.run()
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// Asks ten times a second until the answer satisfies `condition`.
    func status(until condition: (API.Status) throws -> Bool) throws -> API.Status {
        while process.isRunning {
            let client = client
            if let status = try? MediaBench.wait({
                try await client.request(.get, "/v1/status", as: API.Status.self)
            }), try condition(status) {
                return status
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
        throw MediaBench.Failed(description: "the daemon ended")
    }

    var resident: Resident {
        let pid = process.processIdentifier
        return Resident(daemon: Self.resident(of: pid), workers: Self.children(of: pid).map(Self.resident).reduce(0, +))
    }

    /// proc(5), VmRSS.
    private static func resident(of pid: Int32) -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
        else { return 0 }
        return kibibytes * 1024 / 1e6
    }

    private static func children(of pid: Int32) -> [Int32] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.flatMap { task in
            (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/children", encoding: .utf8))?
                .split(separator: " ").compactMap { Int32($0) } ?? []
        }
    }
}
