package import DecodeProtocol
import Foundation
package import Models
package import SystemPackage

/// Where the pixels of captioned items come from.
package protocol PictureSource {
    /// An item's frames in time order, as `geometry` wants them: all the pictures of an item that lists them, evenly spread ones of a
    /// video.
    ///
    /// Blocks.
    func pictures(of item: CaptionedItem, as geometry: FrameGeometry) throws -> [RGBImage]
}

/// What is kept of every frame.
package enum FeatureChoice: Sendable, Equatable {
    /// The pooled head and this many maps, beginning with the coarsest.
    case maps(Int)
    /// What a block of a ``FastSlowModel``'s backbone is given, one map: for training from that block on.
    case input(ofBlock: Int)

    fileprivate var name: String {
        switch self {
        case .maps(let count): "\(count)-maps"
        case .input(let block): "input-\(block)"
        }
    }
}

/// Computes a frozen image encoder's features of a data set once and keeps them in a folder.
package struct FeatureExtraction {
    private let model: any RerankableModel
    private let folder: FilePath
    private let choice: FeatureChoice
    private let pictures: any PictureSource
    private let progress: (_ done: Int, _ all: Int) -> Void

    /// Items whose frames go through the backbone together.
    private static let itemsPerBatch = 16

    /// - Parameter progress: is called after every batch, in the calling thread.
    package init(
        model: any RerankableModel, folder: FilePath, keeping choice: FeatureChoice, pictures: any PictureSource,
        progress: @escaping (_ done: Int, _ all: Int) -> Void
    ) {
        self.model = model
        self.folder = folder
        self.choice = choice
        self.pictures = pictures
        self.progress = progress
    }

    /// The features of a data set, as it is and, for training, mirrored as well.
    ///
    /// - Throws: what `pictures` throws; ``DatasetError`` when an item has no pictures or the folder can't be written.
    package func features(of dataset: CaptionedDataset, mirrored: Bool) throws -> FeatureSet {
        let names = mirrored ? ["plain", "mirrored"] : ["plain"]
        let kept = choice.name
        let origin = "\(try model.featureDigest())/\(dataset.sourceDigest)/\(kept)"
        let paths = names.map { folder.appending("\(dataset.name)-\(dataset.sourceDigest)-\(kept)-\($0).features") }
        let stores = zip(paths, names).map { FeatureStore(path: $0, origin: "\(origin)/\($1)") }
        if stores.allSatisfy({ $0 != nil }) { return FeatureSet(dataset: dataset, views: stores.compactMap { $0 }) }
        for (path, name) in zip(paths, names) {
            try extract(dataset, to: path, origin: "\(origin)/\(name)", mirrored: name == "mirrored")
        }
        let written = zip(paths, names).compactMap { FeatureStore(path: $0, origin: "\(origin)/\($1)") }
        guard written.count == names.count else {
            throw DatasetError("\(folder): the features that were just written can't be read back; check the disk")
        }
        return FeatureSet(dataset: dataset, views: written)
    }

    private func extract(_ dataset: CaptionedDataset, to path: FilePath, origin: String, mirrored: Bool) throws {
        var writer: FeatureStore.Writer?
        for start in stride(from: 0, to: dataset.items.count, by: Self.itemsPerBatch) {
            let items = dataset.items[start..<min(start + Self.itemsPerBatch, dataset.items.count)]
            var images: [RGBImage] = []
            var counts: [Int] = []
            for item in items {
                let found = try pictures.pictures(of: item, as: model.input.geometry)
                guard !found.isEmpty else {
                    throw DatasetError("\(item.id): has no pictures; take it out of the data set")
                }
                images += mirrored ? found.map(\.mirrored) : found
                counts.append(found.count)
            }
            let features = try features(of: images)
            if writer == nil {
                writer = try FeatureStore.Writer(path: path, layout: layout, origin: origin)
            }
            try writer?.append(features, frameCounts: counts)
            progress(start + items.count, dataset.items.count)
        }
        try writer.take()?.finish()
    }

    private var layout: FeatureLayout {
        switch choice {
        case .maps(let count):
            FeatureLayout(pooledChannels: model.pooledChannels, maps: Array(model.mapSizes.prefix(count)))
        case .input(let block):
            FeatureLayout(
                pooledChannels: 0,
                maps: [blocks.backbone.inputSize(ofBlock: block, side: model.input.geometry.side)])
        }
    }

    private func features(of images: [RGBImage]) throws -> VisualFeatures {
        switch choice {
        case .maps: try model.features(of: images)
        case .input(let block): VisualFeatures(maps: [try blocks.input(ofBlock: block, images)])
        }
    }

    /// The model whose blocks learn.
    private var blocks: FastSlowModel {
        guard let model = model as? FastSlowModel else { preconditionFailure("this model's blocks can't be trained") }
        return model
    }
}

extension RGBImage {
    /// The picture with left and right exchanged.
    var mirrored: RGBImage {
        var mirror = [UInt8](repeating: 0, count: pixels.count)
        for row in 0..<height {
            for column in 0..<width {
                let from = (row * width + column) * 3
                let to = (row * width + width - 1 - column) * 3
                for channel in 0..<3 { mirror[to + channel] = pixels[from + channel] }
            }
        }
        return RGBImage(width: width, height: height, pixels: mirror)
    }
}
