import CKernels
import COpenBLAS
import Glibc
import Tensors
import Testing

@Suite struct BLASTests {
    @Test(
        .enabled(
            if: saccade_simd_supported().rawValue >= SACCADE_SIMD_AVX2.rawValue,
            "OpenBLAS itself knows the processors without AVX2"))
    func `The core that suits the processor is the one that runs`() throws {
        try BLAS.load()
        let wanted = try #require(BLAS.wantedCore)
        #expect(BLAS.coreName?.lowercased() == wanted.name.lowercased())
    }

    @Test func `A core is only chosen with the features that it needs`() {
        #expect(BLAS.core(avx2: false, avx512: false, amd: true) == nil)
        #expect(BLAS.core(avx2: true, avx512: false, amd: true) == "ZEN")
        #expect(BLAS.core(avx2: true, avx512: false, amd: false) == "HASWELL")
        #expect(BLAS.core(avx2: true, avx512: true, amd: false) == "SKYLAKEX")
    }

    // The library is opened once a process: what comes before that is tested in processes of its own.

    @Test func `The user's choice of core wins`() async {
        #if arch(x86_64)
            await #expect(processExitsWith: .success) {
                saccade_blas_choose_core("PRESCOTT")
                try BLAS.load()
                precondition(BLAS.coreName == "Prescott")
                precondition(BLAS.wantedCore?.isUsers == true)
            }
        #endif
    }

    @Test func `Without a choice the processor's features decide`() async {
        #if arch(x86_64)
            await #expect(processExitsWith: .success) {
                saccade_blas_choose_core(nil)
                try BLAS.load()
                precondition(BLAS.wantedCore?.isUsers == false)
                precondition(BLAS.coreName?.lowercased() == BLAS.wantedCore?.name.lowercased())
            }
        #endif
    }

    @Test func `A missing library is an error that names the package, and products still work`() async {
        await #expect(processExitsWith: .success) {
            precondition(!saccade_blas_load_library("libnothing-of-this-name.so.0"))
            do throws(BLASError) {
                try BLAS.load()
                preconditionFailure("loading succeeded")
            } catch {
                precondition(error.code == .unavailable)
                precondition(error.message.contains("apt-get install libopenblas0"))
                precondition(error.reason.contains("libnothing-of-this-name"))
            }
            precondition(BLAS.coreName == nil)
            let x = Variable<Float>(constant: Tensor([1, 2, 3, 4], shape: [2, 2]))
            precondition(x.matmul(x).value.scalars == [7, 10, 15, 22])
            precondition(x.matmul(x, transposeA: true).value.scalars == [10, 14, 14, 20])
            precondition(x.matmul(x, transposeB: true).value.scalars == [5, 11, 11, 25])
        }
    }

    @Test(arguments: [(1, 1, 1), (3, 5, 7), (48, 16, 32), (200, 33, 65), (33, 500, 20), (97, 1, 300)])
    func `Products on all threads are those of plain loops`(m: Int, n: Int, k: Int) {
        for (transposeA, transposeB) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = normal(transposeA ? [k, m] : [m, k])
            let b = normal(transposeB ? [n, k] : [k, n], seed: 2)
            let exact = Variable(constant: a).matmul(
                Variable(constant: b), transposeA: transposeA, transposeB: transposeB)
            let single = Variable(constant: Tensor<Float>(converting: a)).matmul(
                Variable(constant: Tensor<Float>(converting: b)), transposeA: transposeA, transposeB: transposeB)
            // k products near 1, each rounded to 2⁻²⁴: the error grows with √k.
            for (x, y) in zip(exact.value.scalars, single.value.scalars) {
                #expect(abs(x - Double(y)) < 1e-6 * Double(k).squareRoot() * 4)
            }
        }
    }
}
