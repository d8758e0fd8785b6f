package import Foundation

extension API {
    /// What results are to look like: a clip, a moment of an indexed file, or a picture that comes with the request.
    ///
    /// In JSON an object with one of `clip`, `file` and `image`; `time` goes with `file`, and `weight` with each.
    package struct Example: Codable, Sendable, Equatable {
        package enum Source: Sendable, Equatable {
            /// The id of a clip.
            case clip(Int64)
            /// The clip of an indexed file that holds a time, in seconds, or the nearest one.
            case file(Path, time: Double)
            /// The bytes of a picture file: JPEG, PNG, WebP, … Of a video it is the first picture.
            case image(Data)
        }

        /// Bytes of a picture file at most, and of all those in one request.
        package static let maximumImageBytes = 8 << 20

        package var source: Source
        /// Beside 1 of the query's words.
        package var weight: Double

        package init(_ source: Source, weight: Double = 1) {
            self.source = source
            self.weight = weight
        }

        /// Whether it is a picture that comes with the request.
        package var isPicture: Bool {
            if case .image = source { true } else { false }
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case clip, file, time, image, weight
            case fileBytes = "file_bytes"
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            weight = try container.decodeNumber(Double.self, forKey: .weight) ?? 1
            let time = try container.decodeNumber(Double.self, forKey: .time)
            let clip = try container.decodeNumber(Int64.self, forKey: .clip)
            let file = try container.decodeIfPresent(String.self, forKey: .file)
            let bytes = try container.decodeIfPresent(Data.self, forKey: .fileBytes)
            let image = try container.decodeIfPresent(Data.self, forKey: .image)
            switch (clip, file, image) {
            case (let clip?, nil, nil) where time == nil && bytes == nil: source = .clip(clip)
            case (nil, let file?, nil): source = .file(Path(text: file, exactBytes: bytes), time: time ?? 0)
            case (nil, nil, let image?) where time == nil && bytes == nil:
                guard !image.isEmpty, image.count <= Self.maximumImageBytes else {
                    throw APIError(
                        .invalidRequest,
                        "“image” must have 1 to \(Self.maximumImageBytes >> 20) MB of a picture file, in base64")
                }
                source = .image(image)
            default:
                throw APIError(
                    .invalidRequest,
                    "an entry of “like” must be {\"clip\": id}, {\"file\": path, \"time\": seconds} or {\"image\": base64}"
                )
            }
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            switch source {
            case .clip(let id): try container.encode(id, forKey: .clip)
            case .file(let path, let time):
                try container.encode(path.text, forKey: .file)
                try container.encodeIfPresent(path.exactBytes, forKey: .fileBytes)
                try container.encode(time, forKey: .time)
            case .image(let bytes): try container.encode(bytes, forKey: .image)
            }
            if weight != 1 { try container.encode(weight, forKey: .weight) }
        }
    }

    /// What results are not to show, or to say. In JSON a string, or an object with `text` and `weight`.
    package struct Exclusion: Codable, Sendable, Equatable {
        package var text: String
        /// How much it counts beside the query.
        package var weight: Double

        package init(_ text: String, weight: Double = 1) {
            self.text = text
            self.weight = weight
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case text, weight
        }

        package init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                self.init(text)
                return
            }
            guard (try? decoder.container(keyedBy: AnyCodingKey.self)) != nil else {
                throw APIError(
                    .invalidRequest, "an entry of “not” must be a string, or an object such as {\"text\": \"night\"}")
            }
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.init(
                try container.decode(String.self, forKey: .text),
                weight: try container.decodeNumber(Double.self, forKey: .weight) ?? 1)
        }

        package func encode(to encoder: any Encoder) throws {
            if weight == 1 {
                var container = encoder.singleValueContainer()
                try container.encode(text)
            } else {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(text, forKey: .text)
                try container.encode(weight, forKey: .weight)
            }
        }
    }
}
