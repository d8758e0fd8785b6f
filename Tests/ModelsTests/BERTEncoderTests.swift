import Basics
import Differentiation
import Foundation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing

/// Expectations come from PyTorch's BertModel in double precision, by Fixtures/make_bert.py.
@Suite struct BERTEncoderTests {
    private let fixture: SafetensorsFile
    private let weights: WeightSet
    private let batch: TokenBatch

    private static let tiny = BERTConfiguration(
        vocabularySize: 100, maximumLength: 16, width: 32, layers: 2, heads: 4, feedForward: 64)
    private static let folder = ProcessInfo.processInfo.environment["SACCADE_MINILM"]

    init() throws {
        let fixture = try SafetensorsFile(Self.path("bert-tiny.safetensors"))
        let ids = try fixture.tensor(named: "ids")
        let rows = ids.scalars.map { Int32($0) }
        batch = try TokenBatch(
            fixture.tensor(named: "lengths").scalars.enumerated().map { row, length in
                Array(rows[row * ids.shape[1]..<row * ids.shape[1] + Int(length)])
            })
        weights = try WeightSet(fixture).scoped("weights.")
        self.fixture = fixture
    }

    @Test func `The hidden state and its mean are PyTorch's, in single and in double precision`() throws {
        try expectOutputs(of: BERTEncoder<Float>(Self.tiny, weights: weights), within: 1e-4)
        // The fixture itself is stored in single precision.
        try expectOutputs(of: BERTEncoder<Double>(Self.tiny, weights: weights), within: 1e-6)
    }

    @Test func `The gradient of every parameter is PyTorch's`() throws {
        try expectGradients(as: Float.self, within: 1e-4)
        try expectGradients(as: Double.self, within: 1e-6)
    }

    @Test func `What fills up a shorter sequence changes nothing`() throws {
        let encoder = try BERTEncoder<Double>(Self.tiny, weights: weights)
        let sequences: [[Int32]] = [[5, 9, 2, 77], [3]]
        let one = encoder(TokenBatch(sequences, padding: 0)).maskedMean(lengths: [4, 1])
        let other = encoder(TokenBatch(sequences, padding: 42)).maskedMean(lengths: [4, 1])
        #expect(one.value == other.value)
        let alone = encoder(TokenBatch([[3]])).maskedMean(lengths: [1])
        #expect(largestDifference(alone.value, one.sliced(axis: 0, 1..<2).value) < 1e-12)
    }

    @Test func `Only the parameters that are to be trained keep a gradient`() throws {
        let encoder = try BERTEncoder<Float>(Self.tiny, weights: weights) { $0.hasPrefix("encoder.layer.1.") }
        let learned = encoder.parameters.filter(\.variable.requiresGradient).map(\.name)
        #expect(encoder.parameters.count == 37 && learned.count == 16)
        #expect(learned.allSatisfy { $0.hasPrefix("encoder.layer.1.") })
    }

    @Test func `Words that stay packed give the same state as the floats that they stand for`() throws {
        var writer = SafetensorsWriter()
        for name in weights.names { try writer.add(weights.tensor(named: name), named: name, as: .int8) }
        let packed = try WeightSet(SafetensorsFile(content: writer.encoded(), source: "packed"))
        let floats = try WeightSet(
            Dictionary(uniqueKeysWithValues: packed.names.map { ($0, try packed.tensor(named: $0)) }), source: "floats")
        let name = "embeddings.word_embeddings.weight"
        #expect(try packed.packedRows(named: name, shape: [100, 32]) != nil)
        #expect(try floats.packedRows(named: name, shape: [100, 32]) == nil)
        let (one, other) = try (
            BERTEncoder<Float>(Self.tiny, weights: packed) { _ in false },
            BERTEncoder<Float>(Self.tiny, weights: floats)
        )
        #expect(one(batch).value == other(batch).value)
        #expect(one.parameters.map(\.name) == other.parameterNames)
        try expectNear(BERTEncoder(Self.tiny, weights: packed), other)
        #expect(one.parameterNames == other.parameters.map(\.name))
        for (kept, known) in zip(one.parameters, other.parameters) {
            #expect(kept.variable.value == known.variable.value, "\(kept.name)")
        }
    }

