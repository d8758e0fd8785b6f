import Basics
import Foundation
package import SystemPackage
package import Tensors

/// Queries like those that a model is asked, by which the embeddings of clips are shortened that come near to whatever is asked.
///
/// Nearest neighbours in many dimensions have such hubs, which take the first places of queries about others. A clip's embedding x is divided
/// by 1 + w · (b(x) − b̄), where b(x) = τ log(1/N · Σ exp(qᵢᵀx/τ)) over the bank's N queries is about its nearness to the nearest of them.
/// Its direction stays, and a dot product with a query is what is ranked, so that neither the index nor a search knows of it.
///
/// Source: Bogolin et al., "Cross Modal Retrieval with Querybank Normalisation", CVPR 2022: the inverted softmax (eq. 3), here as a length,
/// so that it is computed once for a clip.
package struct Querybank: Sendable {
    /// [N, dimensions], unit rows.
    package let queries: Tensor<Float>
    /// τ.
    package let temperature: Float
    /// w: how much a clip is shortened.
    package let weight: Float
    /// b̄: the nearness of an ordinary clip, whose embedding keeps its length.
    package let mean: Float

    /// Clips whose products with all queries are in memory together.
    private static let clipsAtOnce = 1_024
    /// Queries at most.
    private static let capacity = 65_536

    /// - Precondition: the queries are rows, and the temperature is positive.
    package init(queries: Tensor<Float>, temperature: Float, weight: Float, mean: Float) {
        precondition(queries.rank == 2 && temperature > 0)
        self.queries = queries
        self.temperature = temperature
        self.weight = weight
        self.mean = mean
    }

    /// b(x) of each clip.
    ///
    /// - Parameters:
    ///   - clips: [clips, dimensions], unit rows.
    ///   - queries: [queries, dimensions], unit rows, at least one.
    package static func nearness(of clips: Tensor<Float>, to queries: Tensor<Float>, temperature: Float) -> [Float] {
        let count = queries.shape[0]
        // Some at a time: with all of a large gallery the products would need gigabytes.
        return stride(from: 0, to: clips.shape[0], by: clipsAtOnce).flatMap { first in
            let rows = (first..<min(first + clipsAtOnce, clips.shape[0])).map { Int32($0) }
            return nearness(
                Variable(constant: clips).gatherRows(rows).matmul(Variable(constant: queries), transposeB: true).value,
                count: count, temperature: temperature)
        }
    }

    /// The soft maximum of each row of `count` products.
    private static func nearness(_ products: Tensor<Float>, count: Int, temperature: Float) -> [Float] {
        products.withUnsafeBufferPointer { products in
            (0..<products.count / count).map { clip in
                let row = products[(clip * count)..<((clip + 1) * count)]
                let most = row.max() ?? 0
                let sum = row.reduce(Float(0)) { $0 + exp(($1 - most) / temperature) }
                return most + temperature * log(sum / Float(count))
            }
        }
    }

    /// What the embeddings are multiplied by.
    ///
    /// - Parameter nearness: b(x) of each.
    package func lengths(nearness: [Float]) -> [Float] {
        let (shortest, longest) = (EmbeddingLength.range.lowerBound, EmbeddingLength.range.upperBound)
        // Lengths beyond these are of noise, or of a damaged file.
        return nearness.map { min(max(1 / max(1 + weight * ($0 - mean), 0.1), Float(shortest)), Float(longest)) }
    }

    /// Embeddings with their lengths.
    ///
    /// - Parameter clips: [clips, dimensions], unit rows.
    package func shortened(_ clips: Tensor<Float>) -> Tensor<Float> {
        let width = clips.shape[1]
        let lengths = lengths(nearness: Self.nearness(of: clips, to: queries, temperature: temperature))
        return clips.withUnsafeBufferPointer { values in
            Tensor(values.indices.map { values[$0] * lengths[$0 / width] }, shape: clips.shape)
        }
    }
}

extension Querybank {
    /// Reads a bank.
    ///
    /// - Parameter dimensions: of the model.
    /// - Throws: ``WeightsError`` or ``ModelError`` that names the file and the tensor.
    init(_ path: FilePath, dimensions: Int) throws {
        let file = try SafetensorsFile(path)
        let names = ["mean", "queries", "temperature", "weight"]
        guard file.names == names, let shape = file.shape(of: "queries"), shape.count == 2,
            shape[1] == dimensions, (1...Self.capacity).contains(shape[0])
        else {
            throw ModelError(
                .malformed,
                "\(path): isn't a querybank of this model, which has \(dimensions) dimensions; make it anew with `saccade train querybank`"
            )
        }
        func number(_ name: String, in range: ClosedRange<Float>) throws -> Float {
            let value = try file.tensor(named: name, shape: [1]).scalars[0]
            guard range.contains(value) else {
                throw ModelError(
                    .malformed,
                    "\(path): \(name) is \(value), and must lie in \(range.lowerBound)...\(range.upperBound)")
            }
            return value
        }
        self.init(
            queries: try file.tensor(named: "queries", shape: shape),
            temperature: try number("temperature", in: 1e-3...10), weight: try number("weight", in: 0...100),
            mean: try number("mean", in: -1...1))
        guard queries.scalars.allSatisfy({ abs($0) <= 2 }) else {
            throw ModelError(.malformed, "\(path): has queries that are no unit vectors")
        }
    }

    /// Writes the bank, its queries with 8 bits a number.
    ///
    /// - Throws: ``WeightsError`` when a number isn't finite or the file can't be written.
    package func write(to path: FilePath) throws {
        var writer = SafetensorsWriter()
        try writer.add(queries, named: "queries", as: .int8)
        for (name, value) in [("temperature", temperature), ("weight", weight), ("mean", mean)] {
            try writer.add(Tensor([value], shape: [1]), named: name)
        }
        try writer.write(to: path)
    }
}

extension ModelFolder {
    package var querybank: FilePath { path.appending("querybank.safetensors") }

    /// The bank's file, if there is one.
    var querybankFiles: [FilePath] {
        FileManager.default.fileExists(atPath: querybank.string) ? [querybank] : []
    }

    /// Reads the bank of a model that has one.
    ///
    /// - Throws: as ``Querybank/init(_:dimensions:)``.
    func querybank(dimensions: Int) throws -> Querybank? {
        try querybankFiles.first.map { try Querybank($0, dimensions: dimensions) }
    }

    /// Takes another model's bank over, or removes what was here.
    ///
    /// - Parameter isOutdated: whether the embeddings have changed since the bank was made.
    func takeQuerybank(from other: ModelFolder, isOutdated: Bool) throws {
        let files = isOutdated ? [] : other.querybankFiles
        if other.path != path || isOutdated { try? FileManager.default.removeItem(atPath: querybank.string) }
        try copy(files.compactMap(\.lastComponent?.string), from: other)
    }
}
