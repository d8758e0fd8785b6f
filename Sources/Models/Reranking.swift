import Foundation
package import SystemPackage

/// A model folder's `reranking.json`: how the Fast and the Slow score are put together, as validation found it best.
package struct Reranking: Sendable, Equatable {
    /// Word pieces of a query that is short.
    package static let shortQuery = 4

    /// K: how many of the Fast model's best clips are scored again.
    package var depth: Int
    /// K of a short query, whose pairs are cheap.
    package var shortDepth: Int
    /// β of h(x, y) + β·f(x)ᵀg(y), where h is per word, as ``endWeight`` says.
    package var beta: Double
    /// β of a short query.
    package var shortBeta: Double
    /// ω, 0 to 1: how much the special token at a sentence's end counts, beside a word, in h. Few captions are one word, so that h
    /// with ω = 1 punishes a short query for ending.
    package var endWeight: Double
    /// Nil for a model whose scores nobody has compared with the truth.
    package var relevance: Relevance?

    /// - Parameters:
    ///   - shortDepth: nil takes `depth`.
    ///   - shortBeta: nil takes `beta`.
    package init(
        depth: Int, shortDepth: Int? = nil, beta: Double, shortBeta: Double? = nil, endWeight: Double = 1,
        relevance: Relevance? = nil
    ) {
        self.depth = depth
        self.shortDepth = shortDepth ?? depth
        self.beta = beta
        self.shortBeta = shortBeta ?? beta
        self.endWeight = endWeight
        self.relevance = relevance
    }

    /// What a model gets that was only just trained.
    package static var untuned: Reranking { Reranking(depth: 32, beta: 1) }

    /// How many clips are scored again for a query.
    package func depth(of query: QueryPieces) -> Int { Self.isShort(query) ? shortDepth : depth }

    /// The weight β of the Fast score for a query.
    package func beta(of query: QueryPieces) -> Double { Self.isShort(query) ? shortBeta : beta }

    private static func isShort(_ query: QueryPieces) -> Bool { query.count <= shortQuery }

    private var isValid: Bool {
        [depth, shortDepth].allSatisfy { (1...1000).contains($0) } && [beta, shortBeta].allSatisfy(\.isFinite)
            && (0...1).contains(endWeight) && relevance?.isValid ?? true
    }
}

extension Reranking: Codable {
    /// The format that is written; older ones are read.
    package static let currentFormat = 3

    private enum CodingKeys: String, CodingKey {
        case format, depth, beta, calibration, relevance
        case shortDepth = "short_depth"
        case shortBeta = "short_beta"
        case endWeight = "end_weight"
    }

    /// What format 1 had in the place of ``Relevance``.
    private struct Calibration: Decodable {
        struct Logistic: Decodable {
            var bias: Double
            var fast: Double
            var slow: Double
        }

        var both: Logistic
        var fast_only: Logistic

        var relevance: Relevance {
            let (both, fast) = (both, fast_only)
            return Relevance(
                fastOnly: .init(bias: fast.bias, fast: fast.fast, evidence: fast.slow),
                both: .init(bias: both.bias, fast: both.fast, evidence: both.slow))
        }
    }

    /// Format 1 doesn't name its format, and knows neither ω nor another depth for short queries; format 2 has no other β for them.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        depth = try container.decode(Int.self, forKey: .depth)
        beta = try container.decode(Double.self, forKey: .beta)
        let format = try container.decodeIfPresent(Int.self, forKey: .format) ?? 1
        shortBeta = format < 3 ? beta : try container.decode(Double.self, forKey: .shortBeta)
        if format == 1 {
            shortDepth = depth
            endWeight = 1
            relevance = try container.decodeIfPresent(Calibration.self, forKey: .calibration)?.relevance
        } else {
            shortDepth = try container.decode(Int.self, forKey: .shortDepth)
            endWeight = try container.decode(Double.self, forKey: .endWeight)
            relevance = try container.decodeIfPresent(Relevance.self, forKey: .relevance)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.currentFormat, forKey: .format)
        try container.encode(depth, forKey: .depth)
        try container.encode(shortDepth, forKey: .shortDepth)
        try container.encode(beta, forKey: .beta)
        try container.encode(shortBeta, forKey: .shortBeta)
        try container.encode(endWeight, forKey: .endWeight)
        try container.encodeIfPresent(relevance, forKey: .relevance)
    }

    /// All that a later format is asked for.
    private struct Version: Decodable {
        var format: Int?
    }

    /// - Throws: ``ModelError`` that names the file, and says when a newer program is needed.
    package init(contentsOf path: FilePath) throws {
        let source = try ByteSource(opening: path)
        let malformed = ModelError(
            .malformed, "\(path): isn't a model's reranking.json; reinstall the model, or delete the file to do without"
        )
        guard source.count <= 1 << 16 else { throw malformed }
        let data = try Data(source.read(0..<source.count))
        guard let version = try? JSONDecoder().decode(Version.self, from: data) else { throw malformed }
        let format = version.format ?? 1
        guard (1...Self.currentFormat).contains(format) else {
            throw ModelError(
                .malformed,
                "\(path): has format \(format) and this program reads formats 1 to \(Self.currentFormat); update saccade"
            )
        }
        guard let found = try? JSONDecoder().decode(Self.self, from: data), found.isValid else { throw malformed }
        self = found
    }

    /// - Throws: what Foundation does when the file can't be written.
    package func write(to path: FilePath) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try (encoder.encode(self) + [UInt8(ascii: "\n")]).write(to: URL(filePath: path.string), options: .atomic)
    }
}
