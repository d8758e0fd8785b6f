import Models
import SystemPackage
import Tensors
import TestSupport
import Training

/// A data set of random features that a model of some hundred parameters can learn from in no time.
///
/// Item i has the caption words i, i + 1, i + 2 and others of the same words, and maps that are the same in each of its frames.
struct TinyLearning {
    static let vocabulary = ["[CLS]", "[SEP]", "[UNK]"] + (0..<12).map { "w\($0)" }
    static let slowConfiguration = SlowConfiguration(
        width: 8, heads: 2, feedForward: 16, layers: [0, 1],
        maps: [.init(side: 2, channels: 3), .init(side: 4, channels: 2)], vocabularySize: vocabulary.count,
        maximumTokens: 6, frames: 2)

    let features: FeatureSet

    /// - Parameter folder: where the features are kept.
    init(
        items: Int = 8, in folder: FilePath, name: String = "tiny", framesOfOdd: Int = 3,
        layout: FeatureLayout = FeatureLayout(pooledChannels: 6, maps: slowConfiguration.maps)
    ) throws {
        var random = SplitMix64(seed: 12)
        let dataset = CaptionedDataset(
            name: name,
            items: (0..<items).map { item in
                CaptionedItem(
                    id: "\(name)\(item)", source: .frames([FilePath("/nowhere/\(item)")]),
                    captions: [
                        "w\(item) w\(item + 1) w\(item + 2)", "w\(item + 2) w\(item)",
                        "w\(item + 1) w\(item) w\(item + 2)",
                    ])
            })
        let path = folder.appending("\(name).features")
        var writer = try FeatureStore.Writer(path: path, layout: layout, origin: name)
        for item in 0..<items {
            let frames = item % 2 == 0 ? 1 : framesOfOdd
            /// The same in each frame.
            func repeated(_ shape: [Int]) -> Tensor<Float> {
                let one = Tensor<Float>(normal: shape, deviation: 1, using: &random)
                return Tensor([[Float]](repeating: one.scalars, count: frames).flatMap { $0 }, shape: [frames] + shape)
            }
            let pooled = layout.pooledChannels > 0 ? repeated([layout.pooledChannels]) : nil
            let maps = layout.maps.map { size in
                FeatureMap(
                    values: repeated([size.positions, size.channels]), height: size.side, width: size.side, stride: 1)
            }
            try writer.append(VisualFeatures(pooled: pooled, maps: maps), frameCounts: [frames])
        }
        try writer.finish()
        guard let store = FeatureStore(path: path, origin: name) else { fatalError("the features can't be read back") }
        features = FeatureSet(dataset: dataset, views: [store])
    }

    /// A caption in the Slow vocabulary, `wN` being 3 + N.
    static func encode(_ sentence: String) -> [Int32] {
        sentence.split(separator: " ").compactMap { Int32($0.dropFirst()).map { 3 + $0 } }
    }

    /// The same, with a word of its own for every way to say that one thing is before another.
    static func encodeSequence(_ sentence: String) -> [Int32] {
        switch sentence {
        case ", then": [2, 3 + 11]
        case "and then": [3 + 11, 2]
        case "before": [3 + 11]
        case "followed by": [2, 2]
        case "after": [3 + 10]
        default: encode(sentence)
        }
    }

    static func slowModel(
        _ objective: SlowConfiguration.Objective = .captioning, seed: UInt64 = 5
    ) throws -> SlowModel<Float> {
        var configuration = slowConfiguration
        configuration.objective = objective
        return try SlowModel(configuration, ParameterSource(random: SplitMix64(seed: seed)))
    }

    static func captioner(seed: UInt64 = 5) throws -> SlowCaptioner {
        SlowCaptioner(
            model: try slowModel(seed: seed),
            vocabulary: try SlowVocabulary(pieces: vocabulary, tokenizerVocabulary: vocabulary),
            tokenizer: try WordPieceTokenizer(vocabulary: vocabulary))
    }

    static func fastModel() throws -> FastModel<Float> {
        let text = BERTConfiguration(
            vocabularySize: vocabulary.count, maximumLength: 16, width: 8, layers: 1, heads: 2, feedForward: 16)
        var random = SplitMix64(seed: 6)
        var weights: [String: Tensor<Float>] = [:]
        for (name, shape) in shapes(of: text) {
            weights[name] =
                name.hasSuffix("LayerNorm.weight")
                ? Tensor(repeating: 1, shape: shape) : Tensor(normal: shape, deviation: 0.3, using: &random)
        }
        let encoder = try BERTEncoder<Float>(text, weights: WeightSet(weights, source: "tiny"))
        let configuration = FastConfiguration(
            dimensions: 8, poolingQueries: 2, mapChannels: 3, pooledChannels: 6, textWidth: 8, maximumTokens: 16)
        return try FastModel(configuration, text: encoder, ParameterSource(random: SplitMix64(seed: 9)))
    }

    private static func shapes(of text: BERTConfiguration) -> [(String, [Int])] {
        let width = text.width
        func linear(_ name: String, _ inputs: Int, _ outputs: Int) -> [(String, [Int])] {
            [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
        }
        func norm(_ name: String) -> [(String, [Int])] { [(name + ".weight", [width]), (name + ".bias", [width])] }
        let layer = "encoder.layer.0."
        return [
            ("embeddings.word_embeddings.weight", [text.vocabularySize, width]),
            ("embeddings.position_embeddings.weight", [text.maximumLength, width]),
            ("embeddings.token_type_embeddings.weight", [text.segments, width]),
        ] + norm("embeddings.LayerNorm") + linear(layer + "attention.self.query", width, width)
            + linear(layer + "attention.self.key", width, width) + linear(layer + "attention.self.value", width, width)
            + linear(layer + "attention.output.dense", width, width) + norm(layer + "attention.output.LayerNorm")
            + linear(layer + "intermediate.dense", width, text.feedForward)
            + linear(layer + "output.dense", text.feedForward, width) + norm(layer + "output.LayerNorm")
    }
}
