import CKernels
import Testing

@Suite struct HalfPrecisionTests {
    static let levels = [SACCADE_SIMD_SCALAR, SACCADE_SIMD_AVX2].filter {
        $0.rawValue <= saccade_simd_supported().rawValue
    }

    @Test(arguments: levels)
    func `Every half survives the way to float and back`(level: saccade_simd_level) {
        let halves = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: halves.count)
        var back = [UInt16](repeating: 0, count: halves.count)
        saccade_half_to_float_at(level, halves, &floats, halves.count)
        saccade_float_to_half_at(level, floats, &back, halves.count)
        for (half, (float, returned)) in zip(halves, zip(floats, back)) {
            if float.isNaN {
                #expect(half & 0x7C00 == 0x7C00 && half & 0x3FF != 0)
                #expect(returned & 0x7E00 == 0x7E00)
            } else {
                #expect(returned == half)
            }
        }
    }

    @Test func `Every level rounds as the scalar reference does`() {
        var floats: [Float] = [0, -0, 65504, 65519, 65520, 1e9, -1e9, .infinity, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-26]
        var state: UInt32 = 1
        for _ in 0..<10_007 {
            state = state &* 1_664_525 &+ 1_013_904_223
            let value = Float(bitPattern: state)
            if !value.isNaN { floats.append(value) }
        }
        var reference = [UInt16](repeating: 0, count: floats.count)
        saccade_float_to_half_at(SACCADE_SIMD_SCALAR, floats, &reference, floats.count)
        for level in Self.levels {
            var halves = [UInt16](repeating: 0, count: floats.count)
            saccade_float_to_half_at(level, floats, &halves, floats.count)
            #expect(halves == reference)
        }
    }
}
