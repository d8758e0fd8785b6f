import CLinux
import DecodeProtocol
import Glibc
import Synchronization
import SystemPackage

/// A running decode worker, with blocking calls: for one thread, apart from `kill()`.
///
/// `@unchecked` because of the descriptors and the parser, which only that thread touches.
final class WorkerProcess: @unchecked Sendable {
    /// How a worker ended.
    enum Ending: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    let identifier: pid_t
    private let isReaped = Mutex(false)
    private let input: Int32
    private let output: Int32
    private var stream = WireStream(payloadLimit: DecodeLimits.payloadBytes)

    /// Bytes that a worker may be ahead of its reader: five frames of 256 px.
    private static let pipeBytes: Int32 = 1 << 20

    /// Starts `executable`, which ends with the calling thread.
    /// - Throws: `DecodeError` with `workerUnavailable`.
    init(executable: FilePath, limits: WorkerLimits) throws(DecodeError) {
        var requests: [Int32] = [-1, -1]
        var messages: [Int32] = [-1, -1]
        // A socket for the requests: writing to a dead worker must not raise SIGPIPE in this process.
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &requests) == 0 else { throw Self.unavailable(executable, errno) }
        guard unsafe saccade_pipe(&messages, Self.pipeBytes) == 0 else {
            let number = errno
            requests.forEach { close($0) }
            throw Self.unavailable(executable, number)
        }
        defer {
            close(requests[1])
            close(messages[1])
        }
        var identifier = pid_t()
        let status = Self.spawn(
            executable, limits.arguments(parent: getpid()), input: requests[1], output: messages[1], &identifier)
        guard status == 0 else {
            close(requests[0])
            close(messages[0])
            throw Self.unavailable(executable, status)
        }
        self.identifier = identifier
        input = requests[0]
        output = messages[0]
    }

    deinit {
        end()
        close(input)
        close(output)
    }

    /// Whether the worker has not ended.
    var isRunning: Bool {
        guard !isReaped.withLock({ $0 }) else { return false }
        var information = unsafe siginfo_t()
        let status = unsafe waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT)
        return unsafe status == 0 && information.si_signo == 0
    }

    /// Ends the worker at once; whoever waits for it in `receive` gets its end. From any thread.
    func kill() {
        isReaped.withLock { isReaped in
            if !isReaped { _ = Glibc.kill(identifier, SIGKILL) }
        }
    }

    /// Kills the worker if it still runs, and says how it ended; nil if that was said before.
    ///
    /// A worker that is ending by itself keeps its own exit status: the kernel ignores a signal from then on.
    @discardableResult
    func end() -> Ending? {
        kill()
        var information = unsafe siginfo_t()
        // Waits without reaping, so that `kill()` can't meet another process of the same number.
        while unsafe waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        guard
            isReaped.withLock({ isReaped in
                defer { isReaped = true }; return !isReaped
            })
        else { return nil }
        var status: Int32 = 0
        while unsafe waitpid(identifier, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
    }

    /// - Parameter media: a descriptor that goes with the request; the worker has one of its own then.
    /// - Returns: false if the worker doesn't take the request within `deadline`, or is gone.
    func send(_ bytes: [UInt8], media: FileDescriptor, deadline: Duration) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard wait(input, Int16(POLLOUT), deadline) else { return false }
            let sent = unsafe rest.withUnsafeBytes {
                unsafe saccade_send(input, $0.baseAddress, $0.count, rest.count == bytes.count ? media.rawValue : -1)
            }
            if sent >= 0 {
                rest = rest.dropFirst(sent)
            } else if errno != EINTR && errno != EAGAIN {
                return false
            }
        }
        return true
    }

    /// What came of waiting for a message.
    enum Reception: Sendable {
        case message(DecodeMessage, request: UInt32)
        case broken(WireError)
        /// No byte came within the deadline.
        case silence
        /// The worker closed its output: it ended.
        case closed
    }

    /// Waits for the next message; each byte that comes renews the deadline.
    ///
    /// A frame's pixels are read into the array in which the encoder gets them: nobody copies them but the kernel.
    func receive(deadline: Duration) -> Reception {
        while true {
            do throws(WireError) {
                if let message = try stream.next() {
                    return .message(try DecodeMessage(message), request: message.header.request)
                }
            } catch {
                return .broken(error)
            }
            guard wait(output, Int16(POLLIN), deadline) else { return .silence }
            let received = unsafe stream.fill { room in
                let count = unsafe read(output, room.baseAddress, room.count)
                return count < 0 ? -Int(errno) : count
            }
            if received == -Int(EINTR) { continue }
            guard received > 0 else { return .closed }
        }
    }

    private func wait(_ descriptor: Int32, _ events: Int16, _ deadline: Duration) -> Bool {
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: deadline)
        while true {
            let left = max(.zero, end - clock.now)
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let status = unsafe poll(&entry, 1, Int32(clamping: milliseconds + 1))
            if status > 0 { return true }
            if status == 0 || errno != EINTR { return false }
        }
    }

    private static func spawn(
        _ executable: FilePath, _ arguments: [String], input: Int32, output: Int32, _ identifier: inout pid_t
    ) -> Int32 {
        var environment = ["SWIFT_BACKTRACE=enable=no", "MALLOC_ARENA_MAX=2"]
        if let libraries = unsafe getenv("LD_LIBRARY_PATH") {
            environment.append(unsafe "LD_LIBRARY_PATH=\(String(cString: libraries))")
        }
        var argumentPointers = unsafe (["saccade-decode"] + arguments).map { unsafe strdup($0) } + [nil]
        var environmentPointers = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (argumentPointers + environmentPointers).forEach { unsafe free($0) } }
        return unsafe executable.withPlatformString { path in
            // A program that was just written is busy for as long as a process that was forked meanwhile keeps its descriptor: until
            // that one executes something else.
            var status = ETXTBSY
            for attempt in 0..<50 where status == ETXTBSY {
                if attempt > 0 { usleep(2_000) }
                status = unsafe saccade_spawn(path, &argumentPointers, &environmentPointers, input, output, &identifier)
            }
            return status
        }
    }

    private static func unavailable(_ executable: FilePath, _ number: Int32) -> DecodeError {
        DecodeError(
            .workerUnavailable, isRetryable: true,
            message: unsafe "The decode worker \(executable) can't be started (\(String(cString: strerror(number)))): "
                + "install it, or name it with --decoder.")
    }
}
