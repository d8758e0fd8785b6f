import Foundation
import Models
import SystemPackage
import TestSupport
import Testing

/// Files of published tokenizers: those that fit are read, and the others are refused by name.
@Suite struct TokenizerFileTests {
    private let gemma: String

    init() throws {
        gemma = String(decoding: try PublishedTokenizer.content("gemma.json"), as: UTF8.self)
    }

    private func loadGemma(_ json: String) throws -> GemmaTokenizer {
        try GemmaTokenizer(
            BytePairVocabulary(tokenizerJSON: Array(json.utf8), source: "tokenizer.json"), cleaning: .huggingFace)
    }

    private func clipVocabulary(merges: Int) throws -> (vocabulary: String, merges: String) {
        let lines = String(decoding: try PublishedTokenizer.content("clip-merges.txt"), as: UTF8.self)
            .split(separator: "\n").dropFirst().prefix(merges).map(String.init)
        func letter(_ byte: UInt8) -> String {
            func stands(_ byte: UInt8) -> Bool { 0x21...0x7E ~= byte || 0xA1...0xAC ~= byte || byte >= 0xAE }
            if stands(byte) { return String(Unicode.Scalar(byte)) }
            let place = UInt32((0..<byte).count { !stands($0) })
            return Unicode.Scalar(0x100 + place).map { String($0) } ?? ""
        }
        let letters = (UInt8.min...UInt8.max).map(letter)
        let pieces =
            ["<|startoftext|>", "<|endoftext|>"] + letters + letters.map { $0 + "</w>" }
            + lines.map { $0.replacing(" ", with: "") }
        let members = pieces.enumerated().map { "\(quoted($1)):\($0)" }
        return ("{" + members.joined(separator: ",") + "}", "#version: 0.2\n" + lines.joined(separator: "\n") + "\n")
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    @Test func `CLIP's pieces and merges in two files are read with the ids that the first one gives`() throws {
        let folder = try TemporaryDirectory()
        let (vocabulary, merges) = try clipVocabulary(merges: 500)
        let (first, second) = (folder.path.appending("vocab.json"), folder.path.appending("merges.txt"))
        try Data(vocabulary.utf8).write(to: URL(filePath: first.string))
        try Data(merges.utf8).write(to: URL(filePath: second.string))
        let tokenizer = try CLIPTokenizer(
            BytePairVocabulary(vocabularyFile: first, mergesFile: second), cleaning: .huggingFace)
        let derived = try CLIPTokenizer(merges: Array(merges.utf8), cleaning: .huggingFace, source: "merges")
        #expect(tokenizer.vocabularySize == 2 + 512 + 500 && derived.vocabularySize == tokenizer.vocabularySize)
        let (ids, others) = (tokenizer.encode("a dog", limit: 9), derived.encode("a dog", limit: 9))
        #expect(ids.first == 0 && ids.last == 1 && ids.count == others.count)
    }

    @Test func `A merge of pieces that aren't there is refused with its number`() throws {
        let error = #expect(throws: ModelError.self) {
            try CLIPTokenizer(
                merges: Array("#version: 0.2\ni n\nxyz q\n".utf8), cleaning: .openCLIP, source: "merges.txt")
        }
        #expect(error?.code == .malformed && error?.message.contains("merge 2") == true)
    }