    /// A model in use computes its packed layers in 8 bits; its parameters are what the floats are.
    private func expectNear(_ inUse: BERTEncoder<Float>, _ floats: BERTEncoder<Float>) throws {
        let (found, exact) = (inUse(batch).value.scalars, floats(batch).value.scalars)
        #expect(found != exact)
        let error = zip(found, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect(error < 1e-3 * exact.reduce(0) { $0 + $1 * $1 })
        #expect(inUse.parameterNames == floats.parameterNames && inUse.parameterCount == floats.parameterCount)
        for (one, other) in zip(inUse.parameters, floats.parameters) {
            #expect(one.name == other.name && one.variable.value == other.variable.value, "\(one.name)")
        }
    }

    @Test func `Dropout changes the hidden state in training, and the same seed gives the same state`() throws {
        let encoder = try BERTEncoder<Float>(Self.tiny, weights: weights)
        func state(seed: UInt64) -> Tensor<Float> {
            var dropout = Dropout(rate: 0.1, random: SplitMix64(seed: seed))
            return encoder(batch, dropout: &dropout).value
        }
        #expect(state(seed: 1) == state(seed: 1))
        #expect(state(seed: 1) != state(seed: 2) && state(seed: 1) != encoder(batch).value)
    }

    @Test func `Weights of other sizes are refused by the tensor's name`() throws {
        var wide = Self.tiny
        wide.feedForward = 65
        #expect(
            throws: WeightsError.shapeMismatch(
                tensor: "weights.encoder.layer.0.intermediate.dense.weight", expected: [65, 32], found: [64, 32])
        ) { try BERTEncoder<Float>(wide, weights: weights) }
        var deep = Self.tiny
        deep.layers = 3
        #expect(throws: WeightsError.self) { try BERTEncoder<Float>(deep, weights: weights) }
        var uneven = Self.tiny
        uneven.heads = 5
        #expect(throws: ModelError.self) { try BERTEncoder<Float>(uneven, weights: weights) }
    }

    @Test(
        arguments: [
            "{", "[]", #"{"model_type": "roberta"}"#, #"{"model_type": "bert"}"#,
            #"""
            {"vocab_size": 100, "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_size": -32,
            "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "layer_norm_eps": 1e-12}
            """#,
        ])
    func `A config.json of something else is refused`(text: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("config.json")
        try Data(text.utf8).write(to: URL(filePath: path.string))
        let error = #expect(throws: ModelError.self) { try BERTConfiguration(huggingFace: path) }
        #expect(error?.code == .malformed)
    }

    @Test func `A folder without a model says what is missing`() throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: WeightsError.self) { try PretrainedBERT<Float>(folder: directory.path) }
        #expect(error?.description.contains("config.json") == true)
    }

    @Test(.enabled(if: folder != nil, "SACCADE_MINILM names a folder with all-MiniLM-L6-v2"))
    func `MiniLM's sentence embeddings are PyTorch's`() throws {
        let model = try PretrainedBERT<Float>(folder: FilePath(Self.folder ?? ""))
        let expected = try SafetensorsFile(Self.path("minilm-sentences.safetensors"))
        #expect(model.encoder.configuration == .miniLM)
        let sentences = (0..<expected.metadata.count).compactMap { expected.metadata[String($0)] }
        let batch = TokenBatch(sentences.map { model.tokenizer.encode($0, limit: 256) })
        let pooled = model.encoder(batch).maskedMean(lengths: batch.lengths)
        #expect(try largestDifference(pooled.value, expected.tensor(named: "pooled")) < 1e-4)
        let alone = model.encoder(TokenBatch([model.tokenizer.encode(sentences[0], limit: 256)]))
        let first = try expected.tensor(named: "first_hidden")
        #expect(largestDifference(alone.value.reshaped(first.shape), first) < 1e-4)
    }

    private func expectOutputs<Scalar>(of encoder: BERTEncoder<Scalar>, within tolerance: Double) throws {
        let state = encoder(batch)
        let hidden = try fixture.tensor(named: "hidden")
        #expect(state.shape == hidden.shape)
        for (row, length) in batch.lengths.enumerated() {
            let real = state.sliced(axis: 0, row..<row + 1).sliced(axis: 1, 0..<length)
            let wanted = Variable(constant: hidden).sliced(axis: 0, row..<row + 1).sliced(axis: 1, 0..<length)
            #expect(largestDifference(real.value, wanted.value) < tolerance)
        }
        let pooled = state.maskedMean(lengths: batch.lengths)
        #expect(try largestDifference(pooled.value, fixture.tensor(named: "pooled")) < tolerance)
    }

    private func expectGradients<Scalar: TensorScalar>(as _: Scalar.Type, within tolerance: Double) throws {
        let encoder = try BERTEncoder<Scalar>(Self.tiny, weights: weights) { _ in true }
        let target = try Variable(constant: Tensor<Scalar>(converting: fixture.tensor(named: "target")))
        let loss = (encoder(batch).maskedMean(lengths: batch.lengths) * target).sum()
        let found = gradients(of: loss, withRespectTo: encoder.parameters.map(\.variable))
        for (parameter, gradient) in zip(encoder.parameters, found) {
            let wanted = try fixture.tensor(named: "gradients." + parameter.name, shape: gradient.shape)
            let scale = max(1, wanted.scalars.map { Double(abs($0)) }.max() ?? 1)
            #expect(largestDifference(gradient, wanted) < tolerance * scale, "\(parameter.name)")
        }
    }

    private static func path(_ name: String) -> FilePath {
        FilePath(repositoryFile("Tests/ModelsTests/Fixtures/\(name)"))
    }
}

private func largestDifference<A: TensorScalar, B: TensorScalar>(_ a: Tensor<A>, _ b: Tensor<B>) -> Double {
    let others = Tensor<Double>(converting: b).scalars
    return a.count == others.count
        ? zip(Tensor<Double>(converting: a).scalars, others).map { abs($0 - $1) }.max() ?? 0 : .infinity
}
