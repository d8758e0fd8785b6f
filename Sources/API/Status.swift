package import Foundation

extension API {
    /// The answer to `GET /v1/status`.
    package struct Status: Codable, Sendable, Equatable {
        package var version: String
        package var pid: Int32
        package var started: Date
        /// The directory of the databases.
        package var stateDirectory: String
        package var model: Model
        package var engine: Engine
        package var watcher: Watcher
        package var roots: [Root]
        package var media: MediaCounts
        package var queue: Queue
        package var rates: Rates
        package var index: Index
        /// The index that is built beside the live one; nil when there is none.
        package var next: Build?
        /// What of the databases was damaged since the start, and how it was mended, in sentences; nil when nothing was.
        package var notices: [String]?
        /// The newest failures, at most `Status.maximumFailures`.
        package var failures: [Failure]
        /// The machines that share a database with this one; nil for one by itself.
        package var fleet: Fleet?

        package static let maximumFailures = 50

        package init(
            version: String,
            pid: Int32,
            started: Date,
            stateDirectory: String,
            model: Model,
            engine: Engine,
            watcher: Watcher,
            roots: [Root],
            media: MediaCounts,
            queue: Queue,
            rates: Rates,
            index: Index,
            next: Build? = nil,
            notices: [String]? = nil,
            failures: [Failure]
        ) {
            self.version = version
            self.pid = pid
            self.started = started
            self.stateDirectory = stateDirectory
            self.model = model
            self.engine = engine
            self.watcher = watcher
            self.roots = roots
            self.media = media
            self.queue = queue
            self.rates = rates
            self.index = index
            self.next = next
            self.notices = notices
            self.failures = failures
        }

        enum CodingKeys: String, CodingKey {
            case version, pid, model, engine, watcher, roots, media, queue, rates, index, next, notices, failures, fleet
            case started = "started_at"
            case stateDirectory = "state_directory"
        }
    }
}

extension API.Status {
    /// The machines that share a database.
    package struct Fleet: Codable, Sendable, Equatable {
        package struct Node: Codable, Sendable, Equatable {
            package var id: String
            package var name: String
            /// The URL of its HTTP listener; nil where it has none for others.
            package var address: String?
            /// Whether it is the machine that answers.
            package var here: Bool
            /// Whether it has said something within the last 45 seconds.
            package var online: Bool
            /// Seconds since then, by the clock of the database.
            package var silence: Double
            /// Media items that it has told the others of.
            package var media: Int
            /// Media items that it has still to tell the others of, as far as it knew when it was last heard.
            package var behind: Int

            package init(
                id: String, name: String, address: String?, here: Bool, online: Bool, silence: Double, media: Int,
                behind: Int
            ) {
                self.id = id
                self.name = name
                self.address = address
                self.here = here
                self.online = online
                self.silence = silence
                self.media = media
                self.behind = behind
            }

            enum CodingKeys: String, CodingKey {
                case id, name, address, here, online, media, behind
                case silence = "silence_seconds"
            }
        }

        /// Where the database is, without its password.
        package var database: String
        /// The id of this machine.
        package var node: String
        /// Its name.
        package var name: String
        /// Media items of this machine that the others have still to be told of.
        package var behind: Int
        /// Whether they had been told of all when the catalog was last compared.
        package var level: Bool
        /// What is wrong, and with what; nil while nothing is.
        package var error: String?
        /// All machines, as they were when the database was last asked.
        package var nodes: [Node]

        package init(
            database: String, node: String, name: String, behind: Int, level: Bool, error: String?, nodes: [Node]
        ) {
            self.database = database
            self.node = node
            self.name = name
            self.behind = behind
            self.level = level
            self.error = error
            self.nodes = nodes
        }
    }

