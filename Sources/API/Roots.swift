

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
        package var path: Path
        package var state: RootState
        /// Why it is offline, in words.
        package var reason: String?
        /// Video files that are known under it.
        package var files: Int

        package init(id: Int64, path: Path, state: RootState, reason: String? = nil, files: Int) {
            self.id = id
            self.path = path
            self.state = state
            self.reason = reason
            self.files = files
        }

        enum CodingKeys: String, CodingKey {
            case id, path, state, reason, files
            case pathBytes = "path_bytes"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(Int64.self, forKey: .id)
            path = try Path(from: container, text: .path, bytes: .pathBytes)
            state = try container.decode(RootState.self, forKey: .state)
            reason = try container.decodeIfPresent(String.self, forKey: .reason)
            files = try container.decode(Int.self, forKey: .files)
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
            try container.encode(path.text, forKey: .path)
            try container.encodeIfPresent(path.base64, forKey: .pathBytes)
            try container.encode(state, forKey: .state)
            try container.encodeIfPresent(reason, forKey: .reason)
            try container.encode(files, forKey: .files)
        }
    }
}
