import Training
import CKernels
import Foundation
import Models
import SystemPackage
import Tensors
import Testing

/// The network of `Fixtures/make_backbone.py`.
let tinyArchitecture = EfficientNetLiteArchitecture(
    stem: 8,
    stages: [
        .init(repeats: 1, kernel: 3, stride: 1, expansion: 1, inputs: 8, outputs: 16),
        .init(repeats: 2, kernel: 3, stride: 2, expansion: 2, inputs: 16, outputs: 16),
        .init(repeats: 1, kernel: 5, stride: 2, expansion: 2, inputs: 16, outputs: 24),
        .init(repeats: 1, kernel: 3, stride: 2, expansion: 3, inputs: 24, outputs: 24),
        .init(repeats: 1, kernel: 5, stride: 1, expansion: 2, inputs: 24, outputs: 32),
        .init(repeats: 1, kernel: 5, stride: 2, expansion: 2, inputs: 32, outputs: 40),
        .init(repeats: 1, kernel: 3, stride: 1, expansion: 2, inputs: 40, outputs: 48),
    ],
    head: 160)

/// The pictures that the reference was given: the same formula as in `Fixtures/make_backbone.py`.
func formulaPictures(_ count: Int, width: Int, height: Int) -> [RGBImage] {
    (0..<count).map { n in
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<3 { pixels.append(UInt8((x * (3 + c) + y * (5 + 2 * c) + x * y / 32 + 40 * n) % 256)) }
            }
        }
        return RGBImage(width: width, height: height, pixels: pixels)
    }
}

@Suite struct EfficientNetLiteTests {
    /// Largest difference to the reference, in units of the reference's largest magnitude.
    ///
    /// Single precision keeps 6e-8 of a number, and sums of up to 1,248 products pass through up to 60 layers of it; 1e-4 is
    /// what any correct order of summation stays under, and a wrong padding, weight or activation doesn't.
    static let tolerance: Float = 1e-4

    static let levels = [SACCADE_SIMD_SCALAR, SACCADE_SIMD_AVX2, SACCADE_SIMD_AVX512]
        .filter { $0.rawValue <= saccade_simd_supported().rawValue }.map(\.rawValue)

