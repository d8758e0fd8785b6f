import Daemon
import Logging
import Synchronization
import Testing

struct StandardErrorLogTests {
    private func lines(style: StandardErrorLog.Style, _ body: (Logger) -> Void) -> [String] {
        let lines = LineCollector()
        let level = SharedLogLevel(.info)
        let logger = Logger(label: "service") { label in
            StandardErrorLog(label: label, style: style, level: level) { lines.add($0) }
        }
        body(logger)
        return lines.all
    }

    @Test func `under systemd a line has a priority and no time`() {
        let lines = lines(style: .journal) { logger in
            logger.warning("careful", metadata: ["path": "/a b", "n": "3"])
            logger.debug("not shown")
        }
        #expect(lines == ["<4>service: careful n=3 path=\"/a b\"\n"])
    }

    @Test func `elsewhere a line has a time and a level`() throws {
        let lines = lines(style: .plain) { $0.info("hello") }
        let line = try #require(lines.first)
        #expect(line.hasSuffix("Z info service: hello\n"))
    }

    @Test func `line breaks and escape sequences stay on the line`() {
        let lines = lines(style: .journal) { $0.info("a\nb", metadata: ["path": "\u{1B}[31m"]) }
        #expect(lines == ["<6>service: a\\x0ab path=\\x1b[31m\n"])
    }

    @Test func `one level holds for all loggers and can change`() {
        let lines = LineCollector()
        let level = SharedLogLevel(.error)
        let logger = Logger(label: "service") { label in
            StandardErrorLog(label: label, style: .journal, level: level) { lines.add($0) }
        }
        logger.info("one")
        level.current = .info
        logger.info("two")
        #expect(lines.all == ["<6>service: two\n"])
    }

    @Test func `a stream that isn't the journal's is plain`() {
        #expect(StandardErrorLog.Style.detect(environment: [:]) == .plain)
        #expect(StandardErrorLog.Style.detect(environment: ["JOURNAL_STREAM": "1:2"]) == .plain)
    }
}

private final class LineCollector: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) {
        lines.withLock { $0.append(line) }
    }

    var all: [String] { lines.withLock { $0 } }
}
