import Models
import Search
import SystemPackage

/// One key of the configuration: its names, what it means, and how its text becomes a value.
package struct ConfigurationKey: Sendable {
    /// The dotted path in the file, such as `http.max_body_bytes`.
    package var name: String
    package var summary: String
    /// What holds when nobody says anything, in words.
    package var defaultText: String
    /// Whether SIGHUP applies a new value; otherwise it waits for a restart.
    package var reloadable: Bool
    /// Whether a list is expected: a sequence in the file, colons in the environment, repeated arguments.
    package var isList: Bool
    var apply: @Sendable (inout Configuration, [String], ConfigurationScope) throws(InvalidValue) -> Void

    /// The name in the environment: `http.max_body_bytes` is `SACCADE_HTTP_MAX_BODY_BYTES`.
    package var environmentName: String {
        "SACCADE_" + name.uppercased().replacing(".", with: "_")
    }

    /// Says what values are good.
    struct InvalidValue: Error {
        var expected: String
    }
}

/// What relative paths in a value are relative to.
struct ConfigurationScope: Sendable {
    var directory: FilePath
    var home: FilePath?

    func path(_ text: String) -> FilePath? {
        guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
        if let home {
            if text == "~" { return home }
            if text.hasPrefix("~/") { return home.pushing(FilePath(String(text.dropFirst(2)))).lexicallyNormalized() }
        }
        return directory.pushing(FilePath(text)).lexicallyNormalized()
    }
}

extension ConfigurationKey {
    package static let all: [ConfigurationKey] = [
        path(
            "state", "Directory of the databases.",
            default: "$STATE_DIRECTORY, else $XDG_STATE_HOME/saccade, else ~/.local/state/saccade"
        ) { $0.state = $1 },
        path(
            "socket", "The query socket.",
            default: "saccade.sock in `state` when that is set, else in $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR or `state`"
        ) { $0.socket = $1 },
        paths("roots", "Directories to watch, besides those added with `saccade watch add`.", default: "none") {
            $0.roots = $1
        },
        path("model", "Folder of the model.", default: "the shipped saccade-small") { $0.model = $1 },
        path("decoder", "The decode worker's program.", default: "saccade-decode of this installation") {
            $0.decoder = $1
        },
        word("log_level", "The least severe message that is logged.", default: "info", among: logLevels) {
            $0.logLevel = $1
        },
        integer(
            "ingest.decoders", "Decode workers, each a process.", default: "half of the processors, at most 4",
            in: 1...64
        ) {
            $0.ingest.decoders = $1
        },
        number("ingest.frames_per_second", "Pictures taken of a second of video.", default: "2", in: 0.1...30) {
            $0.ingest.framesPerSecond = $1
        },
        number(
            "ingest.rescan_seconds", "Seconds between full rescans.", default: "900",
            in: 10...604_800
        ) { $0.ingest.rescanSeconds = $1 },
        number(
            "ingest.settle_seconds", "A file is taken when it hasn't changed for so many seconds.", default: "2",
            in: 0...3600
        ) { $0.ingest.settleSeconds = $1 },
        number(
            "ingest.decode_timeout_seconds", "A decode worker without progress for so long is killed.", default: "30",
            in: 1...3600
        ) { $0.ingest.decodeTimeoutSeconds = $1 },
        word(
            "ingest.memory",
            "How much is kept of a clip for re-ranking: full (81 KB) or compact (31 KB); clips that are indexed keep theirs.",
            default: "full", reloadable: false, among: FeaturePrecision.allCases.map(\.rawValue)
        ) { $0.ingest.memory = FeaturePrecision(rawValue: $1) ?? .full },
        integer(
            "http.max_body_bytes", "Longest body of a request.", default: "65536", reloadable: true,
            in: 1024...16_777_216
        ) { $0.http.maxBodyBytes = $1 },
        integer(
            "http.max_query_bytes", "Longest query, in bytes of UTF-8.", default: "4096", reloadable: true,
            in: 16...1_048_576
        ) { $0.http.maxQueryBytes = $1 },
        integer(
            "http.max_results", "Most results that one answer may have.", default: "1000", reloadable: true,
            in: 1...SearchLimits.results
        ) { $0.http.maxResults = $1 },
        integer(
            "http.max_connections", "Connections open at once; more are answered 503.", default: "256",
            reloadable: true, in: 1...65_536
        ) { $0.http.maxConnections = $1 },
        integer(
            "http.max_requests", "Requests in work at once, and a quarter as many thumbnails; more are answered 503.",
            default: "64", reloadable: true,
            in: 1...4096
        ) { $0.http.maxRequests = $1 },
        integer(
            "http.max_event_streams", "Readers of /v1/events at once; more are answered 503.", default: "16",
            reloadable: true, in: 0...4096
        ) { $0.http.maxEventStreams = $1 },
        number(
            "http.request_seconds", "A request must arrive, and its answer be taken, within so many seconds each.",
            default: "30", reloadable: true, in: 0.1...3600
        ) { $0.http.requestSeconds = $1 },
        number(
            "http.idle_seconds", "A connection that asks nothing for so long is closed.", default: "60",
            reloadable: true, in: 0.1...86_400
        ) { $0.http.idleSeconds = $1 },
        integer("http.tcp_port", "Loopback TCP port; needs http.token_file.", default: "none: no TCP", in: 1...65_535) {
            $0.http.tcpPort = $1
        },
        path("http.token_file", "File with the token that TCP requests must show.", default: "none") {
            $0.http.tokenFile = $1
        },
        integer(
            "thumbnails.cache_bytes", "Memory for thumbnails that were made.", default: "16777216",
            in: 0...1_073_741_824
        ) { $0.thumbnails.cacheBytes = $1 },
        integer("thumbnails.side", "Longest side of a thumbnail in pixels.", default: "320", in: 16...2048) {
            $0.thumbnails.side = $1
        },
        number("thumbnails.timeout_seconds", "A thumbnail must be made within so long.", default: "20", in: 1...600) {
            $0.thumbnails.timeoutSeconds = $1
        },
    ]

