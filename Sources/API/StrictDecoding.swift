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

extension KeyedDecodingContainer {
    /// A number, or nil for null and a key that isn't there.
    ///
    /// Foundation has an error of its own for one that doesn't fit its type, such as 1.5 for a whole number, and reports it in the end
    /// like a body that is no JSON, without a word on where it stands.
    /// - Throws: `APIError` with `invalid_request` that names the key; `DecodingError` for what is no number.
    func decodeNumber<Number: Decodable & Numeric>(_ type: Number.Type, forKey key: Key) throws -> Number? {
        do {
            return try decodeIfPresent(type, forKey: key)
        } catch let error as DecodingError {
            throw error
        } catch {
            let name = (codingPath + [key]).map(\.stringValue).joined(separator: ".")
            let kind =
                Number.self is any BinaryInteger.Type
                ? "a whole number that fits 64 bits" : "a number that fits 64 bits"
            throw APIError(.invalidRequest, "“\(name)” must be \(kind)")
        }
    }
}
