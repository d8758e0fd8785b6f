extension API {
    /// Whether the Fast model's best clips are re-ranked by the Slow one.
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
                    "“rerank” must be true, false, \"off\" or an object such as {\"depth\": 32, \"beta\": 1.5, \"deadline_ms\": 200}"
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
        /// How many of the Fast model's best clips are re-ranked.
        package var depth: Int?
        /// The weight of the Fast score beside the Slow one.
        package var beta: Double?
        /// Milliseconds after which the answer comes with what there is; nil waits for all.
        package var deadline: Double?

        package init(depth: Int? = nil, beta: Double? = nil, deadline: Double? = nil) {
            self.depth = depth
            self.beta = beta
            self.deadline = deadline
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case depth, beta
            case deadline = "deadline_ms"
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            depth = try container.decodeNumber(Int.self, forKey: .depth)
            beta = try container.decodeNumber(Double.self, forKey: .beta)
            deadline = try container.decodeNumber(Double.self, forKey: .deadline)
        }
    }

    /// What is one result.
    package enum SearchGroup: String, Codable, Sendable, CaseIterable {
        /// Every clip.
        case clip
        /// The best clip of each media item.
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
