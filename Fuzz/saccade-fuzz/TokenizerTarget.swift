import Foundation
import Models

extension FuzzTarget {
    /// Files of published tokenizers by their first byte: a `tokenizer.json`, a `spiece.model` or a `tokenizer.json` of the same kind, a `merges.txt`; and
    /// texts, after a 3, by the tokenizers of the tests.
    static let tokenizers = FuzzTarget(name: "tokenizers") {
        let texts = ["a dog &amp; it's <b>", "ΑΣ ｗｉｄｅ “quotes” ﬃ", "<|endoftext|> </s> <eos>", "\u{1b}[1mred"]
        return try [0: "gemma.json", 1: "siglip.model", 2: "clip-merges.txt"].map { [$0] + (try content($1)) }
            + [[1] + (try content("siglip.json"))] + texts.map { [3] + Array($0.utf8) }
    } check: { input in
        guard let kind = input.first else { return }
        let rest = Array(input.dropFirst())
        switch kind {
        case 0:
            guard let vocabulary = try? BytePairVocabulary(tokenizerJSON: rest, source: "input") else { return }
            if let tokenizer = try? GemmaTokenizer(vocabulary, cleaning: .openCLIP) { encodes(text, by: tokenizer) }
            if let tokenizer = try? CLIPTokenizer(vocabulary, cleaning: .openCLIP) { encodes(text, by: tokenizer) }
        case 1:
            for cleaning in [SigLIPTokenizer.Cleaning.huggingFace, .openCLIP] {
                if let tokenizer = try? SigLIPTokenizer(model: rest, cleaning: cleaning) {
                    encodes(text, by: tokenizer)
                }
            }
        case 2:
            if let tokenizer = try? CLIPTokenizer(merges: rest, cleaning: .openCLIP, source: "input") {
                encodes(text, by: tokenizer)
            }
        default: for tokenizer in known { encodes(String(decoding: rest, as: UTF8.self), by: tokenizer) }
        }
    }

    private static let text = "a dog ran, it's ｗｉｄｅ &amp; ☃"

    private static let known: [any Tokenizer] = {
        do {
            let (merges, gemma) = (try content("clip-merges.txt"), try content("gemma.json"))
            let vocabulary = try BytePairVocabulary(tokenizerJSON: gemma, source: "gemma.json")
            return [
                try CLIPTokenizer(merges: merges, cleaning: .openCLIP, source: "merges"),
                try CLIPTokenizer(merges: merges, cleaning: .huggingFace, source: "merges"),
                try SigLIPTokenizer(model: content("siglip.model")),
                try SigLIPTokenizer(model: content("siglip.json"), cleaning: .openCLIP),
                try GemmaTokenizer(vocabulary, cleaning: .huggingFace),
                try GemmaTokenizer(vocabulary, cleaning: .openCLIP),
            ]
        } catch {
            fatalError("\(error)")
        }
    }()

    private static func content(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: repository.appending(path: "Tests/ModelsTests/Fixtures/Tokenizers/\(name)")))
    }

    private static func encodes(_ text: String, by tokenizer: any Tokenizer) {
        let all = tokenizer.encode(text, limit: .max)
        // A limit of tokens that stand for the end already may need no other at the end.
        require(!all.isEmpty && all.allSatisfy { $0 >= 0 }, "a text has its end token")
        for limit in [2, 8, 64] {
            let some = tokenizer.encode(text, limit: limit)
            require(some.count <= limit, "a text is cut at the length asked for")
            require(some.dropLast() == all.prefix(max(0, some.count - 1)), "a text that is cut begins as the whole one")
        }
    }
}
