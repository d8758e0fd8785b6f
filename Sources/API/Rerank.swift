
extension API {
    /// Whether the Fast model's best clips are read again by the Slow one.
    ///
    /// In JSON: `false` or `"off"`; `true`, `null` or no key at all; or an object with ``RerankOptions``.
    package enum Rerank: Codable, Sendable, Equatable {
        case off
        case on(RerankOptions)

        /// As the model's own `reranking.json` says, without a deadline.
        package static let standard = Rerank.on(RerankOptions())

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .standard
            } else if let isOn = try? container.decode(Bool.self) {
                self = isOn ? .standard : .off
            } else if (try? container.decode(String.self)) == "off" {
                self = .off
            } else if (try? decoder.container(keyedBy: AnyCodingKey.self)) != nil {
                self = .on(try RerankOptions(from: decoder))
            } else {
                throw APIError(
                    .invalidRequest,
                    "“rerank” must be true, false, \"off\" or an object such as {\"k\": 32, \"beta\": 1.5, \"deadline_ms\": 200}"
                )
            }
        }

        package func encode(to encoder: any Encoder) throws {
            switch self {
            case .off:
                var container = encoder.singleValueContainer()
                try container.encode(false)
            case .on(RerankOptions()):
                var container = encoder.singleValueContainer()
                try container.encode(true)
            case .on(let options):
                try options.encode(to: encoder)
            }
        }
    }

    /// How clips are re-ranked; what is absent is as the model says.
    package struct RerankOptions: Codable, Sendable, Equatable {
        /// How many of the Fast model's best clips are read again.
        package var k: Int?
        /// The weight of the Fast score beside the Slow one.
        package var beta: Double?
        /// Milliseconds after which the answer comes with what there is; nil waits for all `k`.
        package var deadline: Double?

        package init(k: Int? = nil, beta: Double? = nil, deadline: Double? = nil) {
            self.k = k
            self.beta = beta
            self.deadline = deadline
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case k, beta
            case deadline = "deadline_ms"
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            k = try container.decodeIfPresent(Int.self, forKey: .k)
            beta = try container.decodeIfPresent(Double.self, forKey: .beta)
            deadline = try container.decodeIfPresent(Double.self, forKey: .deadline)
        }

        /// Clips that one request may have re-ranked at most.
        package static let maximumK = 1_000
        /// Of `beta`, either side of 0: any score is far below it, and no combined score overflows.
        package static let maximumBeta = 1e6
        /// Of `deadline`: a minute.
        package static let maximumDeadline = 60_000.0
    }

    /// What is one result.
    package enum SearchGroup: String, Codable, Sendable, CaseIterable {
        /// Every clip.
        case clip
        /// The best clip of each media.
        case media

        package init(from decoder: any Decoder) throws {
            let word = try decoder.singleValueContainer().decode(String.self)
            guard let group = Self(rawValue: word) else {
                throw APIError(
                    .invalidRequest,
                    "“group” must be \(Self.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or "))")
            }
            self = group
        }
    }
}
