private import Foundation

extension API {
    /// The body of `POST /v1/roots`.
    package struct AddRoot: Codable, Sendable, Equatable {
        /// The absolute path of a directory.
        package var path: String

        package init(path: String) {
            self.path = path
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case path
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            path = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .path)
        }
    }

    /// The body of `POST /v1/rescan`, which may also be empty.
    package struct RescanRequest: Codable, Sendable, Equatable {
        /// Only this root; absent means all of them.
        package var root: Int64?

        package init(root: Int64? = nil) {
            self.root = root
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case root
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            root = try decoder.container(keyedBy: CodingKeys.self).decodeNumber(Int64.self, forKey: .root)
        }
    }

    /// The answer to `POST /v1/rescan`: the scan goes on after it; `/v1/events` tells its end.
    package struct RescanAccepted: Codable, Sendable, Equatable {
        /// The ids of the roots that will be scanned.
        package var roots: [Int64]

        package init(roots: [Int64]) {
            self.roots = roots
        }
    }

    package enum RootState: String, Codable, Sendable {
        case online, scanning, offline
    }

    /// A watched directory.
    package struct Root: Codable, Sendable, Equatable {
        package var id: Int64
        private var pathText: String
        private var pathBytes: Data?
        package var state: RootState
        /// Why it is offline, in words.
        package var reason: String?
        /// Video files that are known under it.
        package var files: Int
        /// Those of them that are missing with most of the root, and stay until it is confirmed that they are gone or they are back;
        /// nil where none is.
        package var missing: Int?
        /// Where inotify doesn't tell all that changes in it; nil where it does.
        package var polling: Polling?

        /// Why and how often a root is looked at on a timer.
        package struct Polling: Codable, Sendable, Equatable {
            /// In words.
            package var reason: String
            /// Seconds between two looks at the moment; it grows while nothing changes.
            package var interval: Double

            package init(reason: String, interval: Double) {
                self.reason = reason
                self.interval = interval
            }

            enum CodingKeys: String, CodingKey {
                case reason
                case interval = "interval_seconds"
            }
        }

        package var path: Path {
            get { Path(text: pathText, exactBytes: pathBytes) }
            set { (pathText, pathBytes) = (newValue.text, newValue.exactBytes) }
        }

        package init(
            id: Int64, path: Path, state: RootState, reason: String? = nil, files: Int, missing: Int? = nil,
            polling: Polling? = nil
        ) {
            self.missing = missing
            self.polling = polling
            self.id = id
            (pathText, pathBytes) = (path.text, path.exactBytes)
            self.state = state
            self.reason = reason
            self.files = files
        }

        enum CodingKeys: String, CodingKey {
            case id, state, reason, files, missing, polling
            case pathText = "path"
            case pathBytes = "path_bytes"
        }
    }
}
