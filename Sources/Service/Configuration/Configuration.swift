package import Models
package import SystemPackage

/// Everything that can be set, after file, environment and arguments have been put together.
///
/// `docs/CONFIGURATION.md` lists the keys; `ConfigurationKey.all` is the one place that knows them.
package struct Configuration: Sendable, Equatable {
    /// Where the databases live.
    package var state: FilePath
    /// The query socket.
    package var socket: FilePath
    /// Directories to watch besides those that were added over the socket.
    package var roots: [FilePath] = []
    /// The model's folder; nil means the one that is shipped.
    package var model: FilePath?
    /// The decode worker's program; nil means the one beside this program.
    package var decoder: FilePath?
    /// `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`.
    package var logLevel = "info"
    package var ingest = Ingest()
    package var http = HTTP()
    package var thumbnails = Thumbnails()
    /// The file that was read, nil when there is none.
    package var file: FilePath?
    /// Whether this user has no file and named neither state nor socket, so that the system's service may be meant.
    package var leavesPlaceOpen = true
    /// What was strange but no error, in sentences for the log.
    package var notices: [String] = []

    package init(state: FilePath, socket: FilePath) {
        self.state = state
        self.socket = socket
    }

    /// How media are taken in.
    package struct Ingest: Sendable, Equatable {
        /// Decode workers, each a process; nil means one for every two processors, at most 4.
        package var decoders: Int?
        /// Pictures that are taken of a second of video.
        package var framesPerSecond = 2.0
        /// Seconds between full rescans.
        package var rescanSeconds = 900.0
        /// A file is taken when it has not changed for this many seconds.
        package var settleSeconds = 2.0
        /// A worker that makes no progress for this many seconds is killed.
        package var decodeTimeoutSeconds = 30.0
        /// How the clips' memories are stored.
        package var memory = FeaturePrecision.full

        package init() {}
    }

    /// Limits of the query socket.
    package struct HTTP: Sendable, Equatable {
        package var maxBodyBytes = 65_536
        /// Of a query, in bytes of UTF-8.
        package var maxQueryBytes = 4_096
        /// Of one answer.
        package var maxResults = 1_000
        /// Connections that may be open at once; more are answered 503 and closed.
        package var maxConnections = 256
        /// Requests that may be in work at once; more are answered 503.
        package var maxRequests = 64
        /// Readers of `/v1/events` at once.
        package var maxEventStreams = 16
        /// A request must have arrived, and its answer be taken, within this many seconds each.
        package var requestSeconds = 30.0
        /// A connection that asks nothing for this many seconds is closed.
        package var idleSeconds = 60.0
        /// Loopback port; nil, the default, means no TCP at all.
        package var tcpPort: Int?
        /// Holds the token that TCP requests must show; needed when there is a port.
        package var tokenFile: FilePath?

        package init() {}
    }

    /// Pictures of clips.
    package struct Thumbnails: Sendable, Equatable {
        /// Memory for pictures that were made.
        package var cacheBytes = 16 << 20
        /// The longest side in pixels when the request doesn't say.
        package var side = 320
        /// A picture must be made within this many seconds.
        package var timeoutSeconds = 20.0

        package init() {}
    }
}
