import ArgumentParser
import Foundation
import Models
import Settings
import SystemPackage
import Terminal
import Training

/// How a command reads captioned items and keeps their features.
struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The format of the data file: jsonl, vatex or karpathy. (default: recognised by its content)",
            valueName: "format"))
    var format: String?

    @Option(
        help: ArgumentHelp("The folder of the media. (default: the data file's folder)", valueName: "dir"),
        completion: .directory)
    var media: String?

    @Option(help: "The split of a Karpathy file; train includes restval. (default: test)")
    var split: String?

    @Option(
        help: ArgumentHelp(
            "A file with the ids of the items to use, one per line, such as VATEX's HGR split.", valueName: "file"),
        completion: .file())
    var ids: String?

    @Option(
        help: ArgumentHelp(
            "Where features are cached between runs. (default: $XDG_CACHE_HOME/saccade/features, else ~/.cache/saccade/features)",
            valueName: "dir"),
        completion: .directory)
    var cache: String?

    /// How many maps are kept, coarse ones first, unless the model's Slow part reads more: one store serves both models, and few Slow
    /// models read a third.
    var maps = 2

    private enum CodingKeys: CodingKey { case format, media, split, ids, cache }

    /// - Parameter needsCaptions: whether an item without captions is an error.
    func dataset(_ path: String, needsCaptions: Bool = true) throws -> CaptionedDataset {
        var known: CaptionedDataset.Format?
        if let format {
            known = CaptionedDataset.Format(rawValue: format)
            guard known != nil else {
                let names = CaptionedDataset.Format.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--format \(format): expected one of \(names)")
            }
        }
        return try CaptionedDataset(
            path: .absolute(path), format: known, mediaFolder: media.map { .absolute($0) }, split: split,
            ids: try ids.map { try CaptionedDataset.identifiers(path: .absolute($0)) }, needsCaptions: needsCaptions)
    }

    var cacheFolder: FilePath {
        if let cache { return .absolute(cache) }
        return StandardPlaces(
            environment: ProcessInfo.processInfo.environment, currentDirectory: .current
        ).cache.appending("features")
    }

    /// Features of a data set, with a progress bar while they are computed.
    ///
    /// - Parameter choice: nil keeps the pooled head and the coarsest maps.
    func features(
        of dataset: CaptionedDataset, model: any RerankableModel, decoder: FilePath?, mirrored: Bool = false,
        keeping choice: FeatureChoice? = nil
    ) throws -> FeatureSet {
        Terminal.adviseOnBLAS()
        var bar = ProgressBar("Features of \(dataset.name)")
        defer { bar.finish() }
        let extraction = FeatureExtraction(
            model: model, folder: cacheFolder,
            keeping: choice ?? .maps(max(maps, model.slow?.model.configuration.maps.count ?? 0)),
            pictures: try DecodedPictures(decoder: decoder, framesPerItem: model.framesPerClip)
        ) { done, all in
            bar.update(Double(done) / Double(max(1, all)), "\(done) of \(all)")
        }
        return try extraction.features(of: dataset, mirrored: mirrored)
    }
}
