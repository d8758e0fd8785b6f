import Foundation

/// The texts that `drawn_text` in Fixtures/texts.py draws.
struct DrawnTexts {
    private let pools: [ClosedRange<UInt32>]
    private let vocabulary: [[UInt8]]
    private var state: UInt64 = 20_130_403

    /// Begins with the first text.
    init() throws {
        let lines = try fixtureLines("wordpiece-drawn.txt")
        pools = lines.prefix { !$0.isEmpty }.map { line in
            let bounds = line.split(separator: " ").compactMap { UInt32($0, radix: 16) }
            return bounds[0]...bounds[1]
        }
        vocabulary = try Data(contentsOf: URL(filePath: repositoryFile("models/saccade-small/vocab.txt")))
            .split(separator: 0x0A).map { Array($0.starts(with: Array("##".utf8)) ? $0.dropFirst(2) : $0) }
    }

    private mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }

    mutating func next() -> [UInt8] {
        var chosen: [ClosedRange<UInt32>] = []
        for _ in 0..<1 + below(4) { chosen.append(pools[below(pools.count)]) }
        var text: [UInt8] = []
        for _ in 0..<1 + below(40) {
            switch below(8) {
            case 0: text.append(0x20)
            case 1: text += vocabulary[below(vocabulary.count)]
            default:
                let pool = chosen[below(chosen.count)]
                let value = pool.lowerBound + UInt32(below(pool.count))
                if let scalar = Unicode.Scalar(value) { text += Array(String(scalar).utf8) }
            }
        }
        if below(8) == 0 {
            let place = below(text.count)
            text[place] = UInt8(below(256))
        }
        if below(16) == 0 { text = Array(text.prefix(below(text.count) + 1)) }
        return text
    }
}

/// FNV-1a of 64 bits, as in Fixtures/texts.py.
struct FNVDigest {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325
    var hex: String { String(repeating: "0", count: max(0, 16 - short.count)) + short }
    private var short: String { String(state, radix: 16) }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    mutating func add(ids: [Int32]) {
        for id in ids + [-1] {
            for shift in stride(from: Int32(0), to: 32, by: 8) { add([UInt8(truncatingIfNeeded: id >> shift)]) }
        }
    }
}

/// Bytes that are written as pairs of hexadecimal digits.
func bytes(hex: Substring) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
}
