import Basics
package import DecodeProtocol
import Glibc
import Models
import Synchronization
package import SystemPackage

/// Decodes files in worker processes, so that nothing a codec does can harm this one.
///
/// A worker is lent to one file at a time and used again for the next. One that crashes, stands still or speaks nonsense is
/// killed; the next file gets a new one. The worker decodes only as far ahead as the pipe between holds, so a slow consumer
/// slows it down. Content on which workers died `Configuration.allowedCrashes` times is refused from then on.
package final class DecodeWorkerPool: FrameSource {
    package struct Configuration: Sendable {
        /// The worker program.
        package var executable: FilePath
        /// Workers at the same time, at least 1.
        package var workers: Int
        /// How long a worker may say nothing while something is awaited from it.
        package var deadline: Duration
        package var limits: WorkerLimits
        /// A worker is replaced after so many requests, so that what a codec leaks doesn't pile up.
        package var requestsPerWorker: Int
        /// Crashes on one content after which it isn't tried again.
        package var allowedCrashes: Int

        package init(
            executable: FilePath,
            workers: Int = 1,
            deadline: Duration = .seconds(30),
            limits: WorkerLimits = WorkerLimits(),
            requestsPerWorker: Int = 2000,
            allowedCrashes: Int = 3
        ) {
            self.executable = executable
            self.workers = max(1, workers)
            self.deadline = deadline
            self.limits = limits
            self.requestsPerWorker = requestsPerWorker
            self.allowedCrashes = allowedCrashes
        }
    }

    private struct State {
        var idle: [DecodeWorker] = []
        var lent = 0
        var waiters: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var nextWaiter: UInt64 = 0
        var crashes: [DecodeWorker.Content: (count: Int, last: String)] = [:]
    }

    /// Contents whose crashes are remembered; the oldest knowledge goes when there are more.
    private static let rememberedCrashes = 4096

    private let configuration: Configuration
    private let state = Mutex(State())

    package init(configuration: Configuration) {
        self.configuration = configuration
    }

    /// The worker program of this installation; nil if it isn't there.
    package static func installedExecutable() -> FilePath? { InstalledProgram.path(of: "saccade-decode") }

    package func frames(of file: FilePath, sampling: FrameSampling) -> DecodeEvents {
        DecodeEvents { [self] in
            let run = DecodeRun(pool: self, file: file, request: .frames(.path(file.bytes), sampling))
            return { try await run.next() }
        }
    }

    package func probe(_ file: FilePath) async throws -> MediaInfo {
        let run = DecodeRun(pool: self, file: file, request: .probe(.path(file.bytes)))
        var information: MediaInfo?
        while let message = try await run.nextMessage() {
            if case .mediaInfo(let found) = message { information = found }
        }
        guard let information else { throw DecodeError.incomplete }
        return information
    }

    package func thumbnail(of file: FilePath, at time: Double, longestSide: Int) async throws -> [UInt8] {
        let request = DecodeRequest.thumbnail(.path(file.bytes), time: time, longestSide: longestSide)
        let run = DecodeRun(pool: self, file: file, request: request)
        var jpeg: [UInt8]?
        while let message = try await run.nextMessage() {
            if case .thumbnail(_, let bytes) = message { jpeg = bytes }
        }
        guard let jpeg else { throw DecodeError.incomplete }
        return jpeg
    }

    /// Workers that wait for a file, for tests and status.
    package var idleWorkers: Int { state.withLock { $0.idle.count } }

    /// Process identifiers of the workers that wait for a file.
    package var idleIdentifiers: [Int32] { state.withLock { $0.idle.map(\.identifier) } }

    /// Ends the workers that wait. The pool can be used on.
    package func dismissIdleWorkers() {
        _ = state.withLock { state in
            defer { state.idle = [] }
            return state.idle
        }
    }

    /// A worker for one file; it must come back with `takeBack`, or its loss be told with `lose`.
    func lend() async throws(DecodeError) -> DecodeWorker {
        try await admit()
        while let worker = state.withLock({ $0.idle.popLast() }) {
            if worker.isRunning, worker.requestCount < configuration.requestsPerWorker { return worker }
        }
        do throws(DecodeError) {
            return try await DecodeWorker.start(
                configuration.executable, limits: configuration.limits, deadline: configuration.deadline)
        } catch {
            release()
            throw error
        }
    }

    func takeBack(_ worker: DecodeWorker) {
        state.withLock { $0.idle.append(worker) }
        release()
    }

    /// A lent worker is gone.
    func lose() {
        release()
    }

    /// Throws if workers have died on this content too often.
    func check(_ content: DecodeWorker.Content) throws(DecodeError) {
        guard let crashes = state.withLock({ $0.crashes[content] }), crashes.count >= configuration.allowedCrashes
        else {
            return
        }
        throw DecodeError(
            .poisoned, isRetryable: false,
            message: "\(crashes.last) That happened \(crashes.count) times; the file is left alone until it changes.")
    }

    func noteCrash(on content: DecodeWorker.Content, _ error: DecodeError) {
        state.withLock { state in
            if state.crashes.count >= Self.rememberedCrashes { state.crashes.removeAll() }
            state.crashes[content] = ((state.crashes[content]?.count ?? 0) + 1, error.message)
        }
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
            release()
            throw .cancelled
        }
    }

    private func release() {
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
}
