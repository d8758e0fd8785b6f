import Basics
import Testing

struct UnitVectorTests {
    @Test func `A vector keeps its direction and gets the length 1, and zero stays zero`() {
        #expect([3, 0, -4].normalised == [0.6, 0, -0.8])
        #expect([Float](repeating: 0, count: 3).normalised == [0, 0, 0])
        #expect([Float]().normalised.isEmpty)
    }

    @Test(arguments: [
        ([Float(1), 0], true), ([0.6, 0.8], true), ([0.5, 0], true), ([0, 2], true), ([0.4, 0], false),
        ([3, 0], false),
        ([0, 0], false), ([], false), ([.nan, 0], false), ([.infinity, 0], false),
    ])
    func `Lengths from a half to two are an embedding's`(vector: [Float], isOne: Bool) {
        #expect(EmbeddingLength.admits(vector) == isOne)
    }
}
