import Basics
package import DecodeProtocol
import Glibc
import Synchronization
import SystemPackage
import Threads

/// A decode worker with its thread: what the pool lends for one request at a time.
final class DecodeWorker: Sendable {
    /// What a file is by its inode: a crash is remembered for this, until the file changes.
    struct Content: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private let thread: BlockingExecutor
    private let process: WorkerProcess
    private let deadline: Duration
    private let requests = Mutex<UInt32>(0)

    private init(thread: BlockingExecutor, process: WorkerProcess, deadline: Duration) {
        self.thread = thread
        self.process = process
        self.deadline = deadline
    }

    deinit {
        // Waits for the killed process on the thread that started it, which then ends.
        let process = process
        process.kill()
        thread.start { process.end() }
    }

    /// Starts a worker.
    /// - Throws: `DecodeError` with `workerUnavailable`.
    static func start(
        _ executable: FilePath, limits: WorkerLimits, deadline: Duration
    ) async throws(DecodeError) -> DecodeWorker {
        // Linux ends a worker with the *thread* that began it.
        let thread: BlockingExecutor
        do throws(Errno) {
            thread = try BlockingExecutor(startingThread: "decode worker")
        } catch {
            throw DecodeError(
                .workerUnavailable, isRetryable: true, message: "No thread for a decode worker: \(error).")
        }
        let started = await thread.run { () -> Result<WorkerProcess, DecodeError> in
            do throws(DecodeError) {
                return .success(try WorkerProcess(executable: executable, limits: limits))
            } catch {
                return .failure(error)
            }
        }
        return DecodeWorker(thread: thread, process: try started.get(), deadline: deadline)
    }

    /// How many requests the worker has been given.
    var requestCount: Int { Int(requests.withLock { $0 }) }

    var isRunning: Bool { process.isRunning }

    func kill() {
        process.kill()
    }

    /// Opens a file for a request, on the worker's thread.
    /// - Throws: `DecodeError` of the file. The worker is as it was.
    func open(_ file: FilePath, with opener: FileOpener) async throws(DecodeError) -> FileDescriptor {
        let opened = await thread.run { () -> Result<FileDescriptor, DecodeError> in
            do throws(DecodeError) {
                return .success(try opener.openMedia(file))
            } catch {
                return .failure(error)
            }
        }
        return try opened.get()
    }

    /// Asks for something; the answers come from `receive()`.
    /// - Parameter media: the file that the request is about. It is closed.
    /// - Throws: `DecodeError`. The worker is of no use after that.
    func send(_ request: DecodeRequest, media: FileDescriptor) async throws(DecodeError) {
        let number = requests.withLock { number in
            number &+= 1
            return number
        }
        let bytes = request.encoded(request: number)
        let (process, deadline) = (process, deadline)
        let isSent = await thread.run {
            defer { try? media.close() }
            return process.send(bytes, media: media, deadline: deadline)
        }
        guard isSent else { throw await failure(.closed) }
    }

    /// The next message that answers the last request.
    /// - Throws: `DecodeError`, also when the task was cancelled. The worker is of no use after that.
    func receive() async throws(DecodeError) -> DecodeMessage {
        let (process, deadline) = (process, deadline)
        let reception = await withTaskCancellationHandler {
            await thread.run { process.receive(deadline: deadline) }
        } onCancel: {
            process.kill()
        }
        if Task.isCancelled { throw .cancelled }
        guard case .message(let message, let request) = reception, request == requests.withLock({ $0 }) else {
            throw await failure(reception)
        }
        return message
    }

    /// Ends the worker and says why it failed.
    private func failure(_ reception: WorkerProcess.Reception) async -> DecodeError {
        let process = process
        switch reception {
        case .message:
            process.kill()
            return DecodeError(
                .protocolBroken, isRetryable: true, message: "The decode worker answered something that wasn't asked.")
        case .broken(let error):
            process.kill()
            return DecodeError(
                .protocolBroken, isRetryable: true, message: "The decode worker is not understood: \(error)")
        case .silence:
            process.kill()
            return DecodeError(
                .workerStuck, isRetryable: true,
                message: "The decode worker gave no sign of life for \(deadline) and was ended.")
        case .closed:
            let ending = await thread.run { process.end() }
            switch ending {
            case .signalled(SIGXCPU):
                return DecodeError(
                    .outOfTime, isRetryable: true,
                    message: "Decoding used up its CPU time without getting on in the file.")
            case .signalled(let signal):
                return DecodeError(
                    .workerCrashed, isRetryable: true,
                    message: "The decode worker crashed on this file (signal \(signal)).")
            case .exited(let code):
                return DecodeError(
                    .workerCrashed, isRetryable: true,
                    message: "The decode worker ended on this file (exit code \(code)).")
            case nil:
                return DecodeError(.workerCrashed, isRetryable: true, message: "The decode worker had ended.")
            }
        }
    }
}

extension DecodeError {
    package static var cancelled: DecodeError {
        DecodeError(.cancelled, isRetryable: true, message: "Decoding was cancelled.")
    }

    package static var tooLong: DecodeError {
        DecodeError(
            .tooLong, isRetryable: false,
            message: "It has more clips than one video may have: divide it into shorter files.")
    }
}
