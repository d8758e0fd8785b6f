private import Foundation

extension API {
    /// The body of `POST /v1/models/use`.
    package struct UseModel: Codable, Sendable, Equatable {
        package enum Choice: Sendable, Equatable {
            case previous
            /// The one that the configuration names.
            case configured
            /// A model's folder, by its absolute path.
            case folder(Path)
        }

        /// `previous`, `default`, or the absolute path of a folder.
        package var model: String
        /// Only tells what would happen.
        package var dryRun: Bool

        package init(model: String, dryRun: Bool = false) {
            self.model = model
            self.dryRun = dryRun
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case model
            case dryRun = "dry_run"
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            model = try container.decode(String.self, forKey: .model)
            dryRun = try container.decodeIfPresent(Bool.self, forKey: .dryRun) ?? false
            guard choice != nil else {
                throw APIError(
                    .invalidRequest, "“model” must be “previous”, “default” or the absolute path of a model's folder")
            }
        }

        /// Nil for a text that names none.
        package var choice: Choice? {
            switch model {
            case "previous": return .previous
            case "default": return .configured
            default:
                let path = Path(model)
                guard path.bytes.first == UInt8(ascii: "/"), !path.bytes.contains(0), path.bytes.count < 4096 else {
                    return nil
                }
                return .folder(path)
            }
        }
    }

    /// The answer to `POST /v1/models/use`.
    package struct ModelChange: Codable, Sendable, Equatable {
        package enum Outcome: String, Codable, Sendable {
            /// Its index answers already.
            case live
            /// Its index is built beside the one that answers; `/v1/events` tells when it takes over.
            case building
            /// Its index answers from now on.
            case switched
        }

        /// Of a dry run: what would become of it.
        package var outcome: Outcome
        package var name: String
        package var modelDigest: String
        private var pathText: String
        private var pathBytes: Data?
        /// Clips that are still to be made, about.
        package var clips: Int
        /// What they will take of the disk, about.
        package var neededBytes: Int64
        /// Absent where the system doesn't say.
        package var freeBytes: Int64?
        /// Whether there is room for them: without it, the model isn't used.
        package var fits: Bool

        package var folder: Path { Path(text: pathText, exactBytes: pathBytes) }

        package init(
            outcome: Outcome, name: String, modelDigest: String, folder: Path, clips: Int, neededBytes: Int64,
            freeBytes: Int64?, fits: Bool
        ) {
            self.outcome = outcome
            self.name = name
            self.modelDigest = modelDigest
            (pathText, pathBytes) = (folder.text, folder.exactBytes)
            self.clips = clips
            self.neededBytes = neededBytes
            self.freeBytes = freeBytes
            self.fits = fits
        }

        enum CodingKeys: String, CodingKey {
            case outcome, name, clips, fits
            case modelDigest = "model_digest"
            case pathText = "folder"
            case pathBytes = "folder_bytes"
            case neededBytes = "needed_bytes"
            case freeBytes = "free_bytes"
        }
    }

    /// The answer to `GET /v1/models`.
    package struct Models: Codable, Sendable, Equatable {
        package enum Role: String, Codable, Sendable {
            /// Its index answers.
            case live
            /// Its index is built beside the live one.
            case next
            /// Its index answered before the live one, and is kept.
            case previous
        }

        /// A model with an index.
        package struct Standing: Codable, Sendable, Equatable {
            package var role: Role
            /// Nil where its folder is gone.
            package var name: String?
            private var pathText: String?
            private var pathBytes: Data?
            package var modelDigest: String
            package var clips: Int
            /// What the index takes of the databases, about.
            package var diskBytes: Int64
            /// Of the next one.
            package var build: Status.Build?

            package var folder: Path? { pathText.map { Path(text: $0, exactBytes: pathBytes) } }

            package init(
                role: Role, name: String?, folder: Path?, modelDigest: String, clips: Int, diskBytes: Int64,
                build: Status.Build? = nil
            ) {
                self.role = role
                self.name = name
                (pathText, pathBytes) = (folder?.text, folder?.exactBytes)
                self.modelDigest = modelDigest
                self.clips = clips
                self.diskBytes = diskBytes
                self.build = build
            }

            enum CodingKeys: String, CodingKey {
                case role, name, clips, build
                case pathText = "folder"
                case pathBytes = "folder_bytes"
                case modelDigest = "model_digest"
                case diskBytes = "disk_bytes"
            }
        }

        /// A model that is named somewhere.
        package struct Folder: Codable, Sendable, Equatable {
            /// Nil where there is no model in it.
            package var name: String?
            private var pathText: String
            private var pathBytes: Data?

            package var folder: Path { Path(text: pathText, exactBytes: pathBytes) }

            package init(name: String?, folder: Path) {
                self.name = name
                (pathText, pathBytes) = (folder.text, folder.exactBytes)
            }

            enum CodingKeys: String, CodingKey {
                case name
                case pathText = "folder"
                case pathBytes = "folder_bytes"
            }
        }

        /// At most one of each role.
        package var models: [Standing]
        /// What the configuration says.
        package var configured: Folder?
        /// What was chosen with `POST /v1/models/use` in its place.
        package var chosen: Folder?

        package init(models: [Standing], configured: Folder?, chosen: Folder?) {
            self.models = models
            self.configured = configured
            self.chosen = chosen
        }

        enum CodingKeys: String, CodingKey {
            case models, chosen
            case configured = "default"
        }
    }
}

extension API.Status {
    /// An index that is built beside the live one.
    package struct Build: Codable, Sendable, Equatable {
        /// Of its model; nil where that isn't known.
        package var name: String?
        package var modelDigest: String
        /// Media items of the library, and how many of them are done.
        package var media: Int
        package var indexed: Int
        package var failed: Int
        /// Media items in work and those whose turn can come now.
        package var waiting: Int
        /// Media items that hold it back: those, and those in folders that are offline.
        package var missing: Int
        package var clips: Int
        /// Clips that it will have, about.
        package var expectedClips: Int
        /// From 0 to 1, by the length of the videos.
        package var fraction: Double
        /// Seconds until it is complete at the present rate; nil while that isn't known.
        package var remaining: Double?
        /// Why it can't take over although it is complete.
        package var problem: String?

        package init(
            name: String?, modelDigest: String, media: Int, indexed: Int, failed: Int, waiting: Int, missing: Int,
            clips: Int,
            expectedClips: Int, fraction: Double, remaining: Double?, problem: String?
        ) {
            self.name = name
            self.modelDigest = modelDigest
            self.media = media
            self.indexed = indexed
            self.failed = failed
            self.waiting = waiting
            self.missing = missing
            self.clips = clips
            self.expectedClips = expectedClips
            self.fraction = fraction
            self.remaining = remaining
            self.problem = problem
        }

        enum CodingKeys: String, CodingKey {
            case name, media, indexed, failed, waiting, missing, clips, fraction, problem
            case modelDigest = "model_digest"
            case expectedClips = "expected_clips"
            case remaining = "remaining_seconds"
        }
    }
}