    /// The model that answers.
    package struct Model: Codable, Sendable, Equatable {
        package var name: String
        /// The digest of its files. Each model, by its digest, has an index of its own.
        package var modelDigest: String
        package var dimensions: Int
        /// Whether it has a Slow part, which re-ranks.
        package var slow: Bool
        /// How many clips a search re-ranks when it doesn't say; nil without a Slow part.
        package var rerankDepth: Int?
        /// The same for a query of at most four word pieces.
        package var rerankShortDepth: Int?
        /// The Fast score's weight when a search doesn't say; nil without a Slow part.
        package var rerankBeta: Double?
        /// The same for a query of at most four word pieces.
        package var rerankShortBeta: Double?
        /// Whether results have probabilities.
        package var calibrated: Bool

        package init(
            name: String,
            modelDigest: String,
            dimensions: Int,
            slow: Bool = false,
            rerankDepth: Int? = nil,
            rerankShortDepth: Int? = nil,
            rerankBeta: Double? = nil,
            rerankShortBeta: Double? = nil,
            calibrated: Bool = false
        ) {
            self.name = name
            self.modelDigest = modelDigest
            self.dimensions = dimensions
            self.slow = slow
            self.rerankDepth = rerankDepth
            self.rerankShortDepth = rerankShortDepth
            self.rerankBeta = rerankBeta
            self.rerankShortBeta = rerankShortBeta
            self.calibrated = calibrated
        }

        enum CodingKeys: String, CodingKey {
            case name, dimensions, slow, calibrated
            case modelDigest = "model_digest"
            case rerankDepth = "rerank_depth"
            case rerankShortDepth = "rerank_short_depth"
            case rerankBeta = "rerank_beta"
            case rerankShortBeta = "rerank_short_beta"
        }
    }

    /// What the numbers run on.
    package struct Engine: Codable, Sendable, Equatable {
        /// OpenBLAS' name of the kernels in use, such as `SkylakeX`.
        package var blasCore: String
        /// The level of our own kernels: `scalar`, `avx2`, `avx512` or `avx512vnni`.
        package var simd: String
        package var threads: Int

        package init(blasCore: String, simd: String, threads: Int) {
            self.blasCore = blasCore
            self.simd = simd
            self.threads = threads
        }

        enum CodingKeys: String, CodingKey {
            case simd, threads
            case blasCore = "blas_core"
        }
    }

    package enum WatcherState: String, Codable, Sendable {
        /// Not started yet.
        case starting
        /// A rescan is running.
        case scanning
        /// Waiting for changes.
        case watching
        /// The kernel's limit of watches is reached: some directories are polled.
        case limited
        case stopped
    }

    package struct Watcher: Codable, Sendable, Equatable {
        package var state: WatcherState
        /// Directories that are watched.
        package var directories: Int
        /// What a person should do, when something is not as it should be.
        package var advice: String?
        package var lastScan: Date?

        package init(state: WatcherState, directories: Int, advice: String? = nil, lastScan: Date? = nil) {
            self.state = state
            self.directories = directories
            self.advice = advice
            self.lastScan = lastScan
        }

        enum CodingKeys: String, CodingKey {
            case state, directories, advice
            case lastScan = "last_scan_at"
        }
    }

    /// How many media are in each state.
    package struct MediaCounts: Codable, Sendable, Equatable {
        package var total: Int
        package var pending: Int
        package var indexing: Int
        package var indexed: Int
        package var failed: Int

        package init(total: Int, pending: Int, indexing: Int, indexed: Int, failed: Int) {
            self.total = total
            self.pending = pending
            self.indexing = indexing
            self.indexed = indexed
            self.failed = failed
        }
    }

    package struct Queue: Codable, Sendable, Equatable {
        /// Media that wait for their turn.
        package var waiting: Int
        /// Failed media that will be tried again.
        package var retrying: Int
        /// What is being worked on now.
        package var current: [Work]
        /// Why nothing is indexed at the moment, such as a full disk.
        package var paused: String?
        /// The same where nothing is wrong, such as in quiet hours.
        package var rest: API.Rest?
        /// Why indexing goes slowly.
        package var slowed: String?

        package init(
            waiting: Int, retrying: Int, current: [Work], paused: String? = nil, rest: API.Rest? = nil,
            slowed: String? = nil
        ) {
            self.rest = rest
            self.slowed = slowed
            self.waiting = waiting
            self.retrying = retrying
            self.current = current
            self.paused = paused
        }
    }

