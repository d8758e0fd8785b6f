import Settings
import ArgumentParser
import Foundation
import Models
import SystemPackage
import Terminal
import Threads
import Training

/// Finds how a model's scores are best combined.
struct CalibrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract:
            "Choose a model's rerank depth (K), β and ω, and fit probabilities to its scores, on validation items.",
        discussion: """
            Writes reranking.json into the model's folder; no new index is needed. ω is the weight of a sentence's end in the Slow \
            score, K that of captions and of short queries. They are chosen together, on captions and on the short phrases that several \
            captions of an item share.

            With --data given several times, the captions of every set count alike; short phrases and probabilities are those of the first.

            With --absent, probabilities say whether a result is about the query at all: they are fitted by logistic regression to captions \
            and phrases with their own items, against the absent queries with their best items. Without, they say whether a result is the \
            caption's own item, and searches can't tell that nothing is found. They are reported with two-fold cross-validation.
            """
    )

    @Option(
        help: ArgumentHelp("Captioned items that were not used for training.", valueName: "file"),
        completion: .file(extensions: ["jsonl", "json"]))
    var data: [String] = []

    @Option(
        help: ArgumentHelp(
            "A text file with one query per line about things that none of the items shows, for probabilities that tell that "
                + "nothing is found.", valueName: "file"), completion: .file(extensions: ["txt"]))
    var absent: String?

    @Option(help: "The number of captions of each item used as queries. (default: all)")
    var captions: Int?

    @Option(
        help:
            "The rerank depth K. (default: the least of 16, 32, 64 within half a point of the best)"
    )
    var depth: Int?

    @Option(
        help: ArgumentHelp("Draw the reliability curve to this file.", valueName: "svg"),
        completion: .file(extensions: ["svg"]))
    var plot: String?

    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        if modelOptions.model == nil {
            throw ValidationError("calibrate writes into the model's folder: name it with --model")
        }
        if data.isEmpty { throw ValidationError("name captioned items with --data") }
        if let captions, captions < 1 { throw ValidationError("--captions must be at least 1") }
        if let depth, !(1...1000).contains(depth) { throw ValidationError("--depth must be 1 to 1000") }
    }

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        try await BlockingExecutor.shared.run { try command.calibrate(decoder: decoder) }
    }

    private func calibrate(decoder: FilePath?) throws {
        let folder = try modelOptions.folder()
        let model = try ModelFolder(folder).rerankable()
        guard let slow = model.slow, slow.model.configuration.objective == .captioning else {
            throw ValidationError("the model \(model.name) has no captioner: there is nothing to calibrate")
        }
        let absent = try absent.map(QueryList.read)
        let sets = try data.map {
            try dataOptions.features(of: dataOptions.dataset($0), model: model, decoder: decoder)
        }
        var settings = RerankingChoice.Settings()
        if let depth { settings.depths = [depth] }
        let evaluators = sets.map { Evaluator(model: model, slow: slow, features: $0, settings: settings) }
        let evaluator = evaluators[0]
        let galleries = try evaluators.map {
            try $0.evaluations("captions of \($0.features.dataset.name)", captions: captions)
        }
        let captioned = galleries[0]
        let phrases = ConceptSet(items: evaluator.features.dataset.items).concepts
        let concepts =
            phrases.isEmpty
            ? nil
            : try evaluator.evaluations("short queries", of: phrases.map(\.phrase)).map {
                ConceptRanking(phrases, by: $0)
            }
        let (tried, best) = RerankingChoice.best(of: galleries, concepts: concepts, settings: settings)
        tried.forEach { print($0.summary) }
        var reranking = best.reranking
        guard let place = RerankingChoice.endWeights.firstIndex(of: reranking.endWeight) else { return }
        let examples =
            try absent.map { queries in
                RelevanceExamples(
                    captions: captioned[place], concepts: concepts?[place],
                    absent: try evaluator.evaluations("absent queries", of: queries, endWeight: reranking.endWeight)[0],
                    reranking: reranking)
            } ?? RelevanceExamples(captions: captioned[place], reranking: reranking)
        let fit = RelevanceFit(examples.examples)
        var relevance = fit.relevance
        if absent != nil { relevance.threshold = examples.threshold(by: fit) }
        reranking.relevance = relevance
        try reranking.write(to: ModelFolder(folder).reranking)
        report(fit, examples, threshold: relevance.threshold)
        try plot.map { try Self.chart(of: fit, model.name).write(to: FilePath.absolute($0).string) }
        print("Wrote \(ModelFolder(folder).reranking): \(best.summary)")
    }

    private func report(_ fit: RelevanceFit, _ examples: RelevanceExamples, threshold: Double?) {
        print("Probabilities of \(fit.examples.count) results, by two-fold cross-validation:")
        print("  said     were right   results")
        for bin in fit.reliability {
            print(
                String(
                    format: "  %4.1f %%   %5.1f %%   %8d", bin.meanProbability * 100, bin.frequency * 100, bin.count))
        }
        print(String(format: "  expected calibration error %.3f", fit.expectedCalibrationError))
        let columns = examples.firsts.map { (name: $0.name, values: $0.answers.map(fit.probability(of:))) }
        print("The first result's probability:")
        print("  at least" + columns.map { "   \($0.name)" }.joined())
        for least in Set([0.05, 0.1, 0.2, 0.3, 0.4, 0.5] + (threshold.map { [$0] } ?? [])).sorted() {
            let shares = columns.map { name, values in
                let share = 100 * Double(values.count { $0 >= least }) / Double(max(1, values.count))
                let text = String(format: "%.1f %%", share)
                return String(repeating: " ", count: max(0, name.count + 3 - text.count)) + text
            }
            print(String(format: "  %8.2f", least) + shares.joined() + (least == threshold ? "   counts as found" : ""))
        }
        guard threshold != nil, let absent = columns.last else { return }
        for column in columns.dropLast() {
            let area = RelevanceEvaluation.area(column.values, above: absent.values)
            print("  area under the curve, \(column.name) against \(absent.name): \(Quantities.fixed(area, 3))")
        }
    }

    private static func chart(of fit: RelevanceFit, _ model: String) -> LineChart {
        var chart = LineChart(
            title: "\(model): how often results of a probability are right", xTitle: "predicted probability",
            yTitle: "fraction that is right")
        (chart.xRange, chart.yRange) = (0...1, 0...1)
        chart.lines = [
            .init(name: "measured", points: fit.reliability.map { ($0.meanProbability, $0.frequency) }),
            .init(name: "ideal", points: [(0, 0), (1, 1)], isDashed: true),
        ]
        return chart
    }
}

