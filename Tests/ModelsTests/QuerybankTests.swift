import Foundation
import Glibc
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing

/// What shortens the embeddings of clips that come near to whatever is asked.
@Suite struct QuerybankTests {
    private static let directory = Result { try TemporaryDirectory() }

    private func unit(_ seed: UInt64, rows: Int, dimensions: Int) -> Tensor<Float> {
        var random = SplitMix64(seed: seed)
        let rows = (0..<rows).map { _ in
            let row = (0..<dimensions).map { _ in Float(random.nextNormal()) }
            let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return row.map { $0 / length }
        }
        return Tensor(rows.flatMap { $0 }, shape: [rows.count, dimensions])
    }

    private func rows(_ tensor: Tensor<Float>) -> [[Float]] {
        let width = tensor.shape[1]
        return (0..<tensor.shape[0]).map { Array(tensor.scalars[($0 * width)..<(($0 + 1) * width)]) }
    }

    @Test func `An embedding is divided by 1 + w · (b − b̄), with b the soft maximum over the queries`() {
        let (queries, clips) = (unit(1, rows: 40, dimensions: 8), unit(2, rows: 7, dimensions: 8))
        let bank = Querybank(queries: queries, temperature: 0.05, weight: 1.5, mean: 0.6)
        let shortened = bank.shortened(clips)
        #expect(shortened.shape == clips.shape)
        for (before, after) in zip(rows(clips), rows(shortened)) {
            let sum = rows(queries).reduce(0.0) { sum, query in
                sum + exp(zip(query, before).reduce(0) { $0 + Double($1.0) * Double($1.1) } / 0.05)
            }
            let length = 1 / (1 + 1.5 * (0.05 * log(sum / 40) - 0.6))
            for (a, b) in zip(before, after) { #expect(abs(Double(a) * length - Double(b)) < 1e-5) }
        }
    }

    @Test func `A clip that is near to many queries no longer comes before the one that is meant`() {
        // Each query is about an axis; the hub leans a little to each, its neighbours only to their own.
        let queries = Tensor<Float>((0..<16).map { $0 / 4 == $0 % 4 ? 1 : 0 }, shape: [4, 4])
        let hub: [Float] = [0.5, 0.5, 0.5, 0.5]
        let own: [Float] = [0.48, -0.5, -0.5, -0.52]
        let bank = Querybank(queries: queries, temperature: 0.05, weight: 1, mean: 0.45)
        let found = rows(bank.shortened(Tensor(hub + own, shape: [2, 4])))
        #expect(hub[0] > own[0] && found[0][0] < found[1][0])
    }

    @Test func `Lengths stay between a half and two, whatever the weight`() {
        let clips = unit(3, rows: 9, dimensions: 4)
        for (weight, mean) in [(Float(100), Float(-1)), (100, 1), (0, 0)] {
            let bank = Querybank(
                queries: unit(4, rows: 3, dimensions: 4), temperature: 1e-3, weight: weight, mean: mean)
            for row in rows(bank.shortened(clips)) {
                let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
                #expect((0.499...2.001).contains(length))
            }
        }
    }

    /// A drawn model, imported.
    private func imported() throws -> ModelFolder {
        let place = try Self.directory.get().path.appending(UUID().uuidString)
        try DrawnCheckpoint(.clip).write(to: place.appending("checkpoint"))
        return ModelFolder(
            try Checkpoint(recognising: place.appending("checkpoint"))
                .write(to: place.appending("model"), precision: .float).directory)
    }

    private let picture = RGBImage(width: 32, height: 32, pixels: DrawnCheckpoint.picture(1, side: 32))

    @Test func `A model's clips get their lengths from its folder's bank, and are another model's then`() throws {
        let folder = try imported()
        let without = try LoadedModel.load(folder.path)
        let plain = try #require(try without.clips.encode(clips: [[picture]]).first)
        let queries = unit(5, rows: 50, dimensions: plain.embedding.count)
        try Querybank(queries: queries, temperature: 0.05, weight: 2, mean: 0).write(to: folder.querybank)
        let model = try LoadedModel.load(folder.path)
        #expect(model.clips.modelDigest != without.clips.modelDigest)
        let found = try #require(try model.clips.encode(clips: [[picture]]).first).embedding
        let nearness = Querybank.nearness(
            of: Tensor(plain.embedding, shape: [1, plain.embedding.count]), to: queries, temperature: 0.05)[0]
        for (a, b) in zip(plain.embedding, found) { #expect(abs(a / (1 + 2 * nearness) - b) < 2e-3) }
        #expect(try model.queries.embed(query: "a dog") == without.queries.embed(query: "a dog"))
    }

    @Test func `A bank goes with a model that is written, unless its embeddings have learned something else`() throws {
        let folder = try imported()
        let place = try Self.directory.get().path.appending(UUID().uuidString)
        let dimensions = try folder.rerankable().dimensions
        try Querybank(queries: unit(6, rows: 20, dimensions: dimensions), temperature: 0.1, weight: 1, mean: 0.1)
            .write(to: folder.querybank)
        func write(learning: ((String) -> Bool)?) throws -> Bool {
            try folder.rerankable(learning: learning).write(
                to: place, name: "again", precision: .half, slow: nil, reranking: nil)
            return FileManager.default.fileExists(atPath: ModelFolder(place).querybank.string)
        }
        #expect(try write(learning: nil))
        #expect(
            try LoadedModel.load(place).clips.encode(clips: [[picture]])
                == LoadedModel.load(folder.path).clips.encode(clips: [[picture]]))
        #expect(try !write(learning: { $0.hasPrefix("text.") }), "what was there of an earlier model goes too")
    }

    @Test func `What is no bank of the model is refused by its name, and no bytes end the program`() throws {
        let folder = try imported()
        let dimensions = try folder.rerankable().dimensions
        func refusal() -> String? {
            do {
                _ = try LoadedModel.load(folder.path)
                return nil
            } catch {
                return "\(error)"
            }
        }
        func write(dimensions: Int, temperature: Float = 0.1, weight: Float = 1, mean: Float = 0) throws {
            try Querybank(
                queries: unit(7, rows: 5, dimensions: dimensions), temperature: temperature, weight: weight, mean: mean
            ).write(to: folder.querybank)
        }
        try write(dimensions: dimensions)
        #expect(refusal() == nil)
        let whole = try Data(contentsOf: URL(filePath: folder.querybank.string))
        try write(dimensions: dimensions + 1)
        #expect(refusal()?.contains("querybank") == true)
        for (temperature, weight, mean, name) in [
            (Float(100), Float(1), Float(0), "temperature"), (1, -1, 0, "weight"), (1, 1, 3, "mean"),
        ] {
            try write(dimensions: dimensions, temperature: temperature, weight: weight, mean: mean)
            #expect(refusal()?.contains(name) == true)
        }
        var random = SeededGenerator(state: 9)
        for _ in 0..<200 {
            var bytes = whole
            if Bool.random(using: &random) {
                bytes = bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))
            } else {
                for _ in 0..<4 {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
                }
            }
            try bytes.write(to: URL(filePath: folder.querybank.string))
            guard let model = try? LoadedModel.load(folder.path) else { continue }
            #expect(try model.clips.encode(clips: [[picture]])[0].embedding.allSatisfy(\.isFinite))
        }
    }
}
