package import Foundation

extension API {
    /// What `GET /v1/events` tells: one server-sent event each, whose `event:` is `kind` and whose `data:` is this as JSON.
    package struct Event: Codable, Sendable, Equatable {
        package var kind: EventKind
        package var time: Date
        package var root: Int64?
        package var media: Int64?
        private var pathText: String?
        private var pathBytes: Data?
        /// How far decoding has come, and of how much, in seconds.
        package var position: Double?
        package var duration: Double?
        /// Clips that the media item has now.
        package var clips: Int?
        /// Of a failure, in words.
        package var reason: String?
        /// Of `dropped`: how many events a slow reader has missed. Of `removal_held`: how many files are missing.
        package var count: Int?
        /// Of `saved_search_matched`: the name of the saved search.
        package var savedSearch: String?
        /// Of `saved_search_matched`: the clip, as a search shows it.
        package var result: SearchResult?

        package var path: Path? {
            get { pathText.map { Path(text: $0, exactBytes: pathBytes) } }
            set { (pathText, pathBytes) = (newValue?.text, newValue?.exactBytes) }
        }

        package init(
            kind: EventKind,
            time: Date,
            root: Int64? = nil,
            media: Int64? = nil,
            path: Path? = nil,
            position: Double? = nil,
            duration: Double? = nil,
            clips: Int? = nil,
            reason: String? = nil,
            count: Int? = nil,
            savedSearch: String? = nil,
            result: SearchResult? = nil
        ) {
            self.kind = kind
            self.time = time
            self.root = root
            self.media = media
            (pathText, pathBytes) = (path?.text, path?.exactBytes)
            self.position = position
            self.duration = duration
            self.clips = clips
            self.reason = reason
            self.count = count
            self.savedSearch = savedSearch
            self.result = result
        }

        enum CodingKeys: String, CodingKey {
            case kind, time, root, media, position, duration, clips, reason, count, result
            case savedSearch = "saved_search"
            case pathText = "path"
            case pathBytes = "path_bytes"
        }
    }

    package enum EventKind: String, Codable, Sendable, CaseIterable {
        case scanStarted = "scan_started"
        case scanFinished = "scan_finished"
        case rootAdded = "root_added"
        case rootRemoved = "root_removed"
        case rootOnline = "root_online"
        case rootOffline = "root_offline"
        /// Most of a root is missing: `count` files are kept until that is confirmed.
        case removalHeld = "removal_held"
        case mediaFound = "media_found"
        case mediaMoved = "media_moved"
        case mediaRemoved = "media_removed"
        case mediaStarted = "media_started"
        case mediaProgress = "media_progress"
        case mediaIndexed = "media_indexed"
        case mediaFailed = "media_failed"
        /// Queries are answered from another model's index now.
        case indexSwitched = "index_switched"
        /// A new clip matches a saved search.
        case savedSearchMatched = "saved_search_matched"
        /// A model is used, or given up, or can't take over, as the `reason` says: ask `/v1/models`.
        case modelChanged = "model_changed"
        /// Nothing is indexed until the `reason`, such as a full disk or a person's wish, is gone.
        case paused
        case resumed
        /// The reader was too slow, and `count` events before this one are lost: ask `/v1/status` where things stand.
        case dropped
    }
}
