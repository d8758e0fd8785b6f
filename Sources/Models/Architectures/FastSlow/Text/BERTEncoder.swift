package import Tensors

/// BERT's encoder: token ids to a vector a token, the same code in training and in use.
///
/// Sources: Devlin et al., "BERT", arXiv 1810.04805; Wang et al., "MiniLM", arXiv 2002.10957. Parameters have the names
/// and shapes of HuggingFace's `BertModel`; its pooler isn't used by sentence encoders and is not read.
package struct BERTEncoder<Scalar: TensorScalar>: Sendable {
    package let configuration: BERTConfiguration
    private let words: TokenTable<Scalar>
    /// Every parameter but ``words``.
    private let others: [(name: String, content: Content)]
    private let places: Variable<Scalar>
    private let segments: Variable<Scalar>
    private let norm: LayerNorm<Scalar>
    private let blocks: [TransformerBlock<Scalar>]

    private enum Content: Sendable {
        case floats(Variable<Scalar>)
        case packed(QuantisedMatrix)

        /// What is packed is unpacked for it.
        var variable: Variable<Scalar> {
            switch self {
            case .floats(let variable): variable
            case .packed(let matrix): Variable(constant: Tensor(converting: matrix.weight))
            }
        }
    }

    /// Takes the parameters from a set of weights, which may hold others too.
    ///
    /// - Parameters:
    ///   - learns: whether the parameter of a name is to be trained. The others are constants, which threads may share, and keep nothing for
    ///     a gradient. Nil for a model in use: layers that the file keeps in 8 bits compute with them, which no gradient passes through.
    /// - Throws: `ModelError` or `WeightsError` for sizes that make no model, and missing or mis-shaped tensors.
    package init(
        _ configuration: BERTConfiguration, weights: WeightSet, learns: ((String) -> Bool)? = nil
    ) throws {
        try configuration.validate()
        let inUse = learns == nil
        let learns = learns ?? { _ in false }
        func packed(_ name: String, _ shape: [Int]) throws -> PackedRows? {
            try weights.packedRows(named: name, shape: shape)
        }
        try self.init(
            configuration,
            packedWords: learns(Self.wordTableName)
                ? nil : packed(Self.wordTableName, configuration.wordTableShape),
            packed: { inUse ? try packed($0, $1) : nil }
        ) { name, shape in
            let tensor = Tensor<Scalar>(converting: try weights.tensor(named: name, shape: shape))
            return learns(name) ? Variable(parameter: tensor) : Variable(constant: tensor)
        }
    }

    private init(
        _ configuration: BERTConfiguration, packedWords: PackedRows?,
        packed: (String, [Int]) throws -> PackedRows?, parameter: (String, [Int]) throws -> Variable<Scalar>
    ) throws {
        var taken: [(name: String, content: Content)] = []
        func take(_ name: String, _ shape: [Int]) throws -> Variable<Scalar> {
            let variable = try parameter(name, shape)
            taken.append((name, .floats(variable)))
            return variable
        }
        func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws -> Linear<Scalar> {
            if let rows = try packed(name + ".weight", [outputs, inputs]) {
                let place = taken.count
                let bias = try take(name + ".bias", [outputs])
                let matrix = rows.matrix(bias: Tensor(converting: bias.value))
                taken.insert((name + ".weight", .packed(matrix)), at: place)
                return Linear(matrix)
            }
            return try Linear(weight: take(name + ".weight", [outputs, inputs]), bias: take(name + ".bias", [outputs]))
        }
        let width = configuration.width
        func norm(_ name: String) throws -> LayerNorm<Scalar> {
            try LayerNorm(
                gain: take(name + ".weight", [width]), bias: take(name + ".bias", [width]),
                epsilon: Scalar(configuration.normEpsilon))
        }
        words =
            try packedWords.map { .packed($0) } ?? .floats(parameter(Self.wordTableName, configuration.wordTableShape))
        places = try take("embeddings.position_embeddings.weight", [configuration.maximumLength, width])
        segments = try take("embeddings.token_type_embeddings.weight", [configuration.segments, width])
        self.norm = try norm("embeddings.LayerNorm")
        blocks = try (0..<configuration.layers).map { index in
            let name = "encoder.layer.\(index)."
            let attention = try SelfAttention(
                heads: configuration.heads,
                query: linear(name + "attention.self.query", width, width),
                key: linear(name + "attention.self.key", width, width),
                value: linear(name + "attention.self.value", width, width),
                output: linear(name + "attention.output.dense", width, width))
            let attentionNorm = try norm(name + "attention.output.LayerNorm")
            let feed = try FeedForward(
                expand: linear(name + "intermediate.dense", width, configuration.feedForward),
                project: linear(name + "output.dense", configuration.feedForward, width))
            return try TransformerBlock(
                normalization: .after, attentionNorm: attentionNorm, attention: attention,
                feedNorm: norm(name + "output.LayerNorm"), feed: feed)
        }
        self.configuration = configuration
        others = taken
    }

    private static var wordTableName: String { "embeddings.word_embeddings.weight" }

    /// The name in a weights file of every parameter.
    package var parameterNames: [String] { [Self.wordTableName] + others.map(\.name) }

    /// Every parameter by its name in a weights file. What is packed is unpacked for it.
    package var parameters: [(name: String, variable: Variable<Scalar>)] {
        [(Self.wordTableName, words.variable)] + others.map { ($0.name, $0.content.variable) }
    }

    /// Numbers in all parameters.
    package var parameterCount: Int {
        configuration.vocabularySize * configuration.width
            + others.reduce(0) { sum, parameter in
                switch parameter.content {
                case .floats(let variable): sum + variable.value.count
                case .packed(let matrix): sum + matrix.outputs * matrix.inputs
                }
            }
    }

    /// The vectors of some word pieces: [ids, width].
    package func wordVectors(_ ids: [Int32]) -> Variable<Scalar> { words.gathered(ids) }

    /// The last hidden state.
    ///
    /// - Parameters:
    ///   - batch: B sequences of ids below `configuration.vocabularySize`, none longer than
    ///     `configuration.maximumLength`.
    ///   - dropout: ``Dropout/off`` in use.
    /// - Returns: [B, L, width]; rows past a sequence's length mean nothing.
    package func callAsFunction(_ batch: TokenBatch, dropout: inout Dropout) -> Variable<Scalar> {
        precondition(
            batch.longest <= configuration.maximumLength,
            "\(batch.longest) tokens are more than the \(configuration.maximumLength) that have a place")
        let meanings = words.gathered(batch.ids).reshaped([batch.lengths.count, batch.longest, configuration.width])
        let positions = places.sliced(axis: 0, 0..<batch.longest)
        let segment = segments.sliced(axis: 0, 0..<1).reshaped([configuration.width])
        var state = dropout(norm(meanings + (positions + segment)))
        let layout = Rectangle(keyLengths: batch.lengths)
        for block in blocks { state = block(state, in: layout, dropout: &dropout) }
        return state
    }

    /// The last hidden state, with nothing dropped.
    package func callAsFunction(_ batch: TokenBatch) -> Variable<Scalar> {
        var dropout = Dropout.off
        return self(batch, dropout: &dropout)
    }
}
