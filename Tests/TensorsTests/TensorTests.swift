import Tensors
import Testing

@Suite struct TensorTests {
    @Test func `Writing a copy leaves the original alone`() {
        let original = Tensor<Float>([1, 2, 3], shape: [3])
        var copy = original
        copy.withUnsafeMutableBufferPointer { $0[0] = 9 }
        #expect(original.scalars == [1, 2, 3])
        #expect(copy.scalars == [9, 2, 3])
    }
}