    @Test func `A vocabulary that lacks a byte isn't CLIP's`() throws {
        let error = #expect(throws: ModelError.self) {
            try CLIPTokenizer(
                BytePairVocabulary(
                    tokenizerJSON: Array(#"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}"#.utf8), source: "t"),
                cleaning: .huggingFace)
        }
        #expect(error?.message.contains("isn't the tokenizer of a CLIP model") == true)
    }

    @Test(arguments: [
        (#""byte_fallback":true"#, #""byte_fallback":false"#, "bytes"),
        (#""type":"Lowercase""#, #""type":"NFKC""#, "NFKC"),
        (#""type":"BPE""#, #""type":"WordPiece""#, "WordPiece"),
        (#""<eos>":1"#, #""<eox>":1"#, "<eos>"),
        (#""lstrip":false"#, #""lstrip":true"#, "spaces around"),
        (#""<pad>":0"#, #""<pad>":1"#, "two pieces have the id 1"),
        (#""<pad>":0"#, #""<pad>":4000000000"#, "too large"),
    ])
    func `A tokenizer of another kind is refused, and what doesn't fit is named`(
        from: String, to: String, named: String
    ) throws {
        #expect(gemma.contains(from))
        let error = #expect(throws: ModelError.self) { try loadGemma(gemma.replacing(from, with: to)) }
        #expect(error?.code == .malformed && error?.message.contains(named) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        (#""type":"Unigram""#, #""type":"BPE""#, "no unigram model"),
        (#""byte_fallback":false"#, #""byte_fallback":true"#, "bytes"), (#""unk_id":2"#, #""unk_id":2000"#, "unknown"),
        (#""unk_id":2,"#, "", "unknown"), (#""type":"Metaspace""#, #""type":"Digits""#, "Digits"),
        (#""type":"Strip""#, #""type":"Lowercase""#, "Lowercase"), (#"["s",-2.6606130599975586]"#, #"["s"]"#, "score"),
        (#"["s",-2.6606130599975586]"#, #"["s",-1e999]"#, "score"),
        (#"{"id":1,"content":"</s>""#, #"{"id":7,"content":"</s>""#, "</s>"),
        (#"{"id":1,"content":"</s>""#, #"{"id":3,"content":"qqq""#, "qqq"),
        (#""precompiled_charsmap":"ABAAA"#, #""precompiled_charsmap":"!!!"#, "base 64"),
    ])
    func `A unigram model in JSON that does something else is refused, and what it is is named`(
        from: String, to: String, named: String
    ) throws {
        let siglip = String(decoding: try PublishedTokenizer.content("siglip.json"), as: UTF8.self)
        #expect(siglip.contains(from))
        let error = #expect(throws: ModelError.self) {
            try SigLIPTokenizer(model: Array(siglip.replacing(from, with: to).utf8), cleaning: .openCLIP)
        }
        #expect(error?.code == .malformed && error?.message.contains(named) == true, "\(error?.message ?? "")")
    }

    @Test func `A unigram model is the same as spiece.model and as tokenizer.json`() throws {
        let tokenizers = try ["siglip.model", "siglip.json"].map {
            try SigLIPTokenizer(model: PublishedTokenizer.content($0), cleaning: .openCLIP)
        }
        for text in ["A photo of a dog's tail, it_is", "", "☃ a☃ b", "ｗｉｄｅ &amp; “quoted” ﬃ", "snake_case"] {
            #expect(tokenizers[0].encode(text, limit: 64) == tokenizers[1].encode(text, limit: 64), "\(text)")
        }
    }

    @Test func `Merges that are written as one text are read too`() throws {
        let pairs = #/\["((?:[^"\\]|\\.)*)","((?:[^"\\]|\\.)*)"\]/#
        let joined = gemma.replacing(pairs) { "\"\($0.output.1) \($0.output.2)\"" }
        #expect(joined != gemma)
        let text = "a folder of videos"
        #expect(try loadGemma(joined).encode(text, limit: 64) == loadGemma(gemma).encode(text, limit: 64))
    }

    @Test func `Files that are cut short or changed in places are refused or read, and nothing else happens`() throws {
        let files = try ["gemma.json", "siglip.model", "siglip.json", "clip-merges.txt"].map {
            try PublishedTokenizer.content($0)
        }
        var random = SystemRandomNumberGenerator()
        for (number, file) in files.enumerated() {
            for attempt in 0..<40 {
                var bytes = file
                if attempt % 2 == 0 {
                    bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
                } else {
                    for _ in 0..<4 {
                        bytes[Int.random(in: bytes.indices, using: &random)] = .random(
                            in: .min ... .max, using: &random)
                    }
                }
                do {
                    let tokenizer: any Tokenizer =
                        switch number {
                        case 0:
                            try GemmaTokenizer(
                                BytePairVocabulary(tokenizerJSON: bytes, source: "t"), cleaning: .huggingFace)
                        case 1, 2: try SigLIPTokenizer(model: bytes)
                        default: try CLIPTokenizer(merges: bytes, cleaning: .openCLIP, source: "t")
                        }
                    #expect(tokenizer.encode("a dog ran, ｗｉｄｅ ☃", limit: 64).count <= 64)
                } catch let error as ModelError {
                    #expect(error.code == .malformed)
                }
            }
        }
    }

    @Test func `A vocabulary of 256,000 pieces and as many merges is read`() throws {
        var members = ["\"<pad>\":0", "\"<eos>\":1"]
        for byte in 0..<256 {
            members.append(
                "\"<0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))>\":\(members.count)")
        }
        let letters = (0..<505).compactMap { Unicode.Scalar(0x4E00 + $0).map { String($0) } }
        for letter in letters { members.append("\"\(letter)\":\(members.count)") }
        var merges: [String] = []
        for first in letters {
            for second in letters {
                members.append("\"\(first)\(second)\":\(members.count)")
                merges.append("[\"\(first)\",\"\(second)\"]")
            }
        }
        let json =
            #"{"model":{"type":"BPE","byte_fallback":true,"vocab":{"# + members.joined(separator: ",")
            + #"},"merges":["# + merges.joined(separator: ",") + "]}}"
        let tokenizer = try loadGemma(json)
        #expect(tokenizer.vocabularySize == 2 + 256 + 505 + 505 * 505)
        #expect(tokenizer.encode(letters[0] + letters[1] + letters[2], limit: 9).count == 3)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["SACCADE_DATA"] != nil, "SACCADE_DATA names the data"))
    func `Every caption of the data gets the ids of the reference with CLIP's whole vocabulary`() throws {
        struct Item: Decodable { var captions: [String]? }
        let environment = ProcessInfo.processInfo.environment
        let folder = URL(filePath: environment["SACCADE_DATA"] ?? "")
        // OpenCLIP's package has it, packed; it is too large for the repository.
        let merges = try [UInt8](Data(contentsOf: URL(filePath: #require(environment["SACCADE_CLIP_MERGES"]))))
        let tokenizers = try [
            "clip": CLIPTokenizer(merges: merges, cleaning: .openCLIP, source: "merges"),
            "clip-hf": CLIPTokenizer(merges: merges, cleaning: .huggingFace, source: "merges"),
        ]
        for line in try fixtureLines("Tokenizers/captions.txt") {
            let columns = line.split(separator: " ").map(String.init)
            let items = try Data(contentsOf: folder.appending(path: columns[0])).split(separator: 0x0A)
            let captions = try items.flatMap { try JSONDecoder().decode(Item.self, from: $0).captions ?? [] }
            #expect(String(captions.count) == columns[1])
            for (name, tokenizer) in tokenizers {
                var digest = FNVDigest()
                for caption in captions { digest.add(ids: tokenizer.encode(caption, limit: .max)) }
                #expect(columns.contains("\(name)=\(digest.hex)"), "\(name), \(columns[0])")
            }
        }
    }
}
