import Foundation
import Tensors

/// Positions in a picture as rotations: neighbouring channels of a query or a key are a plane, which is turned by an angle that grows
/// with the column in the first half of a head's planes, and with the row in the second.
///
/// Sources: Su et al., "RoFormer", arXiv 2104.09864; Bolya et al., "Perception Encoder", arXiv 2504.13181, §2.1. Angles are those of
/// timm 1.0.31, `RotaryEmbeddingCat` with `grid_indexing="xy"`.
struct RotaryPositions<Scalar: TensorScalar>: Sendable {
    /// [rows, depth / 2], the cosine and the sine of each plane's angle.
    private let cosines, sines: Tensor<Scalar>

    /// - Parameters:
    ///   - side: cells along a side of the picture.
    ///   - reference: the same of the pictures that the angles stand for: those of others are stretched to them.
    ///   - depth: channels of a head, a multiple of 4.
    ///   - unturned: rows before the picture's, such as a class token.
    init(side: Int, reference: Int, depth: Int, unturned: Int) {
        let bands = depth / 4
        var angles = [Double](repeating: 0, count: unturned * 2 * bands)
        let frequencies = (0..<bands).map { pow(10_000, -Double($0) / Double(bands)) }
        let places = (1...side).map { Double($0) / Double(side) * Double(reference) }
        for row in places {
            for column in places { angles += frequencies.map { column * $0 } + frequencies.map { row * $0 } }
        }
        let shape = [unturned + side * side, 2 * bands]
        cosines = Tensor(angles.map { Scalar(cos($0)) }, shape: shape)
        sines = Tensor(angles.map { Scalar(sin($0)) }, shape: shape)
    }

    /// - Parameter x: [sequences, rows, heads · depth].
    func callAsFunction(_ x: Variable<Scalar>, heads: Int) -> Variable<Scalar> {
        x.rotatingPairs(cosines: cosines, sines: sines, heads: heads)
    }
}
