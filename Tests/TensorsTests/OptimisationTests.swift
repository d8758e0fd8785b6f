import Differentiation
import Tensors
import Testing

@Suite struct OptimisationTests {
    @Test func `AdamW takes the steps that PyTorch takes`() {
        // torch.optim.AdamW([p], lr=0.1, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.1), gradients p² of each step's p.
        var p = Tensor<Double>([1, -2, 0.5], shape: [3])
        var m = Tensor<Double>(zeros: [3])
        var v = Tensor<Double>(zeros: [3])
        for number in 1...3 {
            let gradient = Tensor(p.scalars.map { $0 * $0 }, shape: [3])
            AdamWStep(learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1, number: number)
                .update(&p, gradient: gradient, firstMoment: &m, secondMoment: &v)
        }
        for (found, expected) in zip(p.scalars, [0.677905196758523, -2.2380062903886255, 0.20208965274012985]) {
            #expect(abs(found - expected) < 1e-9)
        }
    }

    @Test func `The global norm is that of all elements`() {
        #expect(globalNorm([Tensor<Float>([3], shape: [1]), Tensor<Float>([0, 4], shape: [2])]) == 5)
        #expect(globalNorm([Tensor<Float>]()) == 0)
        #expect(globalNorm([Tensor<Float>(repeating: 1, shape: [300_000])]) == 300_000.0.squareRoot())
    }

    @Test func `The same steps give the same bits`() {
        func train() -> [Float] {
            var random = SplitMix64(seed: 7)
            let w = Variable<Float>(parameter: Tensor(normal: [200, 96], deviation: 0.1, using: &random))
            let gain = Variable<Float>(parameter: Tensor(repeating: 1, shape: [96]))
            let bias = Variable<Float>(parameter: Tensor(zeros: [96]))
            let x = Variable<Float>(constant: Tensor(normal: [8, 40, 96], deviation: 1, using: &random))
            var moments = (Tensor<Float>(zeros: [200, 96]), Tensor<Float>(zeros: [200, 96]))
            for number in 1...3 {
                let seen = attention(query: x.layerNorm(gamma: gain, beta: bias), key: x, value: x, heads: 4)
                let hidden = seen.dropout(rate: 0.1, using: &random).linear(weight: w).gelu()
                let loss = hidden.reshaped([320, 200]).crossEntropy(targets: (0..<320).map { Int32($0 % 200) }).mean()
                let found = gradients(of: loss, withRespectTo: [w])
                w.update {
                    AdamWStep(learningRate: 1e-2, number: number).update(
                        &$0, gradient: found[0], firstMoment: &moments.0, secondMoment: &moments.1)
                }
            }
            return w.value.scalars
        }
        let first = train()
        for _ in 0..<5 { #expect(train() == first) }
    }
}
