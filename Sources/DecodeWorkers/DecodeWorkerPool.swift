package import Basics
package import DecodeProtocol
import Glibc
import Synchronization
package import SystemPackage

/// Decodes files in worker processes, so that nothing a codec does can harm this one.
///
/// A worker is lent to one file at a time and used again for the next. One that crashes, stands still or speaks nonsense is
/// killed; the next file gets a new one. The worker decodes only as far ahead as the pipe between holds, so a slow consumer
/// slows it down. How often a file is tried on which workers die, is for its owner to say.
package final class DecodeWorkerPool: FrameSource {
    package struct Configuration: Sendable {
        /// The worker program.
        package var executable: FilePath
        /// Workers at the same time, at least 1.
        package var workers: Int
        /// How long a worker may say nothing while something is awaited from it.
        package var deadline: Duration
        package var limits: WorkerLimits
        /// Opens what workers read.
        package var opener: FileOpener
        /// A worker is replaced after so many requests, so that what a codec leaks doesn't pile up.
        package var requestsPerWorker: Int

        package init(
            executable: FilePath,
            workers: Int = 1,
            deadline: Duration = .seconds(30),
            limits: WorkerLimits = WorkerLimits(),
            opener: FileOpener = FileOpener(),
            requestsPerWorker: Int = 2000
        ) {
            self.executable = executable
            self.workers = max(1, workers)
            self.deadline = deadline
            self.limits = limits
            self.opener = opener
            self.requestsPerWorker = requestsPerWorker
        }
    }

    private struct State {
        var idle: [DecodeWorker] = []
        var lent = 0
        var waiters: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var nextWaiter: UInt64 = 0
    }

    private let configuration: Configuration
    private let state = Mutex(State())

    package init(configuration: Configuration) {
        self.configuration = configuration
    }

    /// The worker program: the one that is named, otherwise `saccade-decode` beside the running program or in
    /// `../libexec/saccade`.
    /// - Throws: `DecodeError` with `workerUnavailable` if it isn't there or can't be run.
    package static func executable(_ named: FilePath? = nil) throws(DecodeError) -> FilePath {
        func isProgram(_ path: FilePath) -> Bool {
            unsafe path.withPlatformString { unsafe access($0, X_OK) } == 0
        }
        if let named {
            guard isProgram(named) else {
                throw DecodeError(
                    .workerUnavailable, isRetryable: true,
                    message: "The decode worker \(named) is not a program that can be run: correct `decoder` in the "
                        + "configuration.")
            }
            return named
        }
        if let found = InstalledProgram.path(of: "saccade-decode") { return found }
        throw DecodeError(
            .workerUnavailable, isRetryable: true,
            message: "saccade-decode is neither beside this program nor in ../libexec/saccade: install Saccade as a "
                + "whole, or name the worker with `decoder` in the configuration.")
    }

    package func frames(of file: FilePath, sampling: FrameSampling) -> DecodeEvents {
        DecodeEvents { [self] in
            let run = DecodeRun(pool: self, file: file, request: .frames(sampling))
            return {
                while let message = try await run.next() {
                    if case .event(let event) = message { return event }
                }
                return nil
            }
        }
    }

    package func probe(_ file: FilePath) async throws -> MediaInfo {
        let run = DecodeRun(pool: self, file: file, request: .probe)
        var information: MediaInfo?
        while let message = try await run.next() {
            if case .event(.mediaInfo(let found)) = message { information = found }
        }
        guard let information else { throw DecodeError.incomplete }
        return information
    }

    package func thumbnail(of file: FilePath, at time: Double, longestSide: Int) async throws -> [UInt8] {
        let run = DecodeRun(pool: self, file: file, request: .thumbnail(time: time, longestSide: longestSide))
        var jpeg: [UInt8]?
        while let message = try await run.next() {
            if case .thumbnail(let bytes) = message { jpeg = bytes }
        }
        guard let jpeg else { throw DecodeError.incomplete }
        return jpeg
    }

    package func preview(
        of file: FilePath, at start: Double, seconds: Double, longestSide: Int
    ) async throws -> [UInt8] {
        let request = DecodeRequest.preview(start: start, seconds: seconds, longestSide: longestSide)
        let run = DecodeRun(pool: self, file: file, request: request)
        var webm: [UInt8]?
        while let message = try await run.next() {
            if case .preview(let bytes) = message { webm = bytes }
        }
        guard let webm else { throw DecodeError.incomplete }
        return webm
    }

    package func text(of file: FilePath, _ place: TextPlace) async throws -> [TextLine] {
        let run = DecodeRun(pool: self, file: file, request: .text(place))
        var lines: [TextLine] = []
        var bytes = 0
        while let message = try await run.next() {
            guard case .text(let more) = message else { continue }
            bytes += more.reduce(0) { $0 + $1.wireBytes }
            lines += more
            guard lines.count <= TextLimits.lines, bytes <= TextLimits.bytes else { throw DecodeError.tooMuchText }
        }
        return lines
    }

    var opener: FileOpener { configuration.opener }
    var deadline: Duration { configuration.deadline }

    /// A worker for one file; it must come back with `release`, or its loss be told with `discard`.
    func acquire() async throws(DecodeError) -> DecodeWorker {
        try await admit()
        while let worker = state.withLock({ $0.idle.popLast() }) {
            if worker.isRunning, worker.requestCount < configuration.requestsPerWorker { return worker }
        }
        do throws(DecodeError) {
            return try await DecodeWorker.start(
                configuration.executable, limits: configuration.limits, deadline: configuration.deadline)
        } catch {
            leave()
            throw error
        }
    }

    func release(_ worker: DecodeWorker) {
        state.withLock { $0.idle.append(worker) }
        leave()
    }

    /// A lent worker is gone.
    func discard() {
        leave()
    }

    /// Waits until fewer than the allowed number of workers are lent, and counts one more.
    private func admit() async throws(DecodeError) {
        let waiter = state.withLock { state -> UInt64 in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isAdmitted = state.withLock { state in
                    if state.lent < configuration.workers || Task.isCancelled {
                        state.lent += 1
                        return true
                    }
                    state.waiters.append((waiter, continuation))
                    return false
                }
                if isAdmitted { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == waiter }) else { return nil }
                state.lent += 1
                return state.waiters.remove(at: index).continuation
            }
            waiting?.resume()
        }
        if Task.isCancelled {
            leave()
            throw .cancelled
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.lent -= 1
            guard state.lent < configuration.workers, !state.waiters.isEmpty else { return nil }
            state.lent += 1
            return state.waiters.removeFirst().continuation
        }
        next?.resume()
    }
}

