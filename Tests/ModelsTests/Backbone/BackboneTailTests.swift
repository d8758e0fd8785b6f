import Differentiation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing
import Training

/// The end of the network that learns, beside the inference engine on the same weights.
@Suite struct BackboneTailTests {
    private func weights() throws -> WeightSet {
        let parameters = try TorchPickle.tensors(at: fixture("Backbone/tiny.pth"))
        return WeightSet(
            try EfficientNetLiteImport.folded(parameters, architecture: tinyArchitecture, source: "tiny")
                .filter { !$0.key.hasPrefix("classifier") },
            source: "tiny")
    }

    private func difference(_ found: Tensor<Float>, _ expected: Tensor<Float>) -> Float {
        guard found.shape == expected.shape else { return .infinity }
        let scale = expected.scalars.map(abs).max() ?? 0
        return zip(found.scalars, expected.scalars).map { abs($0 - $1) }.reduce(0, max) / scale
    }

    @Test(arguments: 1..<tinyArchitecture.blocks.count, [64, 72])
    func `Its outputs are the inference engine's, from any block on`(first: Int, side: Int) throws {
        let network = try EfficientNetLite(architecture: tinyArchitecture, weights: weights())
        let tail = try BackboneTail<Float>(
            tinyArchitecture, from: first, ParameterSource(weights(), trainable: true))
        let images = formulaPictures(3, width: side, height: side)
        let input = try network.input(ofBlock: first, images)
        let size = network.inputSize(ofBlock: first, side: side)
        #expect(input.height == size.side && input.width == size.side && input.values.shape[2] == size.channels)
        let (pooled, map) = tail(Variable(constant: input.values), side: size.side)
        let expected = try network.features(of: images)
        // Sums in another order; see EfficientNetLiteTests.tolerance.
        #expect(difference(map.value, expected.maps[0].values) < EfficientNetLiteTests.tolerance)
        #expect(difference(pooled.value, try #require(expected.pooled)) < EfficientNetLiteTests.tolerance)
    }

    @Test func `Its parameters are the file's, each with a gradient, and none when it is detached`() throws {
        let weights = try weights()
        let tail = try BackboneTail<Float>(tinyArchitecture, from: 3, ParameterSource(weights, trainable: true))
        let expected = weights.names.filter { name in
            name.hasPrefix("head") || (3..<8).contains { name.hasPrefix("blocks.\($0).") }
        }
        #expect(tail.parameters.map(\.name).sorted() == expected)
        #expect(tail.stride == 8)
        var random = SplitMix64(seed: 3)
        let input = Variable(constant: Tensor<Float>(normal: [2, 256, 16], deviation: 1, using: &random))
        let (pooled, map) = tail(input, side: 16)
        let found = gradients(of: pooled.sum() + map.sum(), withRespectTo: tail.parameters.map(\.variable))
        for (parameter, gradient) in zip(tail.parameters, found) {
            #expect(gradient.scalars.contains { $0 != 0 }, "\(parameter.name)")
        }
        let frozen = tail.detached(input, side: 16)
        #expect(!frozen.pooled.requiresGradient && !frozen.map.requiresGradient)
        #expect(frozen.pooled.value == pooled.value && frozen.map.value == map.value)
    }

    @Test func `A backbone without a head can't be trained`() throws {
        let weights = try weights()
        var tensors: [String: Tensor<Float>] = [:]
        for name in weights.names where !name.hasPrefix("head") { tensors[name] = try weights.tensor(named: name) }
        #expect(throws: WeightsError.missing(tensor: "head.weight", source: "test")) {
            try BackboneTail<Float>(
                tinyArchitecture, from: 4, ParameterSource(WeightSet(tensors, source: "test"), trainable: true))
        }
    }

    @Test func `Replaced tensors are stored as the old ones were, and the others keep their bytes`() throws {
        var writer = SafetensorsWriter(metadata: ["made": "here"])
        var random = SplitMix64(seed: 4)
        func drawn(_ shape: [Int]) -> Tensor<Float> { Tensor(normal: shape, deviation: 1, using: &random) }
        try writer.add(drawn([3, 5]), named: "kept", as: .int8)
        try writer.add(drawn([3, 5]), named: "matrix", as: .int8)
        try writer.add(drawn([2, 2]), named: "half", as: .float16)
        try writer.add(drawn([4]), named: "bias")
        let old = try SafetensorsFile(content: writer.encoded(), source: "old")
        let (matrix, half, bias) = (drawn([3, 5]), drawn([2, 2]), drawn([4]))
        let new = try SafetensorsFile(
            content: old.replacing([("matrix", matrix), ("half", half), ("bias", bias)]).encoded(), source: "new")
        #expect(new.names == old.names && new.metadata == old.metadata)
        #expect(try new.packedRows(named: "kept")?.tensor == old.packedRows(named: "kept")?.tensor)
        #expect(try new.tensor(named: "bias") == bias)
        let packed = try #require(try new.packedRows(named: "matrix"))
        // Half a step of each row's greatest value over 127.
        for (a, b) in zip(packed.tensor.scalars, matrix.scalars) { #expect(abs(a - b) < 0.02) }
        for (a, b) in zip(try new.tensor(named: "half").scalars, half.scalars) { #expect(abs(a - b) < 2e-3) }
        #expect(throws: WeightsError.missing(tensor: "other", source: "old")) { try old.replacing([("other", bias)]) }
        #expect(throws: WeightsError.self) { try old.replacing([("bias", matrix)]) }
    }
}

/// What a model becomes when blocks of its backbone have learned.
@Suite struct BackboneWritingTests {
    private static let shipped = EfficientNetLiteTests.shipped.removingLastComponent()

    @Test func `A model with other blocks has them, in the old precision, and no Slow part`() throws {
        let model = try FastSlowModel(directory: Self.shipped)
        #expect(model.slow != nil)
        let tail = try model.tail(blocks: 1)
        let head = try #require(tail.parameters.first { $0.name == "head.weight" }).variable
        let turned = head.value.scaled(by: -1)
        head.update { $0 = turned }
        let folder = try TemporaryDirectory()
        try model.write(
            to: folder.path, name: "other", precision: .half, reranking: model.reranking, tail: tail)
        let written = try FastSlowModel(directory: folder.path)
        #expect(written.slow == nil && written.configuration.slow == nil && written.reranking == nil)
        #expect(try written.featureDigest() != model.featureDigest())
        let (old, new) = (try SafetensorsFile(model.folder.backbone), try SafetensorsFile(written.folder.backbone))
        #expect(new.names == old.names)
        for name in old.names {
            let (before, after) = (try old.packedRows(named: name), try new.packedRows(named: name))
            #expect((before == nil) == (after == nil))
            let isTurned = name == "head.weight"
            let (one, other) = (try old.tensor(named: name).scalars, try new.tensor(named: name).scalars)
            // What was in 8 bits is on its grid already, within a unit in the last place of the scale.
            #expect(zip(one, other).allSatisfy { abs((isTurned ? -$0 : $0) - $1) <= 1e-6 * abs($0) }, "\(name)")
        }
    }
}
