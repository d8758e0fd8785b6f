import Tensors
import Testing

struct SplitMix64Tests {
    @Test func `Random numbers are the published sequence and resume from a saved state`() {
        // The sequence of the author's C code for the seed 1234567.
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        var resumed = SplitMix64(state: random.state)
        #expect(random.next() == resumed.next())
        #expect(random.nextNormal() == resumed.nextNormal())
    }

    @Test func `Normal numbers have mean zero and variance one`() {
        var random = SplitMix64(seed: 3)
        let numbers = (0..<20_000).map { _ in random.nextNormal() }
        let mean = numbers.reduce(0, +) / 20_000
        let variance = numbers.reduce(0) { $0 + $1 * $1 } / 20_000
        // Four standard errors of each.
        #expect(abs(mean) < 0.03 && abs(variance - 1) < 0.04)
    }
}
