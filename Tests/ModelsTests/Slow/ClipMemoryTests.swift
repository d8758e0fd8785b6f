import Models
import Tensors
import Testing

@Suite struct ClipMemoryTests {
    private static let configuration = SlowConfiguration(
        width: 16, heads: 2, feedForward: 24, layers: [0, 1],
        maps: [.init(side: 4, channels: 3), .init(side: 8, channels: 2)], vocabularySize: 9,
        maximumTokens: 6, frames: 4)

    /// Memories of clips of these numbers of frames.
    private func memory(_ frameCounts: [Int]) throws -> VisualMemory<Float> {
        let model = try SlowModel<Float>(Self.configuration, ParameterSource(random: SplitMix64(seed: 3)))
        var random = SplitMix64(seed: 9)
        let maps = Self.configuration.maps.map { map in
            let shape = [frameCounts.reduce(0, +), map.positions, map.channels]
            return Variable<Float>(constant: Tensor(normal: shape, deviation: 1, using: &random))
        }
        return model.memory(maps: maps, frameCounts: frameCounts).detached
    }

    /// Relative errors: half a step of a token's largest magnitude with 8 bits, about a fifth of a deviation with 3.
    @Test(arguments: [(FeaturePrecision.full, Float(0.01)), (.compact, 0.35)])
    func `What is stored comes back nearly as it was`(precision: FeaturePrecision, tolerance: Float) throws {
        let memory = try memory([1, 3, 4])
        let stored = (0..<3).map { ClipMemory.encode(memory, clip: $0, precision: precision) }
        let found = try ClipMemory.decode(stored, as: Self.configuration.memoryForm)
        for map in [0, 1] {
            let (before, after) = (memory.maps[map]!, found.maps[map]!)
            #expect(before.lengths == after.lengths)
            let longest = before.values.shape[1]
            let (old, new) = (before.values.value.scalars, after.values.value.scalars)
            for clip in 0..<3 {
                let real = ((clip * longest) * 16)..<((clip * longest + before.lengths[clip]) * 16)
                let error = real.reduce(Float(0)) { $0 + (old[$1] - new[$1]) * (old[$1] - new[$1]) }
                let size = real.reduce(Float(0)) { $0 + old[$1] * old[$1] }
                #expect((error / size).squareRoot() < tolerance)
            }
        }
    }

    @Test func `Sizes are those that the documentation says`() throws {
        let memory = try memory([1])
        #expect(ClipMemory.encode(memory, clip: 0, precision: .full).count == 15 + 80 * (2 + 16))
        #expect(ClipMemory.encode(memory, clip: 0, precision: .compact).count == 15 + 80 * (2 + 6))
    }

    @Test(arguments: [(580, 512 << 10), (145, 128 << 10)])
    func `What is kept of a clip by BLIP at its published size has its limit`(tokens: Int, limit: Int) {
        let values = Variable<Float>(constant: Tensor(repeating: 1, shape: [1, tokens, 768]))
        let memory = VisualMemory<Float>(maps: [0: .init(values: values, lengths: [tokens])], count: 1)
        #expect(ClipMemory.encode(memory, clip: 0, precision: .full).count <= limit)
    }

    @Test func `Maps of a vision transformer, of one odd side, are stored and found again`() throws {
        var odd = Self.configuration
        odd.maps = [.init(side: 7, channels: 3), .init(side: 7, channels: 3)]
        let model = try SlowModel(odd, ParameterSource<Float>(random: SplitMix64(seed: 3)))
        let maps = odd.maps.map { map in
            Variable<Float>(constant: Tensor(repeating: 0.5, shape: [5, map.positions, map.channels]))
        }
        let memory = model.memory(maps: maps, frameCounts: [1, 4]).detached
        let stored = (0..<2).map { ClipMemory.encode(memory, clip: $0, precision: .full) }
        #expect(stored.map(\.count) == [15 + 2 * 49 * (2 + 16), 15 + 2 * 4 * 16 * (2 + 16)])
        #expect(try ClipMemory.decode(stored, as: odd.memoryForm).maps[1]?.lengths == [49, 64])
    }

