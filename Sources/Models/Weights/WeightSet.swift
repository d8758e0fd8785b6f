package import Tensors

/// Named tensors that a model takes its parameters from, checked as they are taken.
package struct WeightSet: Sendable {
    /// Where the tensors came from, for messages.
    package let source: String
    private let tensors: [String: Content]
    private let prefix: String

    private enum Content {
        case floats(Tensor<Float>)
        case packed(PackedRows)

        var shape: [Int] {
            switch self {
            case .floats(let tensor): tensor.shape
            case .packed(let rows): rows.shape
            }
        }
    }

    /// A set of tensors by their full names.
    package init(_ tensors: [String: Tensor<Float>], source: String) {
        self.init(source: source, tensors: tensors.mapValues { .floats($0) }, prefix: "")
    }

    private init(source: String, tensors: [String: Content], prefix: String) {
        self.source = source
        self.tensors = tensors
        self.prefix = prefix
    }

    /// Reads every tensor of a safetensors file.
    package init(_ file: SafetensorsFile) throws {
        var tensors: [String: Content] = [:]
        for name in file.names {
            tensors[name] = try file.packedRows(named: name).map { .packed($0) } ?? .floats(file.tensor(named: name))
        }
        self.init(source: file.source, tensors: tensors, prefix: "")
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
        switch tensors[prefix + name] {
        case .floats(let tensor): return tensor
        case .packed(let rows): return rows.tensor
        case nil: throw WeightsError.missing(tensor: prefix + name, source: source)
        }
    }

    /// The tensor of this name, which must have this shape.
    package func tensor(named name: String, shape: [Int]) throws -> Tensor<Float> {
        try requireShape(shape, of: name)
        return try tensor(named: name)
    }

    /// The table of this name as the file keeps it, which must have this shape; nil if that isn't in 8 bits.
    package func packedRows(named name: String, shape: [Int]) throws -> PackedRows? {
        try requireShape(shape, of: name)
        guard case .packed(let rows) = tensors[prefix + name] else { return nil }
        return rows
    }

    private func requireShape(_ shape: [Int], of name: String) throws {
        guard let found = self.shape(of: name) else {
            throw WeightsError.missing(tensor: prefix + name, source: source)
        }
        guard found == shape else {
            throw WeightsError.shapeMismatch(tensor: prefix + name, expected: shape, found: found)
        }
    }

    /// Throws `WeightsError.unexpected` if the set has names that aren't in `known`.
    package func requireOnly(_ known: Set<String>) throws {
        let others = names.filter { !known.contains($0) }
        guard others.isEmpty else {
            throw WeightsError.unexpected(tensors: others.map { prefix + $0 }, source: source)
        }
    }
}
