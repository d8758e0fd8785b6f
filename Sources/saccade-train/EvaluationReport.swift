import Foundation
import Models
import Terminal
import Training

/// What `saccade evaluate` prints.
struct EvaluationReport: Encodable, Sendable {
    struct Metrics: Encodable, Sendable {
        var metrics: RetrievalMetrics
        var secondsPerQuery: Double

        init(_ measurement: RetrievalEvaluation.Measurement) {
            metrics = measurement.metrics
            secondsPerQuery = measurement.secondsPerQuery
        }

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
    var modelDigest: String
    var data: String
    /// Names the items on record; see ``CaptionedDataset/identifierDigest``.
    var itemsDigest: String
    var queries: Int
    var gallery: Int
    /// β of the modes that use both models.
    var beta: Double?
    /// How rerank features were stored: full, compact or exact, without quantisation; nil where none were used.
    var rerankFeatures: String?
    /// The Fast model's recall at K, in percent: no re-ranking of K can find more.
    var ceiling: [String: Double]
    var textToVideo: [String: Metrics]
    var videoToText: [String: Metrics]

    enum CodingKeys: String, CodingKey {
        case model, data, queries, gallery, beta
        case modelDigest = "model_digest"
        case rerankFeatures = "rerank_features"
        case itemsDigest = "items_digest"
        case ceiling = "fast_recall_at_k"
        case textToVideo = "text_to_video"
        case videoToText = "video_to_text"
    }

    init(
        _ evaluation: RetrievalEvaluation, of model: any RerankableModel, on dataset: CaptionedDataset,
        precision: FeaturePrecision?
    ) {
        self.model = model.name
        modelDigest = model.modelDigest
        data = dataset.name
        itemsDigest = dataset.identifierDigest
        queries = evaluation.queries
        gallery = evaluation.gallery
        beta = evaluation.beta
        rerankFeatures = evaluation.beta == nil ? nil : precision?.rawValue ?? "exact"
        ceiling = Self.named(evaluation.ceiling) { "\($0)" }
        textToVideo = Self.named(evaluation.textToVideo, \.name).mapValues(Metrics.init)
        videoToText = Self.named(evaluation.videoToText, \.name).mapValues(Metrics.init)
    }

    private static func named<Key, Value>(_ values: [Key: Value], _ name: (Key) -> String) -> [String: Value] {
        Dictionary(uniqueKeysWithValues: values.map { (name($0.key), $0.value) })
    }

    var table: String {
        var lines = ["\(model) on \(data): \(queries) captions, \(gallery) items (\(itemsDigest))"]
        if let beta, let rerankFeatures {
            lines.append("β \(Quantities.fixed(beta, 2)), \(rerankFeatures) rerank features")
        }
        lines += ["", "                              R@1    R@5   R@10   MedR  MeanR   ms a query"]
        for (direction, modes) in [("text to video", textToVideo), ("video to text", videoToText)] {
            for (mode, row) in modes.sorted(by: { $0.value.secondsPerQuery < $1.value.secondsPerQuery }) {
                let name = "\(direction) \(mode)".padding(toLength: 28, withPad: " ", startingAt: 0)
                let metrics = row.metrics
                lines.append(
                    name
                        + String(
                            format: " %5.1f  %5.1f  %5.1f  %5.1f  %5.1f  %11.3f", metrics.recallAt1, metrics.recallAt5,
                            metrics.recallAt10, metrics.medianRank, metrics.meanRank, row.secondsPerQuery * 1000))
            }
        }
        if !ceiling.isEmpty {
            let recalls = ceiling.compactMap { key, value in Int(key).map { ($0, value) } }.sorted { $0.0 < $1.0 }
            lines += [
                "",
                "Upper bound of re-ranking, R@K of fast: "
                    + recalls.map { "\($0.0) \(Quantities.fixed($0.1, 1))" }.joined(separator: ", "),
            ]
        }
        return lines.joined(separator: "\n")
    }

    /// R@1 of text to video against the time of a query, mode by mode.
    var chart: LineChart {
        var chart = LineChart(
            title: "\(model) on \(data): accuracy against cost", xTitle: "milliseconds a query (two threads)",
            yTitle: "R@1, percent")
        chart.isLogarithmic = true
        let rows = textToVideo.sorted { $0.value.secondsPerQuery < $1.value.secondsPerQuery }
        chart.lines = [
            LineChart.Line(
                name: "text to video",
                points: rows.map { ($0.value.secondsPerQuery * 1000, $0.value.metrics.recallAt1) },
                labels: rows.map(\.key))
        ]
        return chart
    }
}
