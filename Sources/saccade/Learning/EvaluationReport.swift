import Foundation
import Models
import Training

/// What `saccade evaluate` prints.
struct EvaluationReport: Encodable, Sendable {
    struct Metrics: Encodable, Sendable {
        var metrics: RetrievalMetrics
        var secondsPerQuery: Double

        enum CodingKeys: String, CodingKey {
            case recallAt1 = "R@1"
            case recallAt5 = "R@5"
            case recallAt10 = "R@10"
            case medianRank = "MedR"
            case meanRank = "MeanR"
            case secondsPerQuery = "seconds_per_query"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(metrics.recallAt1, forKey: .recallAt1)
            try container.encode(metrics.recallAt5, forKey: .recallAt5)
            try container.encode(metrics.recallAt10, forKey: .recallAt10)
            try container.encode(metrics.medianRank, forKey: .medianRank)
            try container.encode(metrics.meanRank, forKey: .meanRank)
            try container.encode(secondsPerQuery, forKey: .secondsPerQuery)
        }
    }

    var model: String
    var generation: String
    var data: String
    /// Names the items on record; see ``CaptionedDataset/identifierDigest``.
    var itemsDigest: String
    var queries: Int
    var gallery: Int
    var textToVideo: [String: Metrics]
    var videoToText: [String: Metrics]

    enum CodingKeys: String, CodingKey {
        case model, generation, data, queries, gallery
        case itemsDigest = "items_digest"
        case textToVideo = "text_to_video"
        case videoToText = "video_to_text"
    }

    init(model: RetrievalModel, features: FeatureSet) {
        let fast = FastEmbeddings(
            model: model.fast, features: features, framesInUse: model.framesPerClip, encode: model.tokens(of:))
        let gallery = fast.table
        self.model = model.name
        generation = model.generation
        data = features.dataset.name
        itemsDigest = features.dataset.identifierDigest
        queries = gallery.owners.count
        self.gallery = features.count
        textToVideo = [
            "fast": Metrics(metrics: gallery.textToVideo, secondsPerQuery: fast.secondsPerSentence)
        ]
        videoToText = ["fast": Metrics(metrics: gallery.videoToText, secondsPerQuery: fast.secondsPerClip)]
    }

    var table: String {
        var lines = ["\(model) on \(data): \(queries) captions, \(gallery) items (\(itemsDigest))", ""]
        lines.append("                      R@1    R@5   R@10   MedR  MeanR   ms a query")
        for (direction, modes) in [("text to video", textToVideo), ("video to text", videoToText)] {
            for (mode, row) in modes.sorted(by: { $0.key < $1.key }) {
                let name = "\(direction) \(mode)".padding(toLength: 20, withPad: " ", startingAt: 0)
                let metrics = row.metrics
                lines.append(
                    name
                        + String(
                            format: " %5.1f  %5.1f  %5.1f  %5.1f  %5.1f  %11.3f", metrics.recallAt1, metrics.recallAt5,
                            metrics.recallAt10, metrics.medianRank, metrics.meanRank, row.secondsPerQuery * 1000))
            }
        }
        return lines.joined(separator: "\n")
    }
}