/// Scores a gallery's queries for each ω.
private struct Evaluator {
    let model: any RerankableModel
    let features: FeatureSet
    let settings: RerankingChoice.Settings
    private let slow: SlowCaptioner
    private let memories: SlowMemories

    init(model: any RerankableModel, slow: SlowCaptioner, features: FeatureSet, settings: RerankingChoice.Settings) {
        self.model = model
        self.slow = slow
        self.features = features
        self.settings = settings
        memories = SlowMemories(
            model: slow.model, features: features, items: Array(0..<features.count), precision: .full)
    }

    /// One evaluation for each of `RerankingChoice.endWeights`, of the items' captions.
    func evaluations(_ name: String, captions: Int?) throws -> [RerankingEvaluation] {
        // One more, for when a caption's own item is taken out.
        try evaluations(
            name, of: features, captions: captions, depth: (settings.depths.last ?? 1) + 1,
            endWeights: RerankingChoice.endWeights)
    }

    /// One evaluation for each of `RerankingChoice.endWeights`, or for one of them, of queries that are no item's captions.
    func evaluations(_ name: String, of queries: [String], endWeight: Double? = nil) throws -> [RerankingEvaluation] {
        try evaluations(
            name, of: features.asked(queries), captions: nil,
            depth: max(settings.depths.last ?? 1, settings.shortDepths.last ?? 1),
            endWeights: endWeight.map { [$0] } ?? RerankingChoice.endWeights)
    }

    private func evaluations(
        _ name: String, of asked: FeatureSet, captions: Int?, depth: Int, endWeights: [Double]
    ) throws -> [RerankingEvaluation] {
        let fast = try FastEmbeddings(model, of: asked, captions: captions)
        let sentences = asked.dataset.items.flatMap { item in
            item.captions.prefix(captions ?? .max).map(slow.tokens(of:))
        }
        var bar = ProgressBar("Scoring \(name)")
        defer { bar.finish() }
        return RerankingEvaluation.each(
            endWeights: endWeights, captioner: slow, memories: memories, fast: fast.table, sentences: sentences,
            pairs: .bestItems(depth)
        ) { done, all in
            if done % 16 == 0 || done == all { bar.update(Double(done) / Double(all), "\(done) of \(all) items") }
        }
    }
}

extension RerankingChoice {
    /// A figure of each gallery.
    private func list(_ figure: (RetrievalMetrics) -> Double) -> String {
        metrics.map { Quantities.fixed(figure($0), 1) }.joined(separator: " and ")
    }

    fileprivate var summary: String {
        "K \(reranking.depth), β \(Quantities.fixed(reranking.beta, 2)), of short queries K \(reranking.shortDepth), "
            + "β \(Quantities.fixed(reranking.shortBeta, 2)); ω \(Quantities.fixed(reranking.endWeight, 2)), R@1 \(list(\.recallAt1)), R@10 \(list(\.recallAt10))"
            + (meanAveragePrecision.map { ", mean average precision \(Quantities.fixed($0, 3))" } ?? "")
    }
}
