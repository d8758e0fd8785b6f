package import Tensors

/// L_NCE: each pair against the batch's other clips for its sentence and the other sentences for its clip, in one softmax
/// (Miech et al., CVPR 2021, eq. 1), as a mean over pairs.
///
/// - Parameters:
///   - logits: [n, n]: sentence i with clip j; pair i is the diagonal's.
///   - group: the clip that each pair is of: sentences of one clip aren't each other's negatives.
///   - neither: sentences and clips of other pairs that go together too, or may: no negatives of each other.
package func contrastiveLoss<Scalar: TensorScalar>(
    _ logits: Variable<Scalar>, groups: [Int], neither: [(sentence: Int, clip: Int)] = []
) -> Variable<Scalar> {
    let count = groups.count
    var mask = [Scalar](repeating: 0, count: count * 2 * count)
    for row in 0..<count {
        for column in 0..<count where groups[row] == groups[column] {
            if row != column { mask[row * 2 * count + column] = -1e4 }
            mask[row * 2 * count + count + column] = -1e4
        }
    }
    for (sentence, clip) in neither where sentence != clip {
        mask[sentence * 2 * count + clip] = -1e4
        mask[clip * 2 * count + count + sentence] = -1e4
    }
    let joined = concatenated([logits, logits.transposed([1, 0])], axis: 1)
    return (joined + Variable(constant: Tensor(mask, shape: [count, 2 * count])))
        .crossEntropy(targets: (0..<Int32(count)).map { $0 }).mean()
}
