import API
private import Foundation
private import Glibc
package import Logging
import Synchronization

/// The level of all loggers at once, so that a reload can change it.
package final class SharedLogLevel: Sendable {
    private let level: Mutex<Logger.Level>

    package init(_ level: Logger.Level) {
        self.level = Mutex(level)
    }

    package var current: Logger.Level {
        get { level.withLock { $0 } }
        set { level.withLock { $0 = newValue } }
    }
}

/// Writes log lines to the standard error.
///
/// On a terminal or into a file a line begins with the time and the level. Under systemd the journal keeps both: a line begins with
/// the priority in the form that journald reads, `<6>` (sd-daemon(3)), unless the journal takes the line with its metadata as fields.
package struct StandardErrorLog: LogHandler {
    package enum Style: Sendable, Equatable {
        case plain, journal

        /// `.journal` when the standard error is the stream that `JOURNAL_STREAM` names (systemd.exec(5)).
        package static func detect(environment: [String: String]) -> Style {
            var status = stat()
            guard let stream = environment["JOURNAL_STREAM"], unsafe fstat(STDERR_FILENO, &status) == 0,
                stream == "\(status.st_dev):\(status.st_ino)"
            else { return .plain }
            return .journal
        }
    }

    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let style: Style
    private let shared: SharedLogLevel
    private let journal: Journal?
    private let write: @Sendable (String) -> Void

    /// - Parameter journal: takes the lines; what it doesn't take is written.
    package init(
        label: String,
        style: Style,
        level: SharedLogLevel,
        journal: Journal? = nil,
        write: @escaping @Sendable (String) -> Void = StandardErrorLog.writeToStandardError
    ) {
        self.label = label
        self.style = style
        shared = level
        self.journal = journal
        self.write = write
    }

    package var logLevel: Logger.Level {
        get { shared.current }
        set { shared.current = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let given = event.metadata { all.merge(given) { $1 } }
        let metadata = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        var line = "\(label): " + Self.oneLine("\(event.message)")
        for (key, value) in metadata { line += " \(key)=\(Self.quoted(Self.oneLine(value)))" }
        let priority = event.level.journalPriority
        if let journal {
            let fields =
                [
                    ("MESSAGE", line), ("PRIORITY", "\(priority)"), ("SYSLOG_IDENTIFIER", "saccade"),
                    ("SACCADE_LOGGER", label),
                ] + metadata.map { (Journal.fieldName($0), $1) }
            if journal.send(fields) { return }
        }
        switch style {
        case .plain: write("\(RFC3339.format(Date())) \(event.level.rawValue) \(line)\n")
        case .journal: write("<\(priority)>\(line)\n")
        }
    }

    @Sendable
    package static func writeToStandardError(_ line: String) {
        let bytes = Array(line.utf8)
        // One call a line, so that lines of several threads don't mix.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// File names may have line breaks and escape sequences in them: nothing in a log line may look like another line.
    private static func oneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
        var clean = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || scalar.value == 0x7F {
                clean += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            } else {
                clean.unicodeScalars.append(scalar)
            }
        }
        return clean
    }

    private static func quoted(_ text: String) -> String {
        text.contains(" ") || text.isEmpty ? "\"\(text)\"" : text
    }
}

extension Logger.Level {
    /// syslog(3)'s priority.
    fileprivate var journalPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
