/// The sizes of a BERT encoder, under the names of HuggingFace's `config.json`.
package struct BERTConfiguration: Sendable, Equatable, Codable {
    /// Word pieces, V.
    package var vocabularySize: Int
    /// Places that have an embedding: no sequence may be longer.
    package var maximumLength: Int
    /// Kinds of segment that have an embedding; only the first is used here.
    package var segments: Int
    /// Width of the hidden state, d; a multiple of `heads`.
    package var width: Int
    package var layers: Int
    package var heads: Int
    /// Width inside a layer's feed-forward.
    package var feedForward: Int
    /// What layer normalisation adds to the variance.
    package var normEpsilon: Double

    package init(
        vocabularySize: Int, maximumLength: Int = 512, segments: Int = 2, width: Int, layers: Int, heads: Int,
        feedForward: Int, normEpsilon: Double = 1e-12
    ) {
        self.vocabularySize = vocabularySize
        self.maximumLength = maximumLength
        self.segments = segments
        self.width = width
        self.layers = layers
        self.heads = heads
        self.feedForward = feedForward
        self.normEpsilon = normEpsilon
    }

    /// MiniLM-L6-H384-uncased, the encoder of all-MiniLM-L6-v2: 22.6 M parameters, 11.7 M of them for words.
    package static let miniLM = BERTConfiguration(
        vocabularySize: 30_522, width: 384, layers: 6, heads: 12, feedForward: 1536)

    /// [V, d].
    var wordTableShape: [Int] { [vocabularySize, width] }

    /// Checks that the sizes make a model.
    ///
    /// - Throws: `ModelError` that names the first one that doesn't.
    package func validate() throws(ModelError) {
        let sizes = [
            (CodingKeys.vocabularySize, vocabularySize), (.maximumLength, maximumLength), (.segments, segments),
            (.width, width), (.layers, layers), (.heads, heads), (.feedForward, feedForward),
        ]
        for (key, size) in sizes where !(1...1 << 24).contains(size) {
            throw ModelError(.malformed, "a BERT model can't have a \(key.rawValue) of \(size): export the model again")
        }
        guard width % heads == 0 else {
            throw ModelError(
                .malformed, "a BERT model of hidden_size \(width) can't have \(heads) heads: export the model again")
        }
        guard normEpsilon > 0, normEpsilon < 1 else {
            throw ModelError(.malformed, "a BERT model can't have a layer_norm_eps of \(normEpsilon)")
        }
    }

    enum CodingKeys: String, CodingKey {
        case vocabularySize = "vocab_size"
        case maximumLength = "max_position_embeddings"
        case segments = "type_vocab_size"
        case width = "hidden_size"
        case layers = "num_hidden_layers"
        case heads = "num_attention_heads"
        case feedForward = "intermediate_size"
        case normEpsilon = "layer_norm_eps"
    }
}
