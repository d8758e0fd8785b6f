import CLinux
import Glibc
import Synchronization
import SystemPackage

/// A program that a saved search runs: nothing to read, its output in the daemon's log, in a process group of its own.
final class CommandProcess: Sendable {
    /// How a program ended.
    enum Ending: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    private let identifier: pid_t
    private let isReaped = Mutex(false)

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name, in any bytes but 0.
    ///   - environment: all of it, as `NAME=value`.
    /// - Throws: `Errno`.
    init(_ program: FilePath, arguments: [[UInt8]], environment: [String]) throws(Errno) {
        let nothing = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard nothing >= 0 else { throw Errno(rawValue: errno) }
        defer { close(nothing) }
        var identifier = pid_t()
        let all = [Array(program.string.utf8)] + arguments
        var argumentPointers = unsafe all.map { unsafe Self.copy($0) } + [nil]
        var environmentPointers = unsafe environment.map { unsafe Self.copy(Array($0.utf8)) } + [nil]
        defer { unsafe (argumentPointers + environmentPointers).forEach { unsafe free($0) } }
        let status = unsafe program.withPlatformString { path in
            unsafe saccade_spawn(
                path, &argumentPointers, &environmentPointers, nothing, STDERR_FILENO, &identifier)
        }
        guard status == 0 else { throw Errno(rawValue: status) }
        self.identifier = identifier
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar>? {
        unsafe (bytes + [0]).withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe strdup($0.baseAddress!) }
        }
    }

    /// Signals the program and what it has started. From any thread; of one that has ended nothing happens.
    func signal(_ number: Int32) {
        isReaped.withLock { isReaped in
            if !isReaped { _ = Glibc.kill(-identifier, number) }
        }
    }

    /// Waits until the program has ended. Blocking; to be called once.
    func wait() -> Ending {
        var information = unsafe siginfo_t()
        // Waits without reaping, so that `signal(_:)` can't meet another process of the same number.
        while unsafe waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return isReaped.withLock { isReaped in
            isReaped = true
            var status: Int32 = 0
            while unsafe waitpid(identifier, &status, 0) < 0, errno == EINTR {}
            return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
        }
    }
}
