import Daemon
import Foundation
import Glibc
import Logging
import SystemPackage
import TestSupport
import Testing

struct JournalTests {
    /// A datagram socket such as journald's.
    private final class Receiver {
        let descriptor: Int32
        let path: FilePath
        private let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
            path = directory.path.appending("socket")
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.string.utf8)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let length = socklen_t(2 + bytes.count + 1)
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
            }
            try #require(result == 0)
        }

        deinit {
            close(descriptor)
        }

        func receive() -> [UInt8] {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            // Otherwise its end, which closes the descriptor, may come before the call.
            let count = withExtendedLifetime(self) { recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)) }
            return Array(buffer.prefix(max(0, count)))
        }
    }

    private func logger(_ journal: Journal?, _ written: @escaping @Sendable (String) -> Void) -> Logger {
        let level = SharedLogLevel(.info)
        return Logger(label: "ingest") {
            StandardErrorLog(label: $0, style: .journal, level: level, journal: journal, write: written)
        }
    }

    @Test func `a line goes to the journal with its metadata as fields`() throws {
        let receiver = try Receiver()
        let logger = logger(Journal(socket: receiver.path)) { Issue.record("written: \($0)") }
        logger.warning("it failed", metadata: ["media": "3", "path": "/a b", "retry-at": "x"])
        let text = String(decoding: receiver.receive(), as: UTF8.self)
        #expect(
            text == """
                MESSAGE=ingest: it failed media=3 path="/a b" retry-at=x
                PRIORITY=4
                SYSLOG_IDENTIFIER=saccade
                SACCADE_LOGGER=ingest
                SACCADE_MEDIA=3
                SACCADE_PATH=/a b
                SACCADE_RETRY_AT=x

                """)
    }

    @Test func `a value with a line break is preceded by its length, so that it can't pass for a field`() {
        let entry = Journal.entry([("SACCADE_PATH", "a\nPRIORITY=0"), ("B", "")])
        #expect(entry == Array("SACCADE_PATH\n".utf8) + [12, 0, 0, 0, 0, 0, 0, 0] + Array("a\nPRIORITY=0\nB=\n".utf8))
    }

    @Test func `what the journal doesn't take is written to the standard error`() throws {
        let receiver = try Receiver()
        let lines = Observed([String]())
        let logger = logger(Journal(socket: receiver.path)) { line in lines.change { $0.append(line) } }
        logger.info("\(String(repeating: "x", count: 8 << 20))")
        #expect(lines.value.count == 1 && lines.value[0].hasPrefix("<6>ingest: xxx"))
        unlink(receiver.path.string)
        logger.info("gone")
        #expect(lines.value.last == "<6>ingest: gone\n")
        #expect(Journal(socket: receiver.path) == nil)
    }

    @Test(arguments: [
        ("media", "SACCADE_MEDIA"), ("retry-at", "SACCADE_RETRY_AT"), ("é=\n", "SACCADE____"), ("", "SACCADE_"),
    ])
    func `a key becomes a name that the journal takes`(key: String, name: String) {
        #expect(Journal.fieldName(key) == name)
        #expect(Journal.fieldName(String(repeating: "a", count: 100)).utf8.count == 64)
    }
}
