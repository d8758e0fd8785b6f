import Foundation
import Models
import SystemPackage
import Testing

/// The tokenizers of published models, each with a small vocabulary of its kind.
enum PublishedTokenizer: String, CaseIterable, CustomTestStringConvertible {
    case clip
    case clipOfHuggingFace = "clip-hf"
    case siglip
    case siglipOfOpenCLIP = "siglip-openclip"
    case gemma
    case gemmaOfOpenCLIP = "gemma-openclip"

    var testDescription: String { rawValue }

    func load() throws -> any Tokenizer {
        switch self {
        case .clip: try CLIPTokenizer(merges: Self.content("clip-merges.txt"), cleaning: .openCLIP, source: "merges")
        case .clipOfHuggingFace:
            try CLIPTokenizer(merges: Self.content("clip-merges.txt"), cleaning: .huggingFace, source: "merges")
        case .siglip: try SigLIPTokenizer(modelFile: FilePath(repositoryFile(Self.folder + "siglip.model")))
        case .siglipOfOpenCLIP:
            try SigLIPTokenizer(modelFile: FilePath(repositoryFile(Self.folder + "siglip.json")), cleaning: .openCLIP)
        case .gemma: try Self.gemma(.huggingFace)
        case .gemmaOfOpenCLIP: try Self.gemma(.openCLIP)
        }
    }

    private static let folder = "Tests/ModelsTests/Fixtures/Tokenizers/"

    private static func gemma(_ cleaning: GemmaTokenizer.Cleaning) throws -> GemmaTokenizer {
        let file = FilePath(repositoryFile(folder + "gemma.json"))
        return try GemmaTokenizer(BytePairVocabulary(tokenizerFile: file), cleaning: cleaning)
    }

    static func content(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: repositoryFile(folder + name))))
    }

    func lines(_ kind: String) throws -> [String] { try fixtureLines("Tokenizers/\(rawValue).\(kind).txt") }
}

/// Every expectation comes from the reference tokenizers, by Fixtures/make_tokenizers.py.
@Suite struct PublishedTokenizerTests {
    @Test(arguments: PublishedTokenizer.allCases)
    func `Unicode scalars get the ids of the reference, alone and between letters`(
        published: PublishedTokenizer
    ) throws {
        let tokenizer = try published.load()
        for (block, line) in try published.lines("scalars").enumerated() {
            var digest = FNVDigest()
            for value in UInt32(block) * 4096..<UInt32(block + 1) * 4096 {
                guard let scalar = Unicode.Scalar(value), isAssigned(scalar),
                    value < 0x40000 || value >> 12 == 0xE0 || value % 256 == 0
                else { continue }
                digest.add(ids: tokenizer.encode("\(String(scalar)) A\(String(scalar))b", limit: .max))
            }
            #expect(digest.hex == line, "scalars from U+\(String(block * 4096, radix: 16))")
        }
    }

    @Test(arguments: PublishedTokenizer.allCases)
    func `Chosen and drawn texts of all scripts get the ids of the reference`(published: PublishedTokenizer) throws {
        let tokenizer = try published.load()
        for line in try published.lines("samples") {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            let text = assigned(bytes(hex: columns[0]))
            let ids = columns[1].split(separator: " ").compactMap { Int32($0) }
            #expect(tokenizer.encode(text, limit: .max) == ids, "\(text.debugDescription)")
        }
    }

    @Test(arguments: PublishedTokenizer.allCases)
    func `10,000 drawn texts, some of them broken UTF-8, get the ids of the reference`(
        published: PublishedTokenizer
    ) throws {
        let tokenizer = try published.load()
        var texts = try DrawnTexts()
        for line in try published.lines("drawn") {
            var digest = FNVDigest()
            for _ in 0..<1000 { digest.add(ids: tokenizer.encode(assigned(texts.next()), limit: .max)) }
            #expect(digest.hex == line)
        }
    }

    @Test(arguments: PublishedTokenizer.allCases)
    func `Texts of a million bytes get the ids of the reference`(published: PublishedTokenizer) throws {
        let tokenizer = try published.load()
        for line in try published.lines("long") {
            let columns = line.split(separator: " ")
            let text = String(repeating: assigned(bytes(hex: columns[0])), count: try #require(Int(columns[1])))
            let ids = tokenizer.encode(text, limit: .max)
            var digest = FNVDigest()
            digest.add(ids: ids)
            #expect(String(ids.count) == columns[2] && digest.hex == columns[3], "\(columns[0]) repeated")
        }
    }

    @Test(arguments: PublishedTokenizer.allCases)
    func `A length limit keeps the first pieces and the end token`(published: PublishedTokenizer) throws {
        let tokenizer = try published.load()
        let whole = tokenizer.encode("a man plays a guitar & sings", limit: 99)
        for limit in 2...whole.count + 1 {
            let ids = tokenizer.encode("a man plays a guitar & sings", limit: limit)
            #expect(ids == whole.dropLast().prefix(limit - 1) + [try #require(whole.last)])
        }
    }

    @Test(arguments: PublishedTokenizer.allCases)
    func `Random bytes make ids of the vocabulary`(published: PublishedTokenizer) throws {
        let tokenizer = try published.load()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let count = Int.random(in: 0...200, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let ids = tokenizer.encode(String(decoding: bytes, as: UTF8.self), limit: .max)
            #expect(ids.allSatisfy { (0..<Int32(tokenizer.vocabularySize)).contains($0) }, "\(bytes)")
            #expect(ids.isEmpty == false)
        }
    }
}

/// Whether Unicode 14 has a scalar, which is what the references agree on.
private func isAssigned(_ scalar: Unicode.Scalar) -> Bool {
    guard scalar.properties.generalCategory != .unassigned, let age = scalar.properties.age else { return false }
    return age.major <= 14
}

private func assigned(_ bytes: [UInt8]) -> String {
    var kept = String.UnicodeScalarView()
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars where isAssigned(scalar) { kept.append(scalar) }
    return String(kept)
}
