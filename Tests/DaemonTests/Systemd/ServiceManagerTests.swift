import Daemon
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import SystemPackage
import TestSupport
import Testing
import Threads

struct ServiceManagerTests {
    /// A datagram socket such as systemd's.
    private final class Manager: Sendable {
        let descriptor: Int32
        let name: String
        private let directory: TemporaryDirectory
        /// A thread of its own: where tests that block keep others waiting, the socket would fill up.
        private let reader = BlockingExecutor(label: "manager")

        init(isAbstract: Bool) throws {
            directory = try TemporaryDirectory()
            name = (isAbstract ? "@" : "") + directory.path.appending("notify").string
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            var bytes = Array(name.utf8)
            if isAbstract { bytes[0] = 0 }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
            }
            try #require(result == 0)
            var timeout = timeval(tv_sec: 120, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }

        deinit {
            close(descriptor)
        }

        func receive() -> String {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }

        func receiveLater() async -> String {
            await reader.run { self.receive() }
        }
    }

    @Test(arguments: [false, true])
    func `messages arrive in one datagram, also in the abstract namespace`(isAbstract: Bool) throws {
        let manager = try Manager(isAbstract: isAbstract)
        let notifier = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": manager.name]))
        notifier.notify(.ready, .status("two\nlines"))
        #expect(manager.receive() == "READY=1\nSTATUS=two lines")
        notifier.notify(.reloading)
        #expect(manager.receive().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
    }

    @Test func `the watchdog is fed at half of its time, and only when it is ours`() {
        let base = ["NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000"]
        #expect(ServiceManager(environment: base)?.watchdogInterval == .milliseconds(1500))
        let ours = base.merging(["WATCHDOG_PID": "7"]) { $1 }
        #expect(ServiceManager(environment: ours, pid: 7)?.watchdogInterval == .milliseconds(1500))
        #expect(ServiceManager(environment: ours, pid: 8)?.watchdogInterval == nil)
        #expect(ServiceManager(environment: ["NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "x"])?.watchdogInterval == nil)
    }

    @Test(arguments: ["", "relative", "@", "/" + String(repeating: "x", count: 200)])
    func `without a usable socket nobody is told`(name: String) {
        #expect(ServiceManager(environment: ["NOTIFY_SOCKET": name]) == nil)
        #expect(ServiceManager(environment: [:]) == nil)
    }

    @Test func `a manager that isn't there does no harm`() throws {
        let notifier = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": "/nonexistent/notify"]))
        notifier.notify(.ready)
    }

    @Test func `the watchdog service reports until it stops, and says that it stops`() async throws {
        let manager = try Manager(isAbstract: false)
        let notifier = try #require(
            ServiceManager(environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "20000"]))
        let group = ServiceGroup(
            services: [WatchdogService(manager: notifier) { "all is well" }], logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for _ in 0..<3 { #expect(await manager.receiveLater() == "STATUS=all is well\nWATCHDOG=1") }
            await group.triggerGracefulShutdown()
            var last = ""
            repeat { last = await manager.receiveLater() } while last.hasPrefix("STATUS")
            #expect(last == "STOPPING=1")
            try await tasks.waitForAll()
        }
    }
}