    /// A media item that is being indexed.
    package struct Work: Codable, Sendable, Equatable {
        package var media: Int64
        private var pathText: String
        private var pathBytes: Data?
        /// How far decoding has come, in seconds.
        package var position: Double
        /// In seconds; nil when the container doesn't say.
        package var duration: Double?

        package var path: API.Path {
            get { API.Path(text: pathText, exactBytes: pathBytes) }
            set { (pathText, pathBytes) = (newValue.text, newValue.exactBytes) }
        }

        package init(media: Int64, path: API.Path, position: Double, duration: Double?) {
            self.media = media
            (pathText, pathBytes) = (path.text, path.exactBytes)
            self.position = position
            self.duration = duration
        }

        enum CodingKeys: String, CodingKey {
            case media, position, duration
            case pathText = "path"
            case pathBytes = "path_bytes"
        }
    }

    /// Over the last minute of work.
    package struct Rates: Codable, Sendable, Equatable {
        /// Seconds of video a second.
        package var video: Double
        package var clips: Double
        package var frames: Double
        /// Until the queue is empty at this rate, in seconds; nil when it is empty or the rate isn't known.
        package var remaining: Double?

        package init(video: Double, clips: Double, frames: Double, remaining: Double? = nil) {
            self.video = video
            self.clips = clips
            self.frames = frames
            self.remaining = remaining
        }

        enum CodingKeys: String, CodingKey {
            case video = "video_seconds_per_second"
            case clips = "clips_per_second"
            case frames = "frames_per_second"
            case remaining = "remaining_seconds"
        }
    }

    package struct Index: Codable, Sendable, Equatable {
        package var clips: Int
        /// Of the vectors in memory.
        package var memoryBytes: Int
        /// Of the databases.
        package var diskBytes: Int64
        /// Clips that are kept of media whose files are gone.
        package var deletedClips: Int
        /// About what those take of the databases.
        package var deletedBytes: Int64
        /// What of the databases nothing uses.
        package var freeBytes: Int64

        package init(
            clips: Int, memoryBytes: Int, diskBytes: Int64, deletedClips: Int = 0, deletedBytes: Int64 = 0,
            freeBytes: Int64 = 0
        ) {
            self.clips = clips
            self.memoryBytes = memoryBytes
            self.diskBytes = diskBytes
            self.deletedClips = deletedClips
            self.deletedBytes = deletedBytes
            self.freeBytes = freeBytes
        }

        enum CodingKeys: String, CodingKey {
            case clips
            case memoryBytes = "memory_bytes"
            case diskBytes = "disk_bytes"
            case deletedClips = "deleted_clips"
            case deletedBytes = "deleted_bytes"
            case freeBytes = "free_bytes"
        }
    }

    package struct Failure: Codable, Sendable, Equatable {
        /// Nil for a file that could not even be read.
        package var media: Int64?
        private var pathText: String?
        private var pathBytes: Data?
        package var reason: String
        package var attempts: Int
        package var nextAttempt: Date?

        /// Nil for a media item that has no file any more.
        package var path: API.Path? {
            get { pathText.map { API.Path(text: $0, exactBytes: pathBytes) } }
            set { (pathText, pathBytes) = (newValue?.text, newValue?.exactBytes) }
        }

        package init(media: Int64?, path: API.Path?, reason: String, attempts: Int, nextAttempt: Date?) {
            self.media = media
            (pathText, pathBytes) = (path?.text, path?.exactBytes)
            self.reason = reason
            self.attempts = attempts
            self.nextAttempt = nextAttempt
        }

        enum CodingKeys: String, CodingKey {
            case media, reason, attempts
            case pathText = "path"
            case pathBytes = "path_bytes"
            case nextAttempt = "next_attempt_at"
        }
    }
}
