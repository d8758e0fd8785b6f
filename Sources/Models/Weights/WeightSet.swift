package import Tensors

/// Named tensors that a model takes its parameters from, checked as they are taken.
package struct WeightSet: Sendable {
    /// Where the tensors came from, for messages.
    package let source: String
    private let tensors: [String: Tensor<Float>]
    private let prefix: String

    /// A set of tensors by their full names.
    package init(_ tensors: [String: Tensor<Float>], source: String) {
        self.source = source
        self.tensors = tensors
        self.prefix = ""
    }

    private init(source: String, tensors: [String: Tensor<Float>], prefix: String) {
        self.source = source
        self.tensors = tensors
        self.prefix = prefix
    }

    /// Reads every tensor of a safetensors file.
    package init(_ file: SafetensorsFile) throws {
        var tensors: [String: Tensor<Float>] = [:]
        for name in file.names { tensors[name] = try file.tensor(named: name) }
        self.init(tensors, source: file.source)
    }

    /// The names in this set, sorted, without the set's prefix.
    package var names: [String] {
        tensors.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    /// The part of this set whose names begin with `prefix`, seen without it.
    package func scoped(_ prefix: String) -> WeightSet {
        WeightSet(source: source, tensors: tensors, prefix: self.prefix + prefix)
    }

    /// Whether a tensor has this name.
    package func contains(_ name: String) -> Bool { tensors[prefix + name] != nil }

    /// The shape of a tensor, or nil if none has this name.
    package func shape(of name: String) -> [Int]? { tensors[prefix + name]?.shape }

    /// The tensor of this name, whatever its shape.
    package func tensor(named name: String) throws -> Tensor<Float> {
        guard let tensor = tensors[prefix + name] else {
            throw WeightsError.missing(tensor: prefix + name, source: source)
        }
        return tensor
    }

    /// The tensor of this name, which must have this shape.
    package func tensor(named name: String, shape: [Int]) throws -> Tensor<Float> {
        let tensor = try tensor(named: name)
        guard tensor.shape == shape else {
            throw WeightsError.shapeMismatch(tensor: prefix + name, expected: shape, found: tensor.shape)
        }
        return tensor
    }

    /// Throws `WeightsError.unexpected` if the set has names that aren't in `known`.
    package func requireOnly(_ known: Set<String>) throws {
        let others = names.filter { !known.contains($0) }
        guard others.isEmpty else {
            throw WeightsError.unexpected(tensors: others.map { prefix + $0 }, source: source)
        }
    }
}
