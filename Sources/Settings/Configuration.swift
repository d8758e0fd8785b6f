package import Basics
package import SystemPackage

/// Everything that can be set, after file, environment and arguments have been put together.
///
/// `ConfigurationKey.all` is the one place that knows the keys; `docs/CONFIGURATION.md` lists them. The values here are
/// their defaults.
package struct Configuration: Sendable, Equatable {
    /// Where the databases live.
    package var state: FilePath
    /// The query socket.
    package var socket: FilePath
    /// Folders to watch besides those that were added over the socket.
    package var roots: [FilePath] = []
    /// The model's folder; nil means the one that is shipped.
    package var model: FilePath?
    /// The decode worker's program; nil means the one beside this program.
    package var decoder: FilePath?
    /// `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`.
    package var logLevel = "info"
    package var catalog = Catalog()
    package var index = Index()
    package var ingest = Ingest()
    package var access = Access()
    package var http = HTTP()
    package var thumbnails = Thumbnails()
    package var previews = Previews()
    package var saved = Saved()
    package var fleet = Fleet()
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

    /// Other machines, with which a PostgreSQL database is shared.
    package struct Fleet: Sendable, Equatable {
        /// The address of the database, with its password where it has one; nil for a machine by itself.
        package var url: String?
        /// What people call this machine; nil for its host name.
        package var name: String?
        /// The URL under which the others reach this one's HTTP listener.
        package var address: String?

        package init() {}
    }

    /// What the databases keep.
    package struct Catalog: Sendable, Equatable {
        /// Days for which clips of media whose files are gone are kept.
        package var keepDeletedDays = 7.0

        package init() {}
    }

    /// How clips are found.
    package struct Index: Sendable, Equatable {
        /// Where the vectors are.
        package var kind = Kind.auto
        /// The part of the best clips that a search of a file is to find.
        package var recall = 0.98

        package enum Kind: String, Sendable, CaseIterable { case auto, exact, ivf }

        package init() {}
    }

    /// How media are indexed.
    package struct Ingest: Sendable, Equatable {
        /// Decode workers, each a process; nil means one for every two processors, at most 4.
        package var decoders: Int?
        /// Frames sampled per second of video.
        package var framesPerSecond = 2.0
        /// Seconds between full rescans.
        package var rescanSeconds = 900.0
        /// A file is indexed once unchanged for this many seconds.
        package var settleSeconds = 2.0
        /// A worker that makes no progress for this many seconds is killed.
        package var decodeTimeoutSeconds = 30.0
        /// What is left out of every root, as in gitignore(5).
        package var ignore: [String] = []
        /// Whether links to files that lie outside their root are indexed.
        package var followLinks = false
        /// The part of the time that the encoder may work on another model's index while new media wait.
        package var rebuildShare = 0.5
        /// Bytes that are to stay free beside the databases: below, indexing waits; 0 for as long as anything can be written.
        package var minFreeBytes = 256 << 20
        /// Seconds between two looks at folders that inotify doesn't tell all of.
        package var pollSeconds = 60.0
        /// The share of a folder's files that may leave the index at once without a person's consent; 1 for all.
        package var removalShare = 0.5
        /// Hours in which nothing is indexed.
        package var quietHours: DailyHours?
        /// Whether a computer that runs on its battery indexes.
        package var onBattery = false
        /// Per cent of pressure (PSI) above which indexing slows down; 100 for never.
        package var maxCPUPressure = 100.0
        package var maxIOPressure = 100.0
        package var maxMemoryPressure = 20.0
        /// How the rerank features of new clips are stored.
        package var rerankFeatures = RerankFeatures.full

        package enum RerankFeatures: String, Sendable, CaseIterable { case full, compact }

        package init() {}
    }

    /// Who may use the query socket besides the daemon's own user and root: names or numbers of users and groups.
    package struct Access: Sendable, Equatable {
        /// Who may do everything.
        package var users: [String] = []
        package var groups: [String] = []
        /// Who may search, and change nothing.
        package var searchUsers: [String] = []
        package var searchGroups: [String] = []

        package init() {}

        /// Whether anybody else may.
        package var isGranted: Bool { !(users + groups + searchUsers + searchGroups).isEmpty }
    }

    /// Limits of the query socket.
    package struct HTTP: Sendable, Equatable {
        package var maxBodyBytes = 65_536
        /// Of a query, in bytes of UTF-8.
        package var maxQueryBytes = 4_096
        /// Of one answer.
        package var maxResults = 1_000
        /// Maximum open connections, a quarter of them for the Unix socket alone; more are answered 503 and closed.
        package var maxConnections = 256
        /// Maximum concurrent searches and descriptions, as many short requests, and a quarter as many thumbnails; more are answered 503.
        package var maxRequests = 64
        /// Maximum concurrent readers of `/v1/events`.
        package var maxEventStreams = 16
        /// A request must arrive, and each part of its answer be read, within this many seconds.
        package var requestTimeoutSeconds = 30.0
        /// Idle connections are closed after this many seconds.
        package var idleTimeoutSeconds = 60.0
        /// Loopback port; nil, the default, means no TCP at all.
        package var tcpPort: Int?
        /// Holds the token that TCP requests must send; required when there is a port.
        package var tokenFile: FilePath?
        /// Loopback port of the search page, which is then there from the start; nil means that it is served on a free port once somebody
        /// asks for it.
        package var pagePort: Int?
        /// Where a reverse proxy shows the page: scheme and host, such as `https://videos.example.org`.
        package var pageOrigin: String?
        /// What the paths of the page begin with, such as `/videos`; `/` for nothing.
        package var basePath = "/"

        package init() {}
    }

    /// Pictures of clips.
    package struct Thumbnails: Sendable, Equatable {
        /// Maximum size of the cache, in memory.
        package var cacheBytes = 16 << 20
        /// Maximum size of those that are kept on disk, beside the databases.
        package var diskBytes = 256 << 20
        /// The longest side in pixels when the request doesn't say.
        package var side = 320
        /// A picture must be made within this many seconds.
        package var timeoutSeconds = 20.0

        package init() {}
    }

    /// Short videos of clips, for browsers that can't play the file.
    package struct Previews: Sendable, Equatable {
        /// Maximum size of those that are kept on disk, beside the databases.
        package var diskBytes = 256 << 20
        /// A preview must be made within this many seconds.
        package var timeoutSeconds = 30.0

        package init() {}
    }

    /// Saved searches.
    package struct Saved: Sendable, Equatable {
        /// Whether saved searches may have commands.
        package var commands = false
        /// Commands that begin within a minute; those beyond wait.
        package var commandsPerMinute = 10
        /// A command that runs for longer than this many seconds is killed.
        package var commandTimeoutSeconds = 60.0

        package init() {}
    }
}
