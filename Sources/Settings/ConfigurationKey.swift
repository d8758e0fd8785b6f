import Basics
import SystemPackage

/// One key of the configuration: its names, what it means, how its text becomes a value, and which property holds that.
package struct ConfigurationKey: Sendable {
    /// The dotted path in the file, such as `http.max_body_bytes`.
    package let name: String
    package let summary: String
    /// Which values are valid, such as `a whole number from 1 to 64`.
    package let expected: String
    /// What holds when nobody says anything: the value of `Configuration`, or words where that depends on the machine.
    package let defaultText: String
    /// Whether SIGHUP applies a new value; otherwise it waits for a restart.
    package let isReloadable: Bool
    /// Whether a list is expected: a sequence in the file, colons in the environment, repeated arguments.
    let isList: Bool
    /// Sets the value from its text; false when the text isn't what is expected.
    let set: @Sendable (inout Configuration, [String], ConfigurationScope) -> Bool
    /// Gives the first configuration the second one's value.
    let copy: @Sendable (inout Configuration, Configuration) -> Void
    /// Whether two configurations have the same value.
    let isEqual: @Sendable (Configuration, Configuration) -> Bool

    /// The name in the environment: `http.max_body_bytes` is `SACCADE_HTTP_MAX_BODY_BYTES`.
    package var environmentName: String { Self.environmentName(of: name) }

    static func environmentName(of name: String) -> String {
        "SACCADE_" + name.uppercased().replacing(".", with: "_")
    }

    /// - Parameter defaultText: Required where the property's own default says nothing, such as nil that stands for a
    ///   number of processors.
    private init<Value: Equatable & Sendable>(
        _ name: String,
        _ property: any WritableKeyPath<Configuration, Value> & Sendable,
        _ form: ValueForm<Value>,
        default defaultText: String? = nil,
        reloadable: Bool = false,
        _ summary: String
    ) {
        self.name = name
        self.summary = summary
        expected = form.expected
        self.defaultText = defaultText ?? form.write(Configuration(state: "", socket: "")[keyPath: property])
        isReloadable = reloadable
        isList = form.isList
        set = { configuration, texts, scope in
            guard let value = form.read(texts, scope) else { return false }
            configuration[keyPath: property] = value
            return true
        }
        copy = { $0[keyPath: property] = $1[keyPath: property] }
        isEqual = { $0[keyPath: property] == $1[keyPath: property] }
    }
}

