import Foundation
package import SystemPackage

/// A model folder's `reranking.json`: how the Fast and the Slow score are put together, as validation found it best.
package struct Reranking: Sendable, Equatable, Codable {
    /// K: how many of the Fast model's best clips are scored again.
    package var depth: Int
    /// β of h(x, y) / 2(L + 1) + β·f(x)ᵀg(y).
    package var beta: Double
    /// Nil for a model whose scores nobody has compared with the truth.
    package var calibration: Calibration?

    package init(depth: Int, beta: Double, calibration: Calibration? = nil) {
        self.depth = depth
        self.beta = beta
        self.calibration = calibration
    }

    /// What a model gets that was only just trained.
    package static var untuned: Reranking { Reranking(depth: 32, beta: 1) }

    /// - Throws: ``ModelError`` that names the file.
    package init(contentsOf path: FilePath) throws {
        let source = try ByteSource(opening: path)
        guard source.count <= 1 << 16,
            let found = try? JSONDecoder().decode(Self.self, from: Data(source.read(0..<source.count))),
            (1...1000).contains(found.depth), found.beta.isFinite, found.calibration?.isFinite ?? true
        else {
            throw ModelError(
                .malformed,
                "\(path): isn't a model's reranking.json; reinstall the model, or delete the file to do without")
        }
        self = found
    }

    /// - Throws: what Foundation does when the file can't be written.
    package func write(to path: FilePath) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try (encoder.encode(self) + [UInt8(ascii: "\n")]).write(to: URL(filePath: path.string), options: .atomic)
    }
}

/// From scores to the probability that a clip shows what the query says.
///
/// Source: J. Platt, "Probabilistic outputs for support vector machines", 1999, with both scores in one logistic regression.
package struct Calibration: Sendable, Equatable, Codable {
    /// 1 / (1 + exp(−(bias + fast·f(x)ᵀg(y) + slow·e))), where the evidence e is h(x, y) − h(nothing, y), both by 2(L + 1): how much likelier
    /// the sentence is with the clip in sight.
    package struct Logistic: Sendable, Equatable, Codable {
        package var bias: Double
        package var fast: Double
        package var slow: Double

        package init(bias: Double, fast: Double, slow: Double) {
            self.bias = bias
            self.fast = fast
            self.slow = slow
        }

        package func probability(fast cosine: Double, evidence: Double) -> Double {
            1 / (1 + exp(-(bias + fast * cosine + slow * evidence)))
        }

        var isFinite: Bool { bias.isFinite && fast.isFinite && slow.isFinite }
    }

    /// For a clip that only the Fast model has scored; its `slow` is 0.
    package var fastOnly: Logistic
    package var both: Logistic

    package init(fastOnly: Logistic, both: Logistic) {
        self.fastOnly = fastOnly
        self.both = both
    }

    enum CodingKeys: String, CodingKey {
        case both
        case fastOnly = "fast_only"
    }

    /// - Parameter evidence: nil when the clip wasn't scored by the Slow model.
    package func probability(fast: Double, evidence: Double?) -> Double {
        evidence.map { both.probability(fast: fast, evidence: $0) } ?? fastOnly.probability(fast: fast, evidence: 0)
    }

    var isFinite: Bool { fastOnly.isFinite && both.isFinite }
}
