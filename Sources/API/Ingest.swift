package import Foundation

extension API {
    /// The body of `POST /v1/pause`, which may also be empty.
    package struct PauseRequest: Codable, Sendable, Equatable {
        /// Indexing goes on by itself after so many seconds; absent means only by `POST /v1/resume`.
        package var seconds: Double?

        /// A year.
        package static let maximumSeconds = 31_536_000.0

        package init(seconds: Double? = nil) {
            self.seconds = seconds
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case seconds
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            seconds = try decoder.container(keyedBy: CodingKeys.self).decodeNumber(Double.self, forKey: .seconds)
            if let seconds, !(seconds > 0 && seconds <= Self.maximumSeconds) {
                throw APIError(.invalidRequest, "“seconds” must be a number above 0 and at most 31536000, a year")
            }
        }
    }

    /// The answer to `POST /v1/pause` and `POST /v1/resume`.
    package struct IngestState: Codable, Sendable, Equatable {
        /// Why nothing is indexed; nil when indexing goes on.
        package var rest: Rest?

        package init(rest: Rest? = nil) {
            self.rest = rest
        }
    }

    /// Why nothing is indexed although nothing is wrong.
    package struct Rest: Codable, Sendable, Equatable {
        package enum Cause: String, Codable, Sendable {
            /// A person has paused it.
            case paused
            case quietHours = "quiet_hours"
            /// The computer runs on its battery.
            case battery
        }

        package var cause: Cause
        /// In words.
        package var reason: String
        /// When it ends by itself, if that is known.
        package var until: Date?

        package init(cause: Cause, reason: String, until: Date? = nil) {
            self.cause = cause
            self.reason = reason
            self.until = until
        }
    }

    /// The answer to `POST /v1/roots/{id}/confirm`.
    package struct ConfirmedRemoval: Codable, Sendable, Equatable {
        /// Files that have left the index.
        package var removed: Int
        package var root: Root

        package init(removed: Int, root: Root) {
            self.removed = removed
            self.root = root
        }
    }
}
