import DecodeWorkers
import Foundation
import SystemPackage

/// What the benchmarks of decoding and of cuts share: a folder of their own, the `ffmpeg` program, the worker.
final class MediaBench {
    let folder: URL

    struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(
            path: "saccade-bench-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    /// A pool of one worker, of the same build as this program.
    static func pool() throws -> DecodeWorkerPool {
        DecodeWorkerPool(configuration: DecodeWorkerPool.Configuration(executable: try DecodeWorkerPool.executable()))
    }

    /// Runs `ffmpeg` and returns what it writes to its standard output.
    @discardableResult
    static func ffmpeg(_ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["ffmpeg", "-v", "error", "-nostdin", "-y"] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(description: "ffmpeg failed") }
        return data
    }

    /// The videos of a folder, by name.
    static func videos(in path: String) throws -> [String] {
        let kinds: Set<String> = ["mp4", "mkv", "avi", "mov", "webm"]
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        return names.filter { kinds.contains(($0 as NSString).pathExtension) }.sorted().map { "\(path)/\($0)" }
    }

    /// Puts files of the same coding after each other, without coding them again.
    func join(_ parts: [URL], as name: String) throws -> URL {
        let list = folder.appending(path: "\(name).txt")
        try parts.map { "file '\($0.path)'" }.joined(separator: "\n").write(to: list, atomically: true, encoding: .utf8)
        let joined = folder.appending(path: name)
        try Self.ffmpeg(["-f", "concat", "-safe", "0", "-i", list.path, "-c", "copy", joined.path])
        return joined
    }

    /// Waits for asynchronous work, in a program that has nothing else to do.
    static func wait<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let done = DispatchSemaphore(value: 0)
        let box = ResultBox<Value>()
        Task {
            do { box.result = .success(try await body()) } catch { box.result = .failure(error) }
            done.signal()
        }
        done.wait()
        return try box.result.get()
    }

    /// `@unchecked`: written before the semaphore is signalled, read after it was waited for.
    private final class ResultBox<Value>: @unchecked Sendable {
        var result: Result<Value, any Error> = .failure(Failed(description: "no result"))
    }
}
