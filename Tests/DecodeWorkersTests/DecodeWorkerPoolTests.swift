import Models
import DecodeProtocol
import DecodeWorkers
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct DecodeWorkerPoolTests {
    private let directory: TemporaryDirectory
    /// Workers end at a system call that they may not make: no test makes them use one.
    private let limits = WorkerLimits(pixels: (128 << 20) + .random(in: 1...(64 << 20)), endsWhenRefused: true)

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func pool(
        _ executable: FilePath? = nil, workers: Int = 1, deadline: Duration = .seconds(20)
    ) throws -> DecodeWorkerPool {
        DecodeWorkerPool(
            configuration: DecodeWorkerPool.Configuration(
                executable: try executable ?? DecodeWorkerPool.executable(), workers: workers, deadline: deadline,
                limits: limits))
    }

    /// The pool's worker processes that live, which are known by the limits that they were given.
    private var workers: [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { identifier in
            let line = FileManager.default.contents(atPath: "/proc/\(identifier)/cmdline") ?? Data()
            let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.contains("\(getpid())") && words.contains("\(limits.pixels)")
        }
    }

    /// Whether the pool comes to have so many workers, none of them of the given ones.
    private func hasWorkers(_ range: ClosedRange<Int>, without gone: [pid_t] = []) async throws -> Bool {
        for _ in 0..<500 {
            let found = workers
            if range.contains(found.count), !found.contains(where: gone.contains) { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    private func video(_ name: String, seconds: Double = 3) async throws -> FilePath {
        let path = directory.path.appending(name)
        try await TestVideo(seconds: seconds).write(to: path)
        return path
    }

    private func script(_ text: String) throws -> FilePath {
        let path = try directory.write(Data("#!/bin/sh\n\(text)\n".utf8), to: "worker-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path.string)
        return path
    }

    private func times(_ events: DecodeEvents) async throws -> [Double] {
        var times: [Double] = []
        for try await event in events {
            if case .frame(let frame) = event { times.append(frame.time) }
        }
        return times
    }

    @Test func `Two frames a second are delivered with their times, then the end`() async throws {
        let file = try await video("a.mp4")
        let pool = try pool()
        var kinds: [String] = []
        var frames: [SampledFrame] = []
        for try await event in pool.frames(
            of: file, sampling: FrameSampling(geometry: FrameGeometry(side: 64), detectsCuts: false))
        {
            switch event {
            case .mediaInfo(let information):
                kinds.append("info")
                #expect(information.width == 320 && information.height == 180 && information.codec == "h264")
                #expect(abs((information.duration ?? 0) - 3) < 0.05)
            case .frame(let frame): frames.append(frame)
            case .cut: kinds.append("cut")
            case .progress: break
            case .end(let duration):
                kinds.append("end")
                #expect(abs(duration - 3) < 0.05)
            }
        }
        #expect(kinds == ["info", "end"])
        #expect(frames.count == 6)
        for (index, frame) in frames.enumerated() {
            #expect(abs(frame.time - Double(index) / 2) <= 0.1)
            #expect(frame.image.width == 64 && frame.image.pixels.count == 64 * 64 * 3)
        }
    }

    @Test func `A healthy worker is used for the next file`() async throws {
        let file = try await video("a.mp4", seconds: 1)
        let pool = try pool()
        _ = try await pool.probe(file)
        let first = workers
        _ = try await times(pool.frames(of: file, sampling: FrameSampling()))
        #expect(first.count == 1 && workers == first)
    }

    @Test func `A file that can't be decoded leaves the worker in place and says why`() async throws {
        let text = try directory.write(Data("hello".utf8), to: "a.mp4")
        let pool = try pool()
        let error = await #expect(throws: DecodeError.self) { try await pool.probe(text) }
        #expect(error?.code == .notMedia && error?.isRetryable == false)
        let first = workers
        let missing = await #expect(throws: DecodeError.self) {
            try await pool.probe(directory.path.appending("missing"))
        }
        #expect(missing?.code == .notFound && missing?.isRetryable == true)
        for place in [directory.path, "/dev/zero"] {
            let error = await #expect(throws: DecodeError.self) { try await pool.probe(place) }
            #expect(error?.code == .unreadable && error?.isRetryable == false)
        }
        #expect(first.count == 1 && workers == first)
    }

    @Test func `A path that isn't UTF-8 is opened`() async throws {
        let file = try await video("plain.mp4", seconds: 1)
        var bytes = Array(directory.path.string.utf8) + Array("/caf".utf8) + [0xE9] + Array(".mp4".utf8) + [0]
        let renamed = bytes.withUnsafeMutableBytes {
            FilePath(platformString: $0.bindMemory(to: CChar.self).baseAddress!)
        }
        let moved = file.withPlatformString { old in renamed.withPlatformString { rename(old, $0) } }
        #expect(moved == 0)
        #expect(try await pool().probe(renamed).codec == "h264")
    }

    @Test func `A killed worker is an error that may pass, and the next file gets another`() async throws {
        let file = try await video("a.mp4", seconds: 1)
        let long = try await video("long.mp4", seconds: 60)
        let pool = try pool()
        _ = try await pool.probe(file)
        let identifier = try #require(workers.first)
        let error = await #expect(throws: DecodeError.self) {
            for try await event in pool.frames(of: long, sampling: FrameSampling(framesPerSecond: 25)) {
                if case .mediaInfo = event { kill(identifier, SIGKILL) }
            }
        }
        #expect(error?.code == .workerCrashed && error?.isRetryable == true)
        _ = try await pool.probe(file)
        #expect(try await hasWorkers(1...1, without: [identifier]))
    }

    @Test func `A worker that died while it was idle is not noticed by the next file`() async throws {
        let file = try await video("a.mp4", seconds: 1)
        let pool = try pool()
        for _ in 0..<3 {
            _ = try await pool.probe(file)
            // The worker is dead when its exit can be waited for, which the pool does before it lends it.
            let identifier = try #require(workers.first)
            kill(identifier, SIGKILL)
            var information = siginfo_t()
            #expect(waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) == 0)
        }
        _ = try await pool.probe(file)
    }

    @Test func `A stopped worker is killed after the deadline`() async throws {
        let file = try await video("a.mp4", seconds: 1)
        let pool = try pool(deadline: .seconds(3))
        _ = try await pool.probe(file)
        let identifier = try #require(workers.first)
        kill(identifier, SIGSTOP)
        let error = await #expect(throws: DecodeError.self) { try await pool.probe(file) }
        #expect(error?.code == .workerStuck && error?.isRetryable == true)
        _ = try await pool.probe(file)
        #expect(try await hasWorkers(1...1, without: [identifier]))
    }

    @Test(arguments: [
        ("echo this is not the protocol at all; exec sleep 60", DecodeError.Code.protocolBroken),
        ("head -c 100000 /dev/zero; exec sleep 60", .protocolBroken), ("exit 3", .workerCrashed),
        ("kill -XCPU $$", .outOfTime), ("exec sleep 60", .workerStuck), ("exec >&-; exec sleep 60", .workerCrashed),
    ])
    func `A program that isn't a worker is found out`(text: String, expected: DecodeError.Code) async throws {
        let file = try directory.write(Data("x".utf8), to: "a.mp4")
        let pool = try pool(script(text), deadline: .seconds(3))
        let error = await #expect(throws: DecodeError.self) { try await pool.probe(file) }
        #expect(error?.code == expected)
        #expect(try await hasWorkers(0...0))
    }

    @Test func `A missing worker program is an error that names it`() async throws {
        let pool = try pool(directory.path.appending("nothing"))
        let error = await #expect(throws: DecodeError.self) { try await pool.probe(directory.path) }
        #expect(error?.code == .workerUnavailable && error?.message.contains("nothing") == true)
    }

    @Test func `A named worker program is taken, and one that can't be run is an error that names it`() throws {
        let program = try script("exit 3")
        #expect(try DecodeWorkerPool.executable(program) == program)
        for named in [directory.path.appending("nothing"), try directory.write(Data(), to: "text")] {
            let error = #expect(throws: DecodeError.self) { try DecodeWorkerPool.executable(named) }
            #expect(error?.code == .workerUnavailable && error?.message.contains(named.string) == true)
        }
    }

    @Test func `What the worker says of itself isn't believed`() async throws {
        // A failure with the code "cancelled" would have the file decoded again and again.
        let head = #"\022\000\000\000\005\007\000\000\001\000\000\000\000\000\000\000"#
        let body = #"\011\000\000\000cancelled\001\000\000\000\000"#
        let file = try directory.write(Data("x".utf8), to: "a.mp4")
        let pool = try pool(script("printf '\(head)\(body)'; exec sleep 60"), deadline: .seconds(3))
        let error = await #expect(throws: DecodeError.self) { try await pool.probe(file) }
        #expect(error?.code == .protocolBroken)
    }

    @Test func `Cancelling ends the decoding and leaves the pool usable`() async throws {
        let long = try await video("long.mp4", seconds: 120)
        let pool = try pool()
        let (started, starting) = AsyncStream<Void>.makeStream()
        let task = Task {
            for try await event in pool.frames(of: long, sampling: FrameSampling(framesPerSecond: 25)) {
                if case .frame = event { starting.yield() }
            }
        }
        for await _ in started { break }
        task.cancel()
        let result = await task.result
        let error = #expect(throws: DecodeError.self) { try result.get() }
        #expect(error?.code == .cancelled)
        #expect(try await pool.probe(long).codec == "h264")
    }

    @Test func `An iterator that is dropped gives its worker's place to the next file`() async throws {
        let long = try await video("long.mp4", seconds: 120)
        let pool = try pool()
        for _ in 0..<3 {
            for try await event in pool.frames(of: long, sampling: FrameSampling(framesPerSecond: 25)) {
                if case .frame = event { break }
            }
        }
        #expect(try await pool.probe(long).codec == "h264")
    }

    @Test func `No more workers run than are allowed, and all files get their turn`() async throws {
        let file = try await video("a.mp4", seconds: 1)
        let pool = try pool(workers: 2)
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await times(pool.frames(of: file, sampling: FrameSampling(geometry: FrameGeometry(side: 32))))
                        .count
                }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(counts == Array(repeating: 2, count: 8))
        #expect(try await hasWorkers(1...2))
    }

    @Test func `A preview comes as a WebM file`() async throws {
        let file = try await video("film.avi")
        let webm = try await pool().preview(of: file, at: 1, seconds: 1.5, longestSide: 160)
        #expect(webm.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) && webm.count > 1_000)
    }

    @Test func `A thumbnail is an upright JPEG`() async throws {
        let file = try await video("a.mp4")
        let jpeg = try await pool().thumbnail(of: file, at: 1.5, longestSide: 160)
        #expect(jpeg.prefix(3) == [0xFF, 0xD8, 0xFF] && jpeg.suffix(2) == [0xFF, 0xD9])
        let path = try directory.write(Data(jpeg), to: "thumbnail.jpg")
        let information = try await pool().probe(path)
        #expect(information.width == 160 && information.height == 90 && information.isStill)
    }

    @Test func `The worker has given up privileges, core files, writing and memory without bounds`() async throws {
        let file = try await video("a.mp4", seconds: 1)
        let pool = try pool()
        _ = try await pool.probe(file)
        let identifier = try #require(workers.first)
        let status = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
        #expect(status.contains("NoNewPrivs:\t1"))
        let limits = try String(contentsOfFile: "/proc/\(identifier)/limits", encoding: .utf8)
        func limit(_ name: String) -> [Substring] {
            let line = limits.split(separator: "\n").first { $0.hasPrefix(name) }
            return line?.dropFirst(name.count).split(separator: " ").prefix(2).map { $0 } ?? []
        }
        #expect(limit("Max address space") == ["\(2 << 30)", "\(2 << 30)"])
        #expect(limit("Max core file size") == ["0", "0"] && limit("Max file size") == ["0", "0"])
        #expect(limit("Max open files") == ["64", "64"])
        let seconds = try #require(limit("Max cpu time").first.flatMap { Int($0) })
        #expect((120...240).contains(seconds))
    }

    @Test func `Too little memory is an error, not an end of this program`() async throws {
        let file = try await video("a.mp4", seconds: 1)
        let executable = try DecodeWorkerPool.executable()
        let limits = WorkerLimits(addressSpace: 64 << 20)
        let pool = DecodeWorkerPool(
            configuration: DecodeWorkerPool.Configuration(
                executable: executable, deadline: .seconds(20), limits: limits))
        await #expect(throws: DecodeError.self) { try await pool.probe(file) }
    }
}
