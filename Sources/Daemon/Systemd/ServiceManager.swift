private import Glibc
import HTTPServer
import SystemPackage

/// Tells systemd how the service does (sd_notify(3)).
package struct ServiceManager: Sendable {
    package enum Message: Sendable, Equatable {
        /// The service answers requests, or a reload has ended.
        case ready
        /// A line for `systemctl status`.
        case status(String)
        /// The service is alive; must come within the watchdog's time.
        case watchdog
        case reloading
        case stopping

        var lines: String {
            switch self {
            case .ready: "READY=1"
            case .status(let text): "STATUS=" + text.split(whereSeparator: \.isNewline).joined(separator: " ")
            case .watchdog: "WATCHDOG=1"
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds())"
            case .stopping: "STOPPING=1"
            }
        }

        private static func monotonicMicroseconds() -> Int {
            var time = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &time)
            return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
        }
    }

    private let address: UnixAddress
    /// Half of the time within which systemd wants to hear of us, as sd_watchdog_enabled(3) advises; nil without a watchdog.
    package let watchdogInterval: Duration?

    /// - Parameters:
    ///   - environment: Where `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are looked up.
    /// - Returns: Nil when nobody wants to be told.
    package init?(environment: [String: String], pid: Int32 = getpid()) {
        guard let name = environment["NOTIFY_SOCKET"], name.hasPrefix("/") || name.hasPrefix("@"), name.count > 1,
            let address = try? UnixAddress(FilePath(name), allowsAbstract: true)
        else { return nil }
        self.address = address
        let isForUs = environment["WATCHDOG_PID"].map { Int32($0) == pid } ?? true
        watchdogInterval = environment["WATCHDOG_USEC"]
            .flatMap { Int64($0) }
            .flatMap { isForUs && $0 > 0 ? .microseconds($0 / 2) : nil }
    }

    /// Sends messages in one datagram. What goes wrong is ignored: the service works without being watched.
    ///
    /// Waits at most a second for a manager whose queue is full: a lost READY would be a failed start.
    package func notify(_ messages: Message...) {
        let text = messages.map(\.lines).joined(separator: "\n")
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let bytes = Array(text.utf8)
        let flags = Int32(MSG_NOSIGNAL)
        _ = unsafe address.withAddress { address, length in
            unsafe sendto(descriptor, bytes, bytes.count, flags, address, length)
        }
    }

    /// Takes the variables out of this process's environment, so that its children don't speak for it.
    package static func forgetEnvironment() {
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { unsafe unsetenv(name) }
    }
}
