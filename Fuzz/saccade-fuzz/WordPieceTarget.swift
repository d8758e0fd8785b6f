import Foundation
import Models

extension FuzzTarget {
    /// A query's text to word pieces by the shipped vocabulary; or, after a zero byte, a vocabulary and a text that a zero ends it with.
    static let wordPiece = FuzzTarget(name: "wordpiece") {
        let captions = try String(
            contentsOf: repository.appending(path: "Tests/ModelsTests/Fixtures/wordpiece-samples.txt"), encoding: .utf8)
        return captions.split(separator: "\n").prefix(40).map { Array($0.utf8) } + [
            [0] + Array("[UNK]\n[CLS]\n[SEP]\n[PAD]\na\n##b\n\nab\r\n##\n".utf8) + [0] + Array("abba a [PAD] ab".utf8)
        ]
    } check: { input in
        guard input.first == 0 else { return splits(input, by: shipped) }
        let parts = input.dropFirst().split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let tokenizer = try? WordPieceTokenizer(vocabularyText: Array(parts[0])) else { return }
        _ = tokenizer.encode(Array(parts[1]), limit: 64)
    }

    private static let shipped: WordPieceTokenizer = {
        let file = repository.appending(path: "models/saccade-small/vocab.txt")
        guard let text = try? Data(contentsOf: file), let made = try? WordPieceTokenizer(vocabularyText: Array(text))
        else { fatalError("\(file.path) is no vocabulary") }
        return made
    }()
    private static let shippedPieces = shipped.pieces

    private static func splits(_ input: [UInt8], by tokenizer: WordPieceTokenizer) {
        let text = String(decoding: input, as: UTF8.self)
        let all = tokenizer.encode(text, limit: .max)
        require(all == tokenizer.encode(input, limit: .max), "bytes are read as the text that they are")
        require(all.allSatisfy { shippedPieces.indices.contains(Int($0)) }, "every id is one of the vocabulary")
        let names = all.map { shippedPieces[Int($0)] }
        require(names.count >= 2 && names.first == "[CLS]" && names.last == "[SEP]", "a text is between its marks")
        for limit in [2, 3, 8, 64] {
            let some = tokenizer.encode(text, limit: limit)
            require(some.count == min(limit, all.count), "a text is cut at the length asked for")
            require(some.dropLast() == all.prefix(some.count - 1), "a text that is cut begins as the whole one")
        }
        var rest = names.dropFirst().dropLast()
        for word in tokenizer.words(of: text) {
            guard let first = rest.popFirst() else { fatalError("each word has a piece") }
            guard let word, first != "[UNK]" else {
                require(first == "[UNK]", "a word that is too long is unknown")
                continue
            }
            var bytes = Array(first.utf8)
            while bytes.count < word.utf8.count, let next = rest.popFirst() {
                // By bytes: a mark after a hash would make one character with it.
                require(next.utf8.starts(with: "##".utf8), "a word goes on with a piece that goes on")
                bytes += next.utf8.dropFirst(2)
            }
            require(bytes == Array(word.utf8), "a word is its pieces")
        }
        require(rest.isEmpty, "each piece has a word")
    }
}
