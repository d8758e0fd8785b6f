import COpenBLAS
import Glibc

/// What models run on: OpenBLAS and the C kernels.
extension Float: TensorScalar {
    package static func exponential(_ x: Float) -> Float { expf(x) }
    package static func logarithm(_ x: Float) -> Float { logf(x) }
    package static func hyperbolicTangent(_ x: Float) -> Float { tanhf(x) }
    package static func errorFunction(_ x: Float) -> Float { erff(x) }

    package static func gemm(_ product: MatrixProduct<Float>) {
        guard product.m > 0, product.n > 0 else { return }
        guard BLAS.isLoaded else { return plainProduct(product) }
        saccade_sgemm(
            product.transposeA, product.transposeB, Int32(product.m), Int32(product.n), Int32(product.k), product.alpha,
            product.a, Int32(product.aStride), product.b, Int32(product.bStride), product.beta, product.c,
            Int32(product.cStride))
    }
}
