import Foundation
import SystemPackage

/// A JSON value of somebody else's configuration.
enum ConfigurationValue: Sendable, Equatable, Decodable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([ConfigurationValue])
    case object([String: ConfigurationValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([ConfigurationValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: ConfigurationValue].self))
        }
    }
}

/// An object of somebody else's configuration, whose values are taken by key; what nobody took can be asked for, and refused.
final class ConfigurationObject {
    /// The file and the keys that lead here, for messages.
    let place: String
    private var values: [String: ConfigurationValue]
    private var taken: Set<String> = []

    init(_ values: [String: ConfigurationValue], place: String) {
        self.values = values
        self.place = place
    }

    /// Reads a file of at most 1 MB.
    ///
    /// - Throws: ``WeightsError`` when it can't be read, ``ModelError`` when it isn't an object in JSON.
    convenience init(contentsOf path: FilePath) throws {
        let source = try ByteSource(opening: path)
        guard source.count <= 1 << 20 else { throw ModelError(.malformed, "\(path): too large for a configuration") }
        let data = try Data(source.read(0..<source.count))
        guard let values = try? JSONDecoder().decode([String: ConfigurationValue].self, from: data) else {
            throw ModelError(.malformed, "\(path): isn't a configuration in JSON; fetch the folder again")
        }
        self.init(values, place: path.string)
    }

    private func take(_ key: String) -> ConfigurationValue? {
        taken.insert(key)
        return values[key] == .null ? nil : values[key]
    }

    func error(_ key: String, _ reason: String) -> ModelError {
        ModelError(.malformed, "\(place): \"\(key)\" \(reason)")
    }

    func string(_ key: String) throws(ModelError) -> String? {
        switch take(key) {
        case nil: return nil
        case .string(let text): return text
        default: throw error(key, "must be a text")
        }
    }

    func boolean(_ key: String) throws(ModelError) -> Bool? {
        switch take(key) {
        case nil: return nil
        case .boolean(let value): return value
        default: throw error(key, "must be true or false")
        }
    }

    func number(_ key: String) throws(ModelError) -> Double? {
        switch take(key) {
        case nil: return nil
        case .number(let value): return value
        default: throw error(key, "must be a number")
        }
    }

    /// A size: a whole number from 0 to 2³⁰.
    func integer(_ key: String) throws(ModelError) -> Int? {
        guard let value = try number(key) else { return nil }
        guard let whole = Int(exactly: value), (0...1 << 30).contains(whole) else {
            throw error(key, "must be a whole number from 0 to \(1 << 30), not \(value)")
        }
        return whole
    }

    /// A side of a square: a size, or twice the same.
    func side(_ key: String) throws(ModelError) -> Int? {
        guard case .array(let sides)? = values[key] else { return try integer(key) }
        taken.insert(key)
        guard case .number(let side)? = sides.first, sides.count == 2, sides[0] == sides[1],
            let whole = Int(exactly: side), (0...1 << 30).contains(whole)
        else { throw error(key, "must be one size: pictures that aren't squares aren't implemented") }
        return whole
    }

    func numbers(_ key: String) throws(ModelError) -> [Double]? {
        guard let value = take(key) else { return nil }
        guard case .array(let elements) = value else { throw error(key, "must be a list of numbers") }
        var numbers: [Double] = []
        for element in elements {
            guard case .number(let number) = element else { throw error(key, "must be a list of numbers") }
            numbers.append(number)
        }
        return numbers
    }

    func object(_ key: String) throws(ModelError) -> ConfigurationObject? {
        switch take(key) {
        case nil: return nil
        case .object(let values): return ConfigurationObject(values, place: "\(place), \(key)")
        default: throw error(key, "must be an object")
        }
    }

    /// Whether a key has an object for its value.
    func hasObject(_ key: String) -> Bool {
        if case .object? = values[key] { true } else { false }
    }

    /// These values, and where another object has the same key that one's.
    func overlaid(by other: ConfigurationObject?) -> ConfigurationObject {
        guard let other else { return self }
        return ConfigurationObject(values.merging(other.values) { $1 }, place: place)
    }

    /// Refuses keys that nobody took: each could make another model of this one. Null and false stand for nothing.
    ///
    /// - Parameter ignored: keys that have no part in what a finished model computes.
    func requireNoMore(ignoring ignored: Set<String> = []) throws(ModelError) {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            if taken.contains(key) || ignored.contains(key) || value == .null || value == .boolean(false) { continue }
            throw error(key, "is set, and what it does isn't implemented")
        }
    }
}