    static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    package static func named(_ name: String) -> ConfigurationKey? {
        all.first { $0.name == name }
    }

    private static func path(
        _ name: String,
        _ summary: String,
        default defaultText: String,
        set: @escaping @Sendable (inout Configuration, FilePath) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, summary: summary, defaultText: defaultText, reloadable: false, isList: false) {
            configuration, values, scope throws(InvalidValue) in
            guard let path = scope.path(values[0]) else { throw InvalidValue(expected: "a path") }
            set(&configuration, path)
        }
    }

    private static func paths(
        _ name: String,
        _ summary: String,
        default defaultText: String,
        set: @escaping @Sendable (inout Configuration, [FilePath]) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, summary: summary, defaultText: defaultText, reloadable: true, isList: true) {
            configuration, values, scope throws(InvalidValue) in
            var paths: [FilePath] = []
            for value in values {
                guard let path = scope.path(value) else { throw InvalidValue(expected: "a list of paths") }
                if !paths.contains(path) { paths.append(path) }
            }
            set(&configuration, paths)
        }
    }

    private static func word(
        _ name: String,
        _ summary: String,
        default defaultText: String,
        reloadable: Bool = true,
        among words: [String],
        set: @escaping @Sendable (inout Configuration, String) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, summary: summary, defaultText: defaultText, reloadable: reloadable, isList: false)
        {
            configuration, values, _ throws(InvalidValue) in
            guard words.contains(values[0]) else {
                throw InvalidValue(expected: "one of \(words.joined(separator: ", "))")
            }
            set(&configuration, values[0])
        }
    }

    private static func integer(
        _ name: String,
        _ summary: String,
        default defaultText: String,
        reloadable: Bool = false,
        in range: ClosedRange<Int>,
        set: @escaping @Sendable (inout Configuration, Int) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, summary: summary, defaultText: defaultText, reloadable: reloadable, isList: false)
        {
            configuration, values, _ throws(InvalidValue) in
            guard let value = Int(values[0]), range.contains(value) else {
                throw InvalidValue(expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            set(&configuration, value)
        }
    }

    private static func number(
        _ name: String,
        _ summary: String,
        default defaultText: String,
        reloadable: Bool = false,
        in range: ClosedRange<Double>,
        set: @escaping @Sendable (inout Configuration, Double) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, summary: summary, defaultText: defaultText, reloadable: reloadable, isList: false)
        {
            configuration, values, _ throws(InvalidValue) in
            guard let value = Double(values[0]), range.contains(value) else {
                throw InvalidValue(expected: "a number from \(range.lowerBound) to \(range.upperBound)")
            }
            set(&configuration, value)
        }
    }
}
