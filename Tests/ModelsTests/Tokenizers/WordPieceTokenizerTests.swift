import Foundation
import Models
import SystemPackage
import Testing

/// Every expectation comes from the reference tokenizer, by Fixtures/make_wordpiece.py.
@Suite struct WordPieceTokenizerTests {
    private let tokenizer: WordPieceTokenizer

    init() throws {
        tokenizer = try WordPieceTokenizer(vocabularyFile: FilePath(repositoryFile("models/saccade-small/vocab.txt")))
    }

    @Test func `Unicode scalars make the words that they make in the reference, alone and between letters`() throws {
        let expected = try fixtureLines("wordpiece-scalars.txt")
        #expect(expected.count == 0x110000 / 4096)
        for (block, line) in expected.enumerated() {
            var digest = FNVDigest()
            for value in UInt32(block) * 4096..<UInt32(block + 1) * 4096 {
                guard let scalar = Unicode.Scalar(value), value < 0x40000 || value >> 12 == 0xE0 || value % 16 == 0
                else {
                    continue
                }
                let words = tokenizer.words(of: "\(Character(scalar)) A\(String(scalar))b")
                digest.add(words.map { $0 ?? "" }.joined(separator: "\n").utf8)
                digest.add([0])
            }
            #expect(digest.hex == line, "scalars from U+\(String(block * 4096, radix: 16))")
        }
    }

    @Test func `Chosen and drawn texts of all scripts get the ids of the reference`() throws {
        let lines = try fixtureLines("wordpiece-samples.txt")
        #expect(lines.count > 2000)
        for line in lines {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            let text = bytes(hex: columns[0])
            let ids = columns[1].split(separator: " ").compactMap { Int32($0) }
            #expect(
                tokenizer.encode(text, limit: .max) == ids,
                "\(String(decoding: text, as: UTF8.self).debugDescription)")
        }
    }

    @Test func `24,000 drawn texts, some of them broken UTF-8, get the ids of the reference`() throws {
        let lines = try fixtureLines("wordpiece-drawn.txt")
        let pools = lines.prefix { !$0.isEmpty }.map { line in
            let bounds = line.split(separator: " ").compactMap { UInt32($0, radix: 16) }
            return bounds[0]...bounds[1]
        }
        let vocabulary = try Data(contentsOf: URL(filePath: repositoryFile("models/saccade-small/vocab.txt")))
            .split(separator: 0x0A).map { Array($0.starts(with: Array("##".utf8)) ? $0.dropFirst(2) : $0) }
        var drawing = TextDrawing(pools: pools, vocabulary: vocabulary, state: 20_130_403)
        for line in lines.dropFirst(pools.count + 1) {
            var digest = FNVDigest()
            for _ in 0..<1000 {
                let text = drawing.next()
                digest.add(text)
                digest.add(ids: tokenizer.encode(text, limit: .max))
            }
            #expect(digest.hex == line)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `Texts of a million bytes get the ids of the reference, and are cut where the limit says`() throws {
        for line in try fixtureLines("wordpiece-long.txt") {
            let columns = line.split(separator: " ")
            let part = bytes(hex: columns[0])
            let count = try #require(Int(columns[1]))
            let text = Array(repeatElement(part, count: count).joined())
            let ids = tokenizer.encode(text, limit: .max)
            var digest = FNVDigest()
            digest.add(ids: ids)
            #expect(String(ids.count) == columns[2] && digest.hex == columns[3], "\(columns[0]) repeated")
            let short = tokenizer.encode(text, limit: 32)
            #expect(short == (ids.count <= 32 ? ids : ids.prefix(31) + [102]))
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["SACCADE_DATA"] != nil, "SACCADE_DATA names the data"))
    func `Every caption of the data gets the ids of the reference`() throws {
        struct Item: Decodable { var captions: [String] }
        let folder = URL(filePath: ProcessInfo.processInfo.environment["SACCADE_DATA"] ?? "")
        for line in try fixtureLines("wordpiece-captions.txt") {
            let columns = line.split(separator: " ")
            let items = try Data(contentsOf: folder.appending(path: columns[0])).split(separator: 0x0A)
            let captions = try items.flatMap { try JSONDecoder().decode(Item.self, from: $0).captions }
            var digest = FNVDigest()
            for caption in captions { digest.add(ids: tokenizer.encode(caption, limit: .max)) }
            #expect(String(captions.count) == columns[1] && digest.hex == columns[2], "\(columns[0])")
        }
    }

    @Test(arguments: [-1, 0, 1, 2, 3, 4, 5, 6])
    func `A length limit keeps the first pieces and both special tokens`(limit: Int) {
        let whole = tokenizer.encode("a man plays", limit: 99)
        #expect(whole == [101, 1037, 2158, 3248, 102])
        #expect(tokenizer.encode("a man plays", limit: limit) == whole.dropLast().prefix(max(limit, 2) - 1) + [102])
    }

    @Test func `A vocabulary without the special pieces is refused, and says which is missing`() {
        let error = #expect(throws: ModelError.self) { try WordPieceTokenizer(vocabulary: ["[UNK]", "[CLS]", "a"]) }
        #expect(error?.code == .malformed && error?.message.contains("[SEP]") == true)
    }

    @Test func `A vocabulary file that is missing is an error with its path`() {
        let error = #expect(throws: WeightsError.self) { try WordPieceTokenizer(vocabularyFile: "/nowhere/vocab.txt") }
        #expect(error == .inaccessible(path: "/nowhere/vocab.txt", reason: .noSuchFileOrDirectory))
    }

    @Test func `Pieces that are canonically equivalent stay apart`() throws {
        let pieces = ["[UNK]", "[CLS]", "[SEP]", "\u{1100}\u{1161}", "\u{AC00}", "\u{1100}", "##\u{1161}\r"]
        let tokenizer = try WordPieceTokenizer(vocabulary: pieces)
        #expect(tokenizer.encode("\u{AC00}", limit: 9) == [1, 3, 2])
        #expect(tokenizer.encode("\u{AC00}\u{AC00}", limit: 9) == [1, 0, 2])
        #expect(tokenizer.vocabularySize == 7 && tokenizer.padding == 0)
    }
}

/// The texts of `drawn_text` in Fixtures/make_wordpiece.py.
private struct TextDrawing {
    let pools: [ClosedRange<UInt32>]
    let vocabulary: [[UInt8]]
    var state: UInt64

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

/// FNV-1a of 64 bits, as in the fixtures' scripts.
private struct FNVDigest {
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

private func bytes(hex: Substring) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
}
