import Foundation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing
import Training

@Suite struct FeatureStoreTests {
    private let directory: TemporaryDirectory
    private let path: FilePath
    private let features: VisualFeatures

    /// Two items, of one and of two frames.
    init() throws {
        directory = try TemporaryDirectory()
        path = directory.path.appending("test.features")
        // Whole numbers of this size are exact in half precision.
        func numbers(_ shape: [Int], from first: Int) -> Tensor<Float> {
            Tensor((0..<shape.reduce(1, *)).map { Float(first + $0) }, shape: shape)
        }
        features = VisualFeatures(
            pooled: numbers([3, 2], from: 1000),
            maps: [
                FeatureMap(values: numbers([3, 1, 3], from: 0), height: 1, width: 1, stride: 32),
                FeatureMap(values: numbers([3, 4, 2], from: 100), height: 2, width: 2, stride: 16),
                FeatureMap(values: numbers([3, 16, 1], from: 500), height: 4, width: 4, stride: 8),
            ])
        let layout = FeatureLayout(
            pooledChannels: 2, maps: [.init(side: 1, channels: 3), .init(side: 2, channels: 2)])
        var writer = try FeatureStore.Writer(path: path, layout: layout, origin: "here")
        try writer.append(features, frameCounts: [1, 2])
        try writer.finish()
    }

    @Test func `Rows of the pooled vector and of every map that is kept come back as they were`() throws {
        let store = try #require(FeatureStore(path: path, origin: "here"))
        #expect(store.frames == 3 && store.frameCounts == [1, 2])
        #expect(store.pooled([2, 0]) == Tensor([1004, 1005, 1000, 1001], shape: [2, 2]))
        #expect(store.map(0, [1]) == Tensor([3, 4, 5], shape: [1, 1, 3]))
        #expect(store.map(1, [0, 1, 2]) == features.maps[1].values)
        #expect(store.layout.maps.count == 2)
        // A clip's frames may come from several places of a store.
        let batch = FrameBatch(clips: [(store, [2]), (store, [0, 1])])
        #expect(batch.frameCounts == [1, 2])
        #expect(batch.map(0) == Tensor([6, 7, 8, 0, 1, 2, 3, 4, 5], shape: [3, 1, 3]))
    }

    @Test func `A store of another origin or format, or one that was cut short, is made anew`() throws {
        #expect(FeatureStore(path: path, origin: "elsewhere") == nil)
        let whole = try Data(contentsOf: URL(filePath: path.string))
        let header = try #require(whole.range(of: Data(#""format":\#(FeatureStore.format)"#.utf8)))
        var earlier = whole
        earlier.replaceSubrange(header, with: Data(#""format":1"#.utf8))
        try earlier.write(to: URL(filePath: path.string))
        #expect(FeatureStore(path: path, origin: "here") == nil)
        try whole.dropLast(1).write(to: URL(filePath: path.string))
        #expect(FeatureStore(path: path, origin: "here") == nil)
        try whole.write(to: URL(filePath: path.string))
        #expect(FeatureStore(path: path, origin: "here") != nil)
    }
}
