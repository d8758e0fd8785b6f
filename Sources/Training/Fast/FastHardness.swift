import Tensors

/// What a Fast model thinks of every caption and clip of a training pool: where hard wrong answers come from.
package struct FastHardness: Sendable {
    private let embeddings: [FastEmbeddings]

    /// - Parameter embeddings: of each of the pool's sources, in their order.
    package init(_ embeddings: [FastEmbeddings]) { self.embeddings = embeddings }

    /// Cosines of the draws' captions with the draws' clips, row by row: [draws · draws].
    package func similarities(_ draws: [TrainingPool.Draw]) -> [Float] {
        let sentences = draws.map { draw in
            let source = embeddings[draw.source]
            return source.sentence(source.firstSentences[draw.item] + draw.caption)
        }
        let clips = draws.map { embeddings[$0.source].clip($0.item) }
        func matrix(_ rows: [[Float]]) -> Variable<Float> {
            Variable(constant: Tensor(rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0]))
        }
        return matrix(sentences).matmul(matrix(clips), transposeB: true).value.scalars
    }
}
