import Logging
import Synchronization

/// Keeps what is logged, with its level.
struct RecordingLog: LogHandler {
    final class Entries: Sendable {
        private let storage = Mutex<[(level: Logger.Level, message: String)]>([])

        var all: [(level: Logger.Level, message: String)] { storage.withLock { $0 } }

        func append(_ level: Logger.Level, _ message: String) {
            storage.withLock { $0.append((level, message)) }
        }

        /// A logger that writes here, whatever the level.
        var logger: Logger { Logger(label: "test") { _ in RecordingLog(entries: self) } }
    }

    let entries: Entries
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(entries: Entries) {
        self.entries = entries
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        entries.append(event.level, "\(event.message)")
    }
}

extension Logger {
    static var quiet: Logger {
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return logger
    }
}
