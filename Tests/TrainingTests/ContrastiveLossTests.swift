import Glibc
import Tensors
import Testing
import Training

@Suite struct ContrastiveLossTests {
    @Test func `The loss is the paper's, with clips and sentences as negatives in one sum`() {
        let s: [[Double]] = [[2, 0.5, -1], [0.3, 1, 0.2], [-0.4, 0.1, 0.7]]
        let loss = contrastiveLoss(Variable(parameter: Tensor(s.flatMap { $0 }, shape: [3, 3])), groups: [0, 1, 2])
        var expected = 0.0
        for i in 0..<3 {
            var sum = exp(s[i][i])
            for j in 0..<3 where j != i { sum += exp(s[i][j]) + exp(s[j][i]) }
            expected -= log(exp(s[i][i]) / sum) / 3
        }
        #expect(abs(loss.value.scalar - expected) < 1e-9)
    }

    @Test func `Sentences of one clip are not each other's negatives`() {
        let far = contrastiveLoss(
            Variable<Double>(parameter: Tensor([0, 9, -3, 9, 0, -3, -3, -3, 0], shape: [3, 3])), groups: [4, 4, 5])
        let near = contrastiveLoss(
            Variable<Double>(parameter: Tensor([0, -9, -3, -9, 0, -3, -3, -3, 0], shape: [3, 3])), groups: [4, 4, 5])
        #expect(abs(far.value.scalar - near.value.scalar) < 1e-9)
    }

    @Test func `A sentence that fits another clip too is no negative of it`() {
        func loss(_ both: Double) -> Double {
            let logits: [Double] = [1, both, -2, 0.5, 1, -1, -3, 0, 2]
            return contrastiveLoss(
                Variable(parameter: Tensor(logits, shape: [3, 3])), groups: [0, 1, 2], neither: [(0, 0), (0, 1)]
            ).value.scalar
        }
        #expect(abs(loss(5) - loss(-5)) < 1e-9)
    }
}