    @Test func `A narrow memory is stored narrow, and one of another width isn't usable`() throws {
        var narrow = Self.configuration
        narrow.memoryWidth = 6
        let model = try SlowModel<Float>(narrow, ParameterSource(random: SplitMix64(seed: 3)))
        let maps = narrow.maps.map { map in
            Variable<Float>(constant: Tensor(repeating: 0.5, shape: [1, map.positions, map.channels]))
        }
        let memory = model.memory(maps: maps, frameCounts: [1]).detached
        let stored = ClipMemory.encode(memory, clip: 0, precision: .full)
        #expect(stored.count == 15 + 80 * (2 + 6))
        #expect(try ClipMemory.decode([stored], as: narrow.memoryForm).maps[1]?.values.shape == [1, 64, 6])
        #expect(!ClipMemory.isUsable(stored, as: Self.configuration.memoryForm))
    }

    @Test(arguments: FeaturePrecision.allCases)
    func `Bytes that were cut off or changed are refused or read, and never more`(
        precision: FeaturePrecision
    ) throws {
        let stored = ClipMemory.encode(try memory([2]), clip: 0, precision: precision)
        #expect(ClipMemory.isUsable(stored, as: Self.configuration.memoryForm))
        for length in 0..<stored.count {
            let part = Array(stored.prefix(length))
            #expect(!ClipMemory.isUsable(part, as: Self.configuration.memoryForm))
            #expect(throws: ModelError.self) { try ClipMemory.decode([part], as: Self.configuration.memoryForm) }
        }
        var random = SplitMix64(seed: 5)
        for _ in 0..<2_000 {
            var changed = stored
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place =
                    Bool.random(using: &random)
                    ? Int.random(in: 0..<15, using: &random)
                    : changed.indices.randomElement(using: &random)!
                changed[place] = UInt8.random(in: 0...255, using: &random)
            }
            guard let found = try? ClipMemory.decode([changed], as: Self.configuration.memoryForm) else { continue }
            #expect(!found.maps.values.contains { map in map.values.value.scalars.contains { !$0.isFinite } })
        }
    }

    /// Version 1 calls the coarsest map 5, and version 2 calls it 0.
    @Test(arguments: [[1, 5], [2, 0]] as [[UInt8]])
    func `Memories of every version are read as they were written`(versionAndMap: [UInt8]) throws {
        let configuration = SlowConfiguration(
            width: 8, heads: 1, feedForward: 8, layers: [0], maps: [.init(side: 2, channels: 1)],
            vocabularySize: 9)
        let header: [UInt8] = [0x53, 0x4D, versionAndMap[0]]
        // One map of one token of eight numbers; its scale is the half 0.5.
        let shape: [UInt8] = [1, versionAndMap[1], 1, 0, 8, 0, 0x00, 0x38]
        let full = header + [8] + shape + [1, 0xFF, 2, 0xFE, 127, 0x81, 0, 3]
        let compact = header + [3] + shape + [0b10_001_000, 0b1_100_011_0, 0b111_110_10]
        let found = try [full, compact].map {
            try ClipMemory.decode([$0], as: configuration.memoryForm).maps[0]?.values.value.scalars
        }
        #expect(found[0] == [0.5, -0.5, 1, -1, 63.5, -63.5, 0, 1.5])
        #expect(found[1] == [-1.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1.75])
    }

    @Test func `Maps are named by their place, whatever the version says`() throws {
        let stored = ClipMemory.encode(try memory([1]), clip: 0, precision: .full)
        #expect(stored[2] == 2 && stored[5] == 0 && stored[10] == 1)
        var earlier = stored
        (earlier[2], earlier[5], earlier[10]) = (1, 5, 4)
        #expect(ClipMemory.isUsable(earlier, as: Self.configuration.memoryForm))
        for (version, map) in [(1, 0), (2, 5), (3, 0), (0, 5)] as [(UInt8, UInt8)] {
            var mixed = stored
            (mixed[2], mixed[5]) = (version, map)
            #expect(!ClipMemory.isUsable(mixed, as: Self.configuration.memoryForm), "\(version) \(map)")
        }
    }

    @Test func `A memory of another model isn't usable`() throws {
        let stored = ClipMemory.encode(try memory([1]), clip: 0, precision: .full)
        var other = Self.configuration
        (other.layers, other.maps) = ([0], [.init(side: 4, channels: 3)])
        #expect(!ClipMemory.isUsable(stored, as: other.memoryForm))
        other = Self.configuration
        other.memoryWidth = 8
        #expect(!ClipMemory.isUsable(stored, as: other.memoryForm))
    }
}
