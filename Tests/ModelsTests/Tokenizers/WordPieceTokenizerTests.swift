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
        var texts = try DrawnTexts()
        for line in try fixtureLines("wordpiece-drawn.txt").drop(while: { !$0.isEmpty }).dropFirst() {
            var digest = FNVDigest()
            for _ in 0..<1000 {
                let text = texts.next()
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
