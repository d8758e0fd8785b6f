import Differentiation
import Tensors
import Testing

@Suite struct VariableTests {
    @Test func `Constants record nothing, and parameters do`() {
        let constant = Variable(constant: normal([2, 2]))
        let parameter = Variable(parameter: normal([2, 2]))
        #expect(!(constant * constant).gelu().requiresGradient)
        #expect((constant * parameter).requiresGradient)
        #expect(!(constant * parameter).detached.requiresGradient)
    }

    @Test func `The gradient of what the loss doesn't depend on is zero`() {
        let (x, y) = (Variable(parameter: normal([3])), Variable(parameter: normal([2, 2])))
        let found = gradients(of: x.sum(), withRespectTo: [x, y])
        #expect(found[0].scalars == [1, 1, 1])
        #expect(found[1] == Tensor(zeros: [2, 2]))
        #expect(gradients(of: x.detached.sum(), withRespectTo: [x])[0].scalars == [0, 0, 0])
    }

    @Test func `Gradients of what lies between can be asked for`() {
        let x = Variable(parameter: Tensor<Double>([2, 3], shape: [2]))
        let square = x * x
        let found = gradients(of: (square * square).sum(), withRespectTo: [square, x])
        #expect(found[0].scalars == [8, 18])
        #expect(found[1].scalars == [32, 108])
    }

    @Test func `A kept graph gives the same gradients again`() {
        let x = Variable(parameter: normal([4]))
        let loss = x.exp().sum()
        let first = gradients(of: loss, withRespectTo: [x], keepingGraph: true)
        #expect(gradients(of: loss, withRespectTo: [x]) == first)
    }

    @Test func `Updating a parameter leaves the tensor that was taken from it`() {
        let x = Variable(parameter: Tensor<Float>([1], shape: [1]))
        let before = x.value
        x.update { $0.add(before) }
        #expect(x.value.scalars == [2])
        #expect(before.scalars == [1])
    }

    @Test func `A long chain of steps needs no deep stack`() {
        let x = Variable(parameter: Tensor<Double>([1], shape: [1]))
        var y = x
        for _ in 0..<20_000 { y = y + x }
        #expect(gradients(of: y.sum(), withRespectTo: [x])[0].scalars == [20_001])
    }

    @Test func `Freed memory is used again and can be given back`() {
        var tensor: Tensor<Float>? = Tensor(zeros: [1_000_003])
        let address = tensor!.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
        #expect(address % 64 == 0)
        tensor = nil
        BufferCache.releaseIdle()
        #expect(Tensor<Float>([1, 2], shape: [2]).scalars == [1, 2])
    }
}
