import Basics

/// A coding key that stands for any name.
struct AnyCodingKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) {
        self.stringValue = stringValue
    }

    init?(intValue: Int) {
        nil
    }
}

extension Decoder {
    /// Refuses keys that the type doesn't have, because a misspelt filter that is ignored gives wrong answers silently.
    ///
    /// - Throws: `APIError` with `invalid_request` that names the key and the nearest known one.
    func refuseUnknownKeys<Key: CodingKey & CaseIterable>(besides _: Key.Type) throws {
        let known = Key.allCases.map(\.stringValue)
        let container = try container(keyedBy: AnyCodingKey.self)
        for key in container.allKeys where !known.contains(key.stringValue) {
            let name = key.stringValue.prefix(60)
            let advice = Spelling.nearest(to: key.stringValue, among: known).map { "; did you mean “\($0)”?" }
            let place = codingPath.isEmpty ? "" : " in “\(codingPath.map(\.stringValue).joined(separator: "."))”"
            throw APIError(
                .invalidRequest,
                "unknown key “\(name)”\(place)"
                    + (advice ?? "; known keys are \(known.sorted().joined(separator: ", "))")
            )
        }
    }
}