extension DecodeError {
    fileprivate static var incomplete: DecodeError {
        DecodeError(
            .protocolBroken, isRetryable: true,
            message: "The decode worker ended its answer without what was asked for.")
    }

    fileprivate static var tooMuchText: DecodeError {
        DecodeError(
            .protocolBroken, isRetryable: true, message: "The decode worker sent more text than one file may have.")
    }
}

/// One request to the pool, whose answers are pulled one by one by whoever made it. When it is dropped early, its
/// worker ends.
final class DecodeRun {
    private enum State {
        case waiting
        case running(DecodeWorker)
        case over
    }

    private let pool: DecodeWorkerPool
    private let file: FilePath
    private let request: DecodeRequest
    private var state = State.waiting
    private var bounds: AnswerBounds

    init(pool: DecodeWorkerPool, file: FilePath, request: DecodeRequest) {
        self.pool = pool
        self.file = file
        self.request = request
        bounds = AnswerBounds(request, deadline: pool.deadline)
    }

    deinit { loseWorker() }

    /// The next message up to and with `end`, then nil.
    func next() async throws(DecodeError) -> DecodeMessage? {
        do throws(DecodeError) {
            if case .waiting = state {
                let worker = try await pool.acquire()
                state = .running(worker)
                try await worker.send(request, media: try await open(with: worker))
            }
            guard case .running(let worker) = state else { return nil }
            let began = ContinuousClock.now
            let message = try await worker.receive()
            try bounds.take(message, after: .now - began)
            switch message {
            case .event(.end): finish(worker)
            case .failure(let error):
                finish(worker)
                throw error
            case .event, .thumbnail, .preview, .text: break
            }
            return message
        } catch {
            loseWorker()
            throw error
        }
    }

    private func open(with worker: DecodeWorker) async throws(DecodeError) -> FileDescriptor {
        do throws(DecodeError) {
            return try await worker.open(file, with: pool.opener)
        } catch {
            finish(worker)
            throw error
        }
    }

    private func finish(_ worker: DecodeWorker) {
        state = .over
        pool.release(worker)
    }

    /// The worker, if one still runs for this, can't be used again: nobody knows what it is about to say.
    private func loseWorker() {
        if case .running(let worker) = state {
            worker.kill()
            pool.discard()
        }
        state = .over
    }
}
