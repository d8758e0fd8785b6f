import Foundation
import Models
import Terminal
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
    var modelDigest: String
    var data: String
    /// Names the items on record; see ``CaptionedDataset/identifierDigest``.
    var itemsDigest: String
    var queries: Int
    var gallery: Int
    /// β of the modes that use both models.
    var beta: Double?
    /// How rerank features were stored: full, compact or, not at all, exact; nil where none were read.
    var rerankFeatures: String?
    /// The Fast model's recall at K, in percent: no re-ranking of K can find more.
    var ceiling: [String: Double] = [:]
    var textToVideo: [String: Metrics] = [:]
    var videoToText: [String: Metrics] = [:]

    enum CodingKeys: String, CodingKey {
        case model, data, queries, gallery, beta
        case modelDigest = "model_digest"
        case rerankFeatures = "rerank_features"
        case itemsDigest = "items_digest"
        case ceiling = "fast_recall_at_k"
        case textToVideo = "text_to_video"
        case videoToText = "video_to_text"
    }

    /// - Parameters:
    ///   - captions: of each item, how many are queries; nil takes all.
    ///   - limit: of all of these, how many are asked, spread evenly, from text to video alone; nil asks all, in both directions.
    ///   - progress: is called while pairs are scored.
    init(
        model: FastSlowModel, features: FeatureSet, modes: [EvaluationMode], captions: Int?, queries limit: Int?,
        beta: Double?, precision: FeaturePrecision?, progress: (_ done: Int, _ all: Int) -> Void
    ) {
        let fast = FastEmbeddings(
            model: model.fast, features: features, framesInUse: model.framesPerClip, captions: captions,
            encode: model.tokens(of:))
        var table = fast.table
        let asked = limit.map { limit in
            let count = min(limit, table.captions)
            return (0..<count).map { $0 * table.captions / count }
        }
        if let asked { table = table.restricted(to: asked) }
        self.model = model.name
        modelDigest = model.modelDigest
        data = features.dataset.name
        itemsDigest = features.dataset.identifierDigest
        queries = table.captions
        gallery = features.count
        if modes.contains(.fast) {
            textToVideo["fast"] = Metrics(metrics: table.textToVideo, secondsPerQuery: fast.secondsPerSentence)
            if asked == nil {
                videoToText["fast"] = Metrics(metrics: table.videoToText, secondsPerQuery: fast.secondsPerClip)
            }
        }
        let others = modes.filter { $0 != .fast }
        guard let slow = model.slow, let deepest = others.map(\.cost).max() else { return }
        let beta = beta ?? model.reranking?.beta ?? Reranking.untuned.beta
        self.beta = beta
        rerankFeatures = precision?.rawValue ?? "exact"
        let ranks = table.textToVideoRanks
        for case .reranked(let depth) in modes {
            ceiling["\(depth)"] = RetrievalMetrics.recall(at: depth, ranks: ranks)
        }
        var sentences = features.dataset.items.flatMap { item in
            item.captions.prefix(captions ?? .max).map(model.slowTokens(of:))
        }
        if let asked { sentences = asked.map { sentences[$0] } }
        let memories = SlowMemories(
            model: slow.model, features: features, items: Array(0..<features.count), precision: precision)
        let evaluation = RerankingEvaluation(
            captioner: slow, memories: memories, fast: table, sentences: sentences,
            pairs: deepest == .max ? .all : asked == nil ? .best(deepest) : .bestItems(deepest), progress: progress)
        let clock = QueryClock(memories: memories, sentences: sentences, items: features.count)
        for mode in others {
            let (depth, weight, clips) =
                switch mode {
                case .fast: (0, 0.0, 0)
                case .slow: (max(table.items, table.captions), 0.0, table.items)
                case .reranked(let depth): (depth, beta, min(depth, table.items))
                }
            let scoring = clock.seconds(clips: clips)
            textToVideo[mode.name] = Metrics(
                metrics: RetrievalMetrics(ranks: evaluation.textToVideoRanks(depth: depth, beta: weight)),
                secondsPerQuery: scoring + (mode == .slow ? 0 : fast.secondsPerSentence))
            if asked != nil { continue }
            videoToText[mode.name] = Metrics(
                metrics: RetrievalMetrics(ranks: evaluation.videoToTextRanks(depth: depth, beta: weight)),
                secondsPerQuery: evaluation.seconds / Double(max(1, evaluation.slow.captions * table.items))
                    * Double(min(depth, table.captions)))
        }
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
                "The ceiling, R@K of fast: "
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

/// How long the Slow model takes for one query, as a search asks it: one sentence, many clips.
private struct QueryClock {
    let memories: SlowMemories
    let sentences: [[Int32]]
    let items: Int

    /// The median of a few queries.
    func seconds(clips: Int) -> Double {
        let rounds = clips > 256 ? 3 : 9
        let times = (0..<rounds).map { round in
            let sentence = sentences[(round * 7919) % sentences.count]
            let some = (0..<clips).map { ($0 * 31 + round) % items }
            let begin = ContinuousClock.now
            _ = memories.scores(of: sentence, against: some)
            return (ContinuousClock.now - begin) / .seconds(1)
        }
        return times.sorted()[rounds / 2]
    }
}
