import Basics
import Foundation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing

/// Models whose weights an import packed to 8 bits, beside the same in floats.
@Suite struct PackedModelTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var checkpoint: FilePath { directory.path.appending("checkpoint") }

    private func imported(_ precision: ImportPrecision) throws -> LoadedModel {
        try Checkpoint(recognising: checkpoint).write(
            to: directory.path.appending(precision.rawValue), precision: precision)
    }

    private func configuration(_ model: LoadedModel) throws -> DualEncoderConfiguration {
        try DualEncoderConfiguration(ModelFolder(model.directory))
    }

    private func picture(_ index: Int) -> RGBImage {
        RGBImage(width: 32, height: 32, pixels: DrawnCheckpoint.picture(index, side: 32))
    }

    private func cosine(_ one: [Float], _ other: [Float]) -> Float { zip(one, other).reduce(0) { $0 + $1.0 * $1.1 } }

    @Test(arguments: DrawnCheckpoint.Kind.allCases)
    func `Vectors are nearly those of the floats, and the configuration says how near`(
        kind: DrawnCheckpoint.Kind
    ) throws {
        let drawn = try DrawnCheckpoint(kind)
        try drawn.write(to: checkpoint)
        let (packed, floats) = (try imported(.int8), try imported(.float))
        for text in drawn.texts {
            #expect(try cosine(packed.queries.embed(query: text), floats.queries.embed(query: text)) > 0.995)
        }
        let clips = drawn.images.indices.map { [picture($0)] }
        for (one, other) in zip(try packed.clips.encode(clips: clips), try floats.clips.encode(clips: clips)) {
            #expect(cosine(one.embedding, other.embedding) > 0.995)
        }
        let (made, plain) = (try configuration(packed), try configuration(floats))
        for packing in [try #require(made.image.packing), try #require(made.text.packing)] {
            #expect((0.999...1).contains(packing.cosine) && packing.floatLayers.count < packing.layers)
        }
        #expect(plain.image.packing == nil && plain.text.packing == nil)
        // Patches, and of each block four products of attention and two of the feed-forward; pooling by attention has as many.
        let image = made.image
        #expect(image.packing?.layers == 1 + 6 * (image.layers + (image.pooling == .attention ? 1 : 0)))
        #expect(made.text.packing?.layers == 6 * made.text.layers)
        #expect(packed.digest != floats.digest)
    }

    @Test func `Packed weights are the rounded floats to the last bit, and all else is what it was`() throws {
        try DrawnCheckpoint(.siglip2).write(to: checkpoint)
        let (packed, floats) = (try imported(.int8).directory, try imported(.float).directory)
        let packing = try DualEncoderConfiguration(ModelFolder(packed)).image.packing
        for tower in ["image.safetensors", "text.safetensors"] {
            let (one, other) = try (SafetensorsFile(packed.appending(tower)), SafetensorsFile(floats.appending(tower)))
            #expect(one.names == other.names)
            var count = 0
            for name in one.names {
                let exact = try other.tensor(named: name)
                guard let rows = try one.packedRows(named: name) else {
                    #expect(try one.tensor(named: name) == exact, "\(name)")
                    continue
                }
                count += 1
                var writer = SafetensorsWriter()
                try writer.add(exact, named: name, as: .int8)
                let rounded = try SafetensorsFile(content: writer.encoded(), source: "rounded").packedRows(named: name)
                #expect(rows.tensor == rounded?.tensor && rows.shape == exact.shape, "\(name)")
            }
            #expect(count > 6)
            if tower.hasPrefix("image") { #expect(count == packing.map { $0.layers - $0.floatLayers.count }) }
        }
        let text = try SafetensorsFile(packed.appending("text.safetensors"))
        #expect(try text.packedRows(named: "words.weight") == nil)
        #expect(try text.packedRows(named: "projection.weight") == nil)
    }

    @Test func `A layer whose inputs have a number beyond all others stays in floats`() throws {
        let drawn = try DrawnCheckpoint(.clip)
        try drawn.write(to: checkpoint)
        let layer = "vision_model.encoder.layers.1."
        // One input is so large that 8 bits hold nothing of the others, and it counts for nothing.
        try change(layer + "layer_norm2.weight", of: drawn) { numbers, _ in numbers[0] = 1e4 }
        try change(layer + "mlp.fc1.weight", of: drawn) { numbers, shape in
            for row in 0..<shape[0] { numbers[row * shape[1]] = 0 }
        }
        let (packed, floats) = (try imported(.int8), try imported(.float))
        let packing = try #require(try configuration(packed).image.packing)
        #expect(packing.floatLayers.contains("blocks.1.feed.in.weight"))
        #expect(packing.floatLayers.count < packing.layers && packing.cosine >= 0.999)
        let file = try SafetensorsFile(packed.directory.appending("image.safetensors"))
        #expect(try file.packedRows(named: "blocks.1.feed.in.weight") == nil)
        #expect(try file.packedRows(named: "blocks.0.feed.in.weight") != nil)
        let (one, other) = try (
            packed.clips.encode(clips: [[picture(0)]]), floats.clips.encode(clips: [[picture(0)]])
        )
        #expect(cosine(one[0].embedding, other[0].embedding) > 0.995)
    }

    /// Changes a tensor in the checkpoint's file.
    private func change(_ name: String, of drawn: DrawnCheckpoint, _ body: (inout [Float], [Int]) -> Void) throws {
        let url = URL(filePath: checkpoint.appending(drawn.weightsFile).string)
        var content = try Data(contentsOf: url)
        let shape = try #require(drawn.shapes[name])
        var numbers = DrawnCheckpoint.weights(name, shape)
        let place = try #require(content.range(of: numbers.withUnsafeBytes { Data($0) }))
        body(&numbers, shape)
        content.replaceSubrange(place, with: numbers.withUnsafeBytes { Data($0) })
        try content.write(to: url)
    }

    /// Where a tensor's numbers begin in a safetensors file.
    private func start(ofTensor name: String, in content: Data) throws -> Int {
        let length = content.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: content[8..<8 + length]) as? [String: Any]
        let offsets = (header?[name] as? [String: Any])?["data_offsets"] as? [Int]
        return 8 + length + (try #require(offsets?.first))
    }

    @Test func `Damaged packed weights are refused by name`() throws {
        try DrawnCheckpoint(.clip).write(to: checkpoint)
        let folder = try imported(.int8).directory
        let path = folder.appending("image.safetensors")
        let name = "blocks.0.feed.in.weight"
        let file = try SafetensorsFile(path)
        let packed = try #require(try file.packedRows(named: name))
        func write(_ tensors: [(String, Tensor<Float>, SafetensorsWriter.Storage)]) throws {
            var writer = SafetensorsWriter()
            let replaced = tensors.map(\.0)
            for other in file.names where !replaced.contains(other) {
                let storage: SafetensorsWriter.Storage = try file.packedRows(named: other) == nil ? .float32 : .int8
                try writer.add(file.tensor(named: other), named: other, as: storage)
            }
            for (name, tensor, storage) in tensors { try writer.add(tensor, named: name, as: storage) }
            try writer.write(to: path)
        }
        func expectRefusal(_ words: String..., sourceLocation: SourceLocation = #_sourceLocation) {
            let error = #expect(throws: WeightsError.self, sourceLocation: sourceLocation) {
                try LoadedModel.load(folder)
            }
            for word in words {
                #expect(
                    error?.message.contains(word) == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
            }
        }
        let rows = packed.shape[0]
        try write([(name, Tensor(zeros: [rows, packed.shape[1] + 1]), .int8)])
        expectRefusal(name, "shape")
        try write([(name, Tensor(zeros: [rows]), .int8)])
        expectRefusal(name, "shape")
        try write([(name, packed.tensor, .int8), (name + ".extra", Tensor(zeros: [1]), .float32)])
        expectRefusal(name + ".extra")
        try write([(name, packed.tensor, .int8)])
        #expect(throws: Never.self) { try LoadedModel.load(folder) }

        let sound = try Data(contentsOf: URL(filePath: path.string))
        // Another name of the same length for the scales, and a scale that isn't a number.
        let scale = Data("\"\(name).scale\"".utf8)
        var nameless = sound
        nameless.replaceSubrange(try #require(sound.range(of: scale)), with: Data("\"\(name).scope\"".utf8))
        try nameless.write(to: URL(filePath: path.string))
        expectRefusal(name, "scale")
        var endless = sound
        let place = try start(ofTensor: name + ".scale", in: sound)
        withUnsafeBytes(of: Float.infinity.bitPattern.littleEndian) {
            endless.replaceSubrange(place..<place + 4, with: $0)
        }
        try endless.write(to: URL(filePath: path.string))
        expectRefusal(name, "not finite")
        for end in [sound.count - 1, sound.count / 2, 9] {
            try sound.prefix(end).write(to: URL(filePath: path.string))
            expectRefusal("image.safetensors")
        }
    }
}
