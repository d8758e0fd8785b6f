package import SystemPackage

/// The pieces and merges of a byte-pair encoding, as the files of HuggingFace's `tokenizers` and of OpenAI's CLIP have them.
package struct BytePairVocabulary: Sendable {
    let pieces: PieceTable
    let merges: BytePairMerges
    /// What `tokenizer.json` says beside; empty where the vocabulary came from other files.
    let description: TokenizerDescription

    /// Bytes of the largest file that is read: that of 256,000 pieces has 34 MB.
    private static let largestFile = 256 << 20

    /// Reads a `tokenizer.json`. O(its length) in time and memory.
    ///
    /// - Throws: ``WeightsError`` when the file can't be read, ``ModelError`` when it isn't the tokenizer of a byte-pair encoding, or
    ///   a merge names a piece that isn't there.
    package init(tokenizerFile path: FilePath) throws {
        try self.init(tokenizerJSON: Self.content(of: path), source: path.string)
    }

    /// Reads `vocab.json` and `merges.txt`.
    ///
    /// - Throws: as ``init(tokenizerFile:)``.
    package init(vocabularyFile: FilePath, mergesFile: FilePath) throws {
        let pieces = try explaining(vocabularyFile.string) {
            var reader = JSONReader(try Self.content(of: vocabularyFile))
            let pieces = try reader.pieces()
            try reader.end()
            return pieces
        }
        try self.init(pieces: pieces, mergesText: Self.content(of: mergesFile), source: mergesFile.string)
    }

    /// Reads the content of a `tokenizer.json`.
    package init(tokenizerJSON: [UInt8], source: String) throws {
        (pieces, merges, description) = try explaining(source) {
            var reader = JSONReader(tokenizerJSON)
            var model: (pieces: PieceTable, merges: [BytePairMerges.Merge])?
            var description = TokenizerDescription()
            try reader.object { key, reader in
                switch key {
                case "model": model = try reader.bytePairModel(&description)
                case "added_tokens": description.addedTokens = try description.decoded(reader.value(), key)
                case "normalizer": description.normalizer = try description.decoded(reader.value(), key)
                case "pre_tokenizer": description.preTokenizer = try description.decoded(reader.value(), key)
                default: try reader.skip()
                }
            }
            try reader.end()
            guard let model else { throw reader.mistake("there is no model") }
            return (model.pieces, BytePairMerges(model.merges), description)
        }
    }

    /// Makes a vocabulary of pieces and the lines of a `merges.txt`.
    init(pieces: PieceTable, mergesText: [UInt8], source: String) throws {
        var merges: [BytePairMerges.Merge] = []
        for (number, line) in Self.mergeLines(of: mergesText).enumerated() {
            guard let merge = pieces.merge(line) else {
                throw ModelError(
                    .malformed,
                    "\(source): merge \(number + 1), \"\(String(decoding: line, as: UTF8.self))\", isn't two pieces that "
                        + "make a third; vocabulary and merges belong to different models")
            }
            merges.append(merge)
        }
        self.pieces = pieces
        self.merges = BytePairMerges(merges)
        description = TokenizerDescription()
    }

    /// The lines of a `merges.txt` without the first, which names its version, and without empty ones.
    static func mergeLines(of text: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = text.split(separator: 0x0A, omittingEmptySubsequences: true).map { line in
            line.last == 0x0D ? line.dropLast() : line
        }
        if let first = lines.first, String(decoding: first, as: UTF8.self).contains("#version") {
            lines.removeFirst()
        }
        return lines
    }

    static func content(of path: FilePath) throws -> [UInt8] {
        let source = try ByteSource(opening: path)
        guard source.count <= largestFile else {
            throw ModelError(
                .malformed, "\(path) is too large to be a tokenizer's; name the file that came with the model")
        }
        return try source.read(0..<source.count)
    }
}
