import Training
import Tensors
import Models
import TestSupport
import Testing

@Suite struct TorchPickleTests {
    @Test func `A state dictionary is read with its shapes, without its counters`() throws {
        let tensors = try TorchPickle.tensors(at: fixture("Backbone/tiny.pth"))
        #expect(tensors["_conv_stem.weight"]?.shape == [8, 3, 3, 3])
        #expect(tensors["_fc.weight"]?.shape == [8, 160])
        #expect(tensors["_bn0.running_var"]?.scalars.allSatisfy { (0.1...0.4).contains($0) } == true)
        #expect(tensors["_bn0.num_batches_tracked"] == nil)
    }

    @Test func `Views, other precisions and shared storages are read`() throws {
        let tensors = try TorchPickle.tensors(at: fixture("Weights/views.pth"))
        #expect(tensors["transposed"]?.scalars == [0, 3, 1, 4, 2, 5])
        #expect(tensors["transposed"]?.shape == [3, 2])
        #expect(tensors["row"]?.scalars == [3, 4, 5])
        #expect(tensors["half"]?.scalars == [0.5, -2])
        #expect(tensors["bfloat16"]?.scalars == [1.5, -3])
        #expect(tensors["double"]?.scalars == [0.25])
        #expect(tensors["scalar"]?.shape == [])
        #expect(tensors["parameter"]?.scalars == [7])
        #expect(tensors["empty"]?.shape == [0, 2])
    }

    @Test func `A stride of zero can't ask for more than the storage has`() throws {
        #expect(throws: WeightsError.self) { try TorchPickle.tensors(at: fixture("Weights/expanded.pth")) }
    }

    @Test func `A pickle that would run code is refused by the name it mentions`() throws {
        #expect {
            try TorchPickle.tensors(at: fixture("Weights/code.pth"))
        } throws: { error in
            guard case .malformed(_, let reason) = error as? WeightsError else { return false }
            return reason.contains("posix.system")
        }
    }

    @Test func `Truncated files are refused at every length`() throws {
        let content = try fixtureContent("Weights/views.pth")
        for length in 0..<content.count {
            #expect(throws: WeightsError.self) {
                try TorchPickle.tensors(in: Array(content[..<length]), source: "test")
            }
        }
    }

    @Test(arguments: [1, 2, 3, 4]) func `Mutated files are read or refused, never a crash`(seed: UInt64) throws {
        let original = try fixtureContent("Weights/views.pth")
        var random = SeededGenerator(state: seed)
        for _ in 0..<5000 {
            var content = original
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                content[Int.random(in: 0..<content.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do { _ = try TorchPickle.tensors(in: content, source: "test") } catch is WeightsError {}
        }
    }

    @Test func `Deep nesting is refused before it can exhaust the stack`() {
        let start = [UInt8](fixtureStart)
        let nested = start + [0x80, 2] + [UInt8(ascii: ")")] + [UInt8](repeating: 0x85, count: 1_000_000)
        #expect(throws: WeightsError.self) { try TorchPickle.tensors(in: nested, source: "test") }
        let marks = start + [0x80, 2] + [UInt8](repeating: UInt8(ascii: "("), count: 1_000_000) + [UInt8(ascii: ".")]
        #expect(throws: WeightsError.self) { try TorchPickle.tensors(in: marks, source: "test") }
    }

    /// The pickles before the dictionary: magic number, protocol, a little-endian system.
    private var fixtureStart: [UInt8] {
        [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
            + [0x80, 2, 0x4D, 0xE9, 0x03, 0x2E]
            + [0x80, 2, 0x7D, 0x28, 0x58, 13, 0, 0, 0] + Array("little_endian".utf8) + [0x88, 0x75, 0x2E]
    }
}