    private func difference(_ found: [Float], _ expected: [Float]) -> Float {
        guard found.count == expected.count else { return .infinity }
        let scale = expected.map(abs).max() ?? 0
        return zip(found, expected).map { abs($0 - $1) }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) } / scale
    }

    private func tinyWeights() throws -> WeightSet {
        let parameters = try TorchPickle.tensors(at: fixture("Backbone/tiny.pth"))
        return WeightSet(
            try EfficientNetLiteImport.folded(parameters, architecture: tinyArchitecture, source: "tiny"),
            source: "tiny")
    }

    @Test(arguments: levels)
    func `Maps and scores of a tiny network equal PyTorch's, from its own pickle, at every instruction set`(
        level: UInt32
    ) throws {
        let network = try EfficientNetLite(
            architecture: tinyArchitecture, weights: tinyWeights(), level: saccade_simd_level(level))
        #expect(network.mapSizes(side: 64).map(\.channels) == [48, 32, 24] && network.pooledChannels == 160)
        let images = formulaPictures(3, width: 83, height: 61)
        let (maps, head) = try network.maps(of: images, head: true)
        let expected = try SafetensorsFile(fixture("Backbone/tiny.expected.safetensors"))
        for (name, map) in zip(["c5", "c4", "c3", "head"], maps + [try #require(head)]) {
            let one = try expected.tensor(named: name)
            #expect([map.height, map.width, map.values.shape[2]] == Array(one.shape.dropFirst()), "\(name)")
            #expect(map.values.shape == [3, map.height * map.width, one.shape[3]], "\(name)")
            let found = map.values.scalars[one.count..<2 * one.count]
            #expect(difference(Array(found), one.scalars) < Self.tolerance, "\(name)")
        }
        let scores = try network.classScores(images).scalars
        #expect(difference(Array(scores[8..<16]), try expected.tensor(named: "scores").scalars) < Self.tolerance)
    }

    @Test func `Weights that were written and read back give the same maps`() throws {
        var writer = SafetensorsWriter()
        let weights = try tinyWeights()
        for name in weights.names { try writer.add(weights.tensor(named: name), named: "backbone." + name) }
        let file = try SafetensorsFile(content: writer.encoded(), source: "test")
        let first = try EfficientNetLite(architecture: tinyArchitecture, weights: weights)
        let second = try EfficientNetLite(
            architecture: tinyArchitecture, weights: WeightSet(file).scoped("backbone."))
        let images = formulaPictures(2, width: 64, height: 64)
        #expect(try first.maps(of: images).maps[0].values == second.maps(of: images).maps[0].values)
    }

    @Test func `A picture's maps don't depend on the batch that it is in`() throws {
        let network = try EfficientNetLite(architecture: tinyArchitecture, weights: tinyWeights())
        let images = formulaPictures(5, width: 40, height: 72)
        let batch = try network.maps(of: images).maps[0].values.scalars
        let alone = try images.flatMap { try network.maps(of: [$0]).maps[0].values.scalars }
        #expect(batch == alone)
    }

    @Test(arguments: [1, 2, 3, 5, 31, 32, 33])
    func `Any size of picture has maps`(side: Int) throws {
        let network = try EfficientNetLite(architecture: tinyArchitecture, weights: tinyWeights())
        let features = try network.features(of: formulaPictures(1, width: side, height: side + 1))
        for (map, channels) in zip(features.maps, [48, 32, 24]) {
            #expect(map.height == (side + map.stride) / map.stride)
            #expect(map.width == (side + map.stride - 1) / map.stride)
            #expect(map.values.shape == [1, map.height * map.width, channels])
        }
        #expect(features.maps.map(\.stride) == [32, 16, 8])
        #expect(features.pooled?.shape == [1, 160])
        #expect(features.pooled?.scalars.allSatisfy { $0.isFinite } == true)
    }

    @Test(arguments: [32, 64, 250])
    func `The maps of a square picture have the sizes that are promised`(side: Int) throws {
        let network = try EfficientNetLite(architecture: tinyArchitecture, weights: tinyWeights())
        let maps = try network.maps(of: formulaPictures(1, width: side, height: side)).maps
        for (map, size) in zip(maps, network.mapSizes(side: side)) {
            #expect(map.height == size.side && map.width == size.side)
            #expect(map.values.shape == [1, size.positions, size.channels])
        }
    }

    /// A picture whose every value is the mean is nothing to the network, whatever the stem's weights. That the deviation is the
    /// kernel's is what PyTorch's maps above say: it was given (x − 127) / 128.
    @Test func `The stem takes pictures as the input says`() throws {
        var tensors: [String: Tensor<Float>] = [:]
        let weights = try tinyWeights()
        for name in weights.names { tensors[name] = try weights.tensor(named: name) }
        func maps(_ value: UInt8, stem: Float) throws -> [Float] {
            tensors["stem.weight"] = Tensor(repeating: stem, shape: [8, 3, 3, 3])
            tensors["stem.bias"] = Tensor(zeros: [8])
            let network = try EfficientNetLite(
                architecture: tinyArchitecture, weights: WeightSet(tensors, source: "test"))
            let picture = RGBImage(width: 32, height: 32, pixels: [UInt8](repeating: value, count: 32 * 32 * 3))
            return try network.maps(of: [picture]).maps[0].values.scalars
        }
        let mean = UInt8(EfficientNetLite.mean.x)
        #expect(try maps(mean, stem: 0.01) == maps(mean, stem: 0.5))
        #expect(try maps(mean + 1, stem: 0.25) != maps(mean + 1, stem: 0.5))
        #expect(EfficientNetLite.mean == SIMD3(repeating: 127) && EfficientNetLite.deviation == SIMD3(repeating: 128))
    }

    @Test func `Pictures that don't make a batch are refused`() throws {
        let network = try EfficientNetLite(architecture: tinyArchitecture, weights: tinyWeights())
        let batches = [
            [], [RGBImage(width: 0, height: 0, pixels: [])],
            formulaPictures(1, width: 8, height: 8) + formulaPictures(1, width: 8, height: 9),
        ]
        for batch in batches { #expect(throws: ModelError.self) { try network.features(of: batch) } }
    }

    @Test func `Weights that lack a tensor, have one too many or one of another shape are refused by name`() throws {
        let weights = try tinyWeights()
        var tensors = [String: Tensor<Float>]()
        for name in weights.names { tensors[name] = try weights.tensor(named: name) }
        func refused(_ tensors: [String: Tensor<Float>], _ error: WeightsError) {
            #expect(throws: error) {
                try EfficientNetLite(architecture: tinyArchitecture, weights: WeightSet(tensors, source: "test"))
            }
        }
        var missing = tensors
        missing["blocks.3.project.bias"] = nil
        refused(missing, .missing(tensor: "blocks.3.project.bias", source: "test"))
        var extra = tensors
        extra["blocks.9.project.bias"] = Tensor([0], shape: [1])
        refused(extra, .unexpected(tensors: ["blocks.9.project.bias"], source: "test"))
        var bent = tensors
        bent["stem.weight"] = Tensor(zeros: [8, 3, 3, 1])
        refused(bent, .shapeMismatch(tensor: "stem.weight", expected: [8, 3, 3, 3], found: [8, 3, 3, 1]))
    }

    @Test func `The head is only there when the weights have it`() throws {
        let weights = try tinyWeights()
        var tensors = [String: Tensor<Float>]()
        for name in weights.names where name.hasPrefix("stem") || name.hasPrefix("blocks") {
            tensors[name] = try weights.tensor(named: name)
        }
        let network = try EfficientNetLite(
            architecture: tinyArchitecture, weights: WeightSet(tensors, source: "test"))
        #expect(network.pooledChannels == 0)
        let images = formulaPictures(1, width: 32, height: 32)
        #expect(try network.features(of: images).pooled == nil)
        #expect(throws: ModelError.self) { try network.maps(of: images, head: true) }
        #expect(throws: ModelError.self) { try network.classScores(images) }
    }

    @Test func `The published networks have the published widths`() {
        let lite0 = EfficientNetLiteArchitecture.lite0
        #expect(
            lite0.blocks.map(\.outputs) == [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320])
        let lite2 = EfficientNetLiteArchitecture.lite2
        #expect(lite2.blocks.count == 21)
        #expect(lite2.levels.map { lite2.blocks[$0.block].outputs } == [352, 120, 48])
    }

    /// Where the packages' `.pth` files are; they are too large for the repository.
    static let reference = ProcessInfo.processInfo.environment["SACCADE_REFERENCE_WEIGHTS"]

    @Test(
        .enabled(if: reference != nil, "SACCADE_REFERENCE_WEIGHTS names a folder with lite0.pth and lite2.pth"),
        arguments: ["lite0", "lite2"])
    func `Maps and scores of the published weights equal PyTorch's`(variant: String) throws {
        let path = FilePath(try #require(Self.reference)).appending(variant + ".pth")
        let architecture: EfficientNetLiteArchitecture = variant == "lite0" ? .lite0 : .lite2
        let weights = try EfficientNetLiteImport.folded(
            TorchPickle.tensors(at: path), architecture: architecture, source: path.string)
        let network = try EfficientNetLite(architecture: architecture, weights: WeightSet(weights, source: path.string))
        try expectSamples(
            "Backbone/\(variant).samples.safetensors", network: network, side: variant == "lite0" ? 224 : 256,
            besides: ["scores": network.classScores])
    }

    /// The repository's model, beside the folder of tests.
    static let shipped = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .removingLastComponent().appending("models/saccade-small/backbone.safetensors")

    @Test(.enabled(if: FileManager.default.fileExists(atPath: shipped.string), "there is no models/saccade-small here"))
    func `Maps of the shipped weights equal PyTorch's on the same weights`() throws {
        let expected = try SafetensorsFile(fixture("Backbone/shipped.samples.safetensors"))
        let side = try #require(expected.metadata["frame_size"].flatMap { Int($0) })
        let network = try EfficientNetLite(
            architecture: expected.metadata["architecture"] == "efficientnet-lite0" ? .lite0 : .lite2,
            weights: WeightSet(SafetensorsFile(Self.shipped)))
        // The samples are made by Fixtures/make_shipped_backbone.py from these very weights: run it when they change.
        try expectSamples("Backbone/shipped.samples.safetensors", network: network, side: side)
    }

    /// Compares a thousand numbers of each map of two pictures with those that a fixture holds.
    private func expectSamples(
        _ name: String, network: EfficientNetLite, side: Int,
        besides others: [String: ([RGBImage]) throws -> Tensor<Float>] = [:]
    ) throws {
        let images = formulaPictures(2, width: side, height: side)
        let (maps, head) = try network.maps(of: images, head: network.pooledChannels > 0)
        let expected = try SafetensorsFile(fixture(name))
        var found = Dictionary(uniqueKeysWithValues: zip(["c5", "c4", "c3"], maps.map(\.values)))
        found["head"] = head?.values
        for (name, compute) in others { found[name] = try compute(images) }
        #expect(found.keys.sorted() == expected.names)
        for (name, map) in found {
            let all = map.scalars
            let samples = (0..<1000).map { all[$0 * 7919 % all.count] }
            let off = difference(samples, try expected.tensor(named: name).scalars)
            #expect(off < Self.tolerance, "\(name)")
        }
    }
}