extension ConfigurationKey {
    package static let all: [ConfigurationKey] = [
        ConfigurationKey(
            "state", \.state, .path,
            default: "$STATE_DIRECTORY, else $XDG_STATE_HOME/saccade, else ~/.local/state/saccade",
            "Directory of the databases."),
        ConfigurationKey(
            "socket", \.socket, .path,
            default:
                "saccade.sock in `state` when that is set, else in $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR or `state`",
            "Unix socket of the API."),
        ConfigurationKey(
            "roots", \.roots, .paths, reloadable: true,
            "Folders to watch, besides those added with `saccade watch add`."),
        ConfigurationKey(
            "model", \.model, .optional(.path), default: "the model that comes with Saccade",
            "Folder of the model, unless `saccade model use` has chosen another."),
        ConfigurationKey(
            "decoder", \.decoder, .optional(.path), default: "saccade-decode of this installation",
            "Program of the decode worker."),
        ConfigurationKey(
            "log_level", \.logLevel, .word(of: ["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            reloadable: true,
            "Least severe level that is logged; successful GET requests are logged at debug, other requests at info."),

        ConfigurationKey(
            "catalog.keep_deleted_days", \.catalog.keepDeletedDays, .number(in: 0...3650),
            "Days for which what was indexed of a file that is gone is kept, in case it comes back."),

        ConfigurationKey(
            "index.kind", \.index.kind, .choice(),
            "Where clips are looked for: exact (in memory, all of them), ivf (in lists on disk, of which the nearest are read) or "
                + "auto (ivf from 400,000 clips on)."),
        ConfigurationKey(
            "index.recall", \.index.recall, .number(in: 0.5...1),
            "Part of the best clips that a search of lists on disk is to find; 1 reads all lists."),

        ConfigurationKey(
            "ingest.decoders", \.ingest.decoders, .optional(.integer(in: 1...64)),
            default: "half of the processors, at most 4", "Decode workers; each is a process."),
        ConfigurationKey(
            "ingest.frames_per_second", \.ingest.framesPerSecond, .number(in: 0.1...30),
            "Frames sampled per second of video."),
        ConfigurationKey(
            "ingest.rescan_seconds", \.ingest.rescanSeconds, .number(in: 10...604_800),
            "Seconds between full rescans."),
        ConfigurationKey(
            "ingest.settle_seconds", \.ingest.settleSeconds, .number(in: 0...3600),
            "A file is indexed once unchanged for this many seconds."),
        ConfigurationKey(
            "ingest.decode_timeout_seconds", \.ingest.decodeTimeoutSeconds, .number(in: 1...3600),
            "A decode worker that makes no progress for this many seconds is killed."),
        ConfigurationKey(
            "ingest.ignore", \.ingest.ignore, .texts(of: "patterns"),
            "What is left out of every root, as in gitignore; `.saccadeignore` files in a root say more."),
        ConfigurationKey(
            "ingest.follow_links", \.ingest.followLinks, .flag,
            "Whether symbolic links to files outside of their root are indexed."),
        ConfigurationKey(
            "ingest.rebuild_share", \.ingest.rebuildShare, .number(in: 0.05...0.95),
            "Maximum share of the time that the encoder works on another model's index while new media wait."),
        ConfigurationKey(
            "ingest.min_free_bytes", \.ingest.minFreeBytes, .integer(in: 0...1_099_511_627_776),
            "Free space beside the databases below which indexing waits."),
        ConfigurationKey(
            "ingest.poll_seconds", \.ingest.pollSeconds, .number(in: 5...86_400),
            "Seconds between two looks at folders on network, FUSE and removable file systems, and at those without a watch; "
                + "more while nothing changes, up to `ingest.rescan_seconds`."),
        ConfigurationKey(
            "ingest.removal_share", \.ingest.removalShare, .number(in: 0.01...1),
            "Share of a folder's files that may be missing at once; where more are, they are kept until "
                + "`saccade watch confirm`. 1 keeps none."),
        ConfigurationKey(
            "ingest.quiet_hours", \.ingest.quietHours, .optional(.hours), reloadable: true,
            "Hours of the day, local time, in which nothing is indexed."),
        ConfigurationKey(
            "ingest.on_battery", \.ingest.onBattery, .flag, reloadable: true,
            "Whether to index while the computer runs on its battery."),
        ConfigurationKey(
            "ingest.max_cpu_pressure", \.ingest.maxCPUPressure, .number(in: 1...100), reloadable: true,
            "Indexing slows down while the CPU pressure (PSI, in per cent) is higher; 100 for never."),
        ConfigurationKey(
            "ingest.max_io_pressure", \.ingest.maxIOPressure, .number(in: 1...100), reloadable: true,
            "Likewise for the pressure on disks."),
        ConfigurationKey(
            "ingest.max_memory_pressure", \.ingest.maxMemoryPressure, .number(in: 1...100), reloadable: true,
            "Likewise for the pressure on memory."),
        ConfigurationKey(
            "ingest.rerank_features", \.ingest.rerankFeatures, .choice(),
            "How the rerank features of new clips are stored: full (81 KB a clip) or compact (31 KB a clip)."),

        ConfigurationKey(
            "access.users", \.access.users, .texts(of: "users"),
            "Users who may do everything over the Unix socket, besides root and the daemon's own user."),
        ConfigurationKey(
            "access.groups", \.access.groups, .texts(of: "groups"),
            "Groups whose users may do everything over the Unix socket."),
        ConfigurationKey(
            "access.search_users", \.access.searchUsers, .texts(of: "users"),
            "Users who may search over the Unix socket, and change nothing."),
        ConfigurationKey(
            "access.search_groups", \.access.searchGroups, .texts(of: "groups"),
            "Groups whose users may search over the Unix socket, and change nothing."),

        ConfigurationKey(
            "http.max_body_bytes", \.http.maxBodyBytes, .integer(in: 1024...16_777_216), reloadable: true,
            "Maximum size of a request's body."),
        ConfigurationKey(
            "http.max_query_bytes", \.http.maxQueryBytes, .integer(in: 16...1_048_576), reloadable: true,
            "Maximum length of a query, in bytes of UTF-8."),
        ConfigurationKey(
            "http.max_results", \.http.maxResults, .integer(in: 1...1_000), reloadable: true,
            "Maximum number of results in one answer."),
        ConfigurationKey(
            "http.max_connections", \.http.maxConnections, .integer(in: 1...65_536), reloadable: true,
            "Maximum open connections, a quarter of them for the Unix socket alone. "
                + "Where no place is left, the one that has waited longest for its client is closed, else one more is answered 503."
        ),
        ConfigurationKey(
            "http.max_requests", \.http.maxRequests, .integer(in: 1...4096), reloadable: true,
            "Maximum concurrent searches and descriptions, as many short requests beside them, "
                + "and a quarter as many thumbnails; more are answered 503."),
        ConfigurationKey(
            "http.max_event_streams", \.http.maxEventStreams, .integer(in: 0...4096), reloadable: true,
            "Maximum concurrent readers of /v1/events; more are answered 503."),
        ConfigurationKey(
            "http.request_timeout_seconds", \.http.requestTimeoutSeconds, .number(in: 0.1...3600), reloadable: true,
            "A request must arrive, and each part of its answer be read, within this many seconds."),
        ConfigurationKey(
            "http.idle_timeout_seconds", \.http.idleTimeoutSeconds, .number(in: 0.1...86_400), reloadable: true,
            "Idle connections are closed after this many seconds."),
        ConfigurationKey(
            "http.tcp_port", \.http.tcpPort, .optional(.integer(in: 1...65_535)),
            "Loopback TCP port; requires `http.token_file`."),
        ConfigurationKey(
            "http.token_file", \.http.tokenFile, .optional(.path), "File with the token that TCP requests must send."),
        ConfigurationKey(
            "http.page_port", \.http.pagePort, .optional(.integer(in: 1...65_535)),
            "Loopback TCP port of the search page; without it, `saccade open` has it served on a free port."),
        ConfigurationKey(
            "http.page_origin", \.http.pageOrigin, .optional(.origin),
            "Where a reverse proxy shows the search page."),
        ConfigurationKey(
            "http.base_path", \.http.basePath, .urlPath,
            "What the paths of the search page begin with, for a reverse proxy that keeps them."),

        ConfigurationKey(
            "thumbnails.cache_bytes", \.thumbnails.cacheBytes, .integer(in: 0...1_073_741_824),
            "Maximum size of the cache of thumbnails, in memory."),
        ConfigurationKey(
            "thumbnails.disk_bytes", \.thumbnails.diskBytes, .integer(in: 0...1_099_511_627_776),
            "Maximum size of the thumbnails that are kept on disk, for media that go offline."),
        ConfigurationKey(
            "thumbnails.side", \.thumbnails.side, .integer(in: 16...2048),
            "Longest side of a thumbnail in pixels, when the request doesn't say."),
        ConfigurationKey(
            "thumbnails.timeout_seconds", \.thumbnails.timeoutSeconds, .number(in: 1...600),
            "A thumbnail that isn't made within this many seconds fails."),

        ConfigurationKey(
            "previews.disk_bytes", \.previews.diskBytes, .integer(in: 0...1_099_511_627_776),
            "Maximum size of the previews that are kept on disk, of clips that a browser could not play."),
        ConfigurationKey(
            "previews.timeout_seconds", \.previews.timeoutSeconds, .number(in: 1...600),
            "A preview that isn't made within this many seconds fails."),

        ConfigurationKey(
            "saved.commands", \.saved.commands, .flag,
            "Whether saved searches may run a command for each clip that they find."),
        ConfigurationKey(
            "saved.commands_per_minute", \.saved.commandsPerMinute, .integer(in: 1...600),
            "Maximum commands of saved searches that begin within a minute; more wait for their turn."),
        ConfigurationKey(
            "saved.command_timeout_seconds", \.saved.commandTimeoutSeconds, .number(in: 1...3600),
            "A command of a saved search that runs for longer than this many seconds is killed."),

        ConfigurationKey(
            "fleet.url", \.fleet.url, .optional(.secret),
            "PostgreSQL database that this machine shares with others; a secret, where a password is in it."),
        ConfigurationKey(
            "fleet.name", \.fleet.name, .optional(.label), default: "the host name",
            "What the machine is called in the answers of others."),
        ConfigurationKey(
            "fleet.address", \.fleet.address, .optional(.origin),
            "URL under which the others reach the HTTP listener of this machine."),
    ]

    /// Keys that have another name now, by their old one: they are errors that name the new one.
    static let renamed = [
        "ingest.memory": "ingest.rerank_features",
        "http.request_seconds": "http.request_timeout_seconds",
        "http.idle_seconds": "http.idle_timeout_seconds",
    ]

    package static func named(_ name: String) -> ConfigurationKey? {
        all.first { $0.name == name }
    }
}
