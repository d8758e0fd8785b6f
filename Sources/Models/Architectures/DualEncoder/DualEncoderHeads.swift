import Tensors

/// The towers of a published dual encoder on pictures' vectors that are kept. Of them, the text tower learns, and the image tower stays as
/// it is.
///
/// Source: Zhai et al., "LiT: Zero-shot transfer with locked-image text tuning", CVPR 2022.
struct DualEncoderHeads: FastHeads {
    /// What the text tower's parameters are called beside others: this before their own names.
    static let textPrefix = FastModel<Float>.textPrefix

    let text: TextTransformer
    /// What fills up shorter sentences.
    let padding: Int32
    /// 1/τ.
    let logitScale: Double
    let textParameters: [(name: String, variable: Variable<Float>)]

    var headParameters: [(name: String, variable: Variable<Float>)] { [] }

    func clips(
        pooled: Variable<Float>, map: Variable<Float>, frameCounts: [Int], dropout: inout Dropout
    ) -> Variable<Float> {
        clips(pooled: pooled, frameCounts: frameCounts)
    }

    /// The mean of the frames' unit vectors, as a unit vector: [clips, dimensions] of [frames, dimensions].
    func clips(pooled: Variable<Float>, frameCounts: [Int]) -> Variable<Float> {
        pooled.l2Normalized().meanOverFrames(frameCounts).l2Normalized()
    }

    func sentences(_ tokens: [[Int32]], dropout: inout Dropout) throws -> Variable<Float> {
        try text.embed(tokens, padding: padding, dropout: &dropout).l2Normalized()
    }

    func logits(sentences: Variable<Float>, clips: Variable<Float>) -> Variable<Float> {
        sentences.matmul(clips, transposeB: true).scaled(by: Float(logitScale))
    }
}
