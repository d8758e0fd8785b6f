import API
import Catalog
import Client
import Foundation
import Search
import SystemPackage
import TestSupport

/// A daemon with a state, a socket and a watched folder of its own; killed when the last reference goes.
final class RunningDaemon {
    let state: FilePath
    /// The folder that it watches.
    let footage: FilePath
    let client: ServiceClient
    private let process = Process()
    private let ended: AsyncStream<Int32>
    private let log: FilePath

    struct Impatient: Error, CustomStringConvertible {
        var description: String
    }

    /// Starts the daemon and returns when it answers.
    ///
    /// - Parameters:
    ///   - model: its folder; nil takes the shipped one.
    ///   - environment: beside what every test's daemon has.
    init(
        in home: FilePath, footage: FilePath? = nil, model: FilePath? = nil, environment: [String: String] = [:]
    ) async throws {
        state = home.appending("state")
        self.footage = footage ?? home.appending("footage")
        let socket = environment["SACCADE_SOCKET"].map { FilePath($0) } ?? state.appending("saccade.sock")
        client = ServiceClient(socket: socket, timeout: 20)
        log = home.appending("daemon.log")
        try FileManager.default.createDirectory(atPath: self.footage.string, withIntermediateDirectories: true)
        if !FileManager.default.fileExists(atPath: log.string) { try Data().write(to: URL(filePath: log.string)) }
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        ended = stream
        process.executableURL = URL(filePath: Installation.saccade.string)
        process.arguments = ["serve", "--state", state.string]
        process.environment = cleanEnvironment(home: home).merging([
            "SACCADE_ROOTS": self.footage.string,
            "SACCADE_INGEST_SETTLE_SECONDS": "0.3",
            "SACCADE_INGEST_ON_BATTERY": "true",
            "SACCADE_INGEST_MAX_MEMORY_PRESSURE": "100",
            "SACCADE_LOG_LEVEL": "notice",
        ]) { $1 }.merging(environment) { $1 }
        if let model { process.environment?["SACCADE_MODEL"] = model.string }
        let output = try FileHandle(forWritingTo: URL(filePath: log.string))
        try output.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        process.terminationHandler = { process in
            continuation.yield(
                process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus)
            continuation.finish()
        }
        try process.run()
        _ = try await wait("the socket answers") { _ in true }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    var identifier: Int32 { process.processIdentifier }

    /// The children of the daemon that are decode workers.
    var workers: [Int32] {
        let path = "/proc/\(identifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let children = threads.flatMap { thread -> [Int32] in
            let text = (try? String(contentsOfFile: "\(path)/\(thread)/children", encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { Int32($0) }
        }
        return children.filter { child in
            let name = try? String(contentsOfFile: "/proc/\(child)/comm", encoding: .utf8)
            return name?.hasPrefix("saccade-decode") == true
        }
    }

    func status() async throws -> API.Status {
        try await client.request(.get, "/v1/status", as: API.Status.self)
    }

    func search(_ query: String, rerank: API.Rerank = .standard) async throws -> API.SearchResponse {
        try await client.request(
            .post, "/v1/search", body: API.SearchRequest(query: query, rerank: rerank), as: API.SearchResponse.self)
    }

    func media(_ id: Int64) async throws -> API.Media {
        try await client.request(.get, "/v1/media/\(id)", as: API.Media.self)
    }

    /// Asks for the status until it is as wanted.
    ///
    /// - Parameter what: for the error after two minutes without it: a failed file is tried again after half a minute.
    @discardableResult
    func wait(_ what: String, until isAsWanted: (API.Status) -> Bool) async throws -> API.Status {
        let deadline = ContinuousClock.now + .seconds(120)
        var last: API.Status?
        while ContinuousClock.now < deadline {
            guard process.isRunning else { break }
            if let status = try? await status() {
                last = status
                if isAsWanted(status) { return status }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        let said = (try? String(contentsOfFile: log.string, encoding: .utf8)) ?? ""
        throw Impatient(
            description: "\(what) didn't come to be. Status: \(String(describing: last)). Log:\n\(said.suffix(4000))")
    }

    /// Everything that is in the folder has been taken in.
    @discardableResult
    func waitUntilIndexed(_ count: Int) async throws -> API.Status {
        try await wait("\(count) indexed media") {
            $0.media.indexed == count && $0.media.pending == 0 && $0.media.indexing == 0
        }
    }

    /// Asks it to end.
    ///
    /// - Parameter signal: how.
    /// - Returns: its exit status, negative for a signal, and how long it took.
    @discardableResult
    func terminate(_ signal: Int32 = SIGTERM) async throws -> (status: Int32, seconds: Double) {
        let begin = ContinuousClock.now
        kill(process.processIdentifier, signal)
        for await status in ended {
            return (status, (ContinuousClock.now - begin) / .seconds(1))
        }
        throw Impatient(description: "The daemon's end was never told.")
    }
}
