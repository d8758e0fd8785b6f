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
        abstract: "Choose a model's rerank depth (K) and β, and fit probabilities to its scores, on validation items.",
        discussion: """
            Writes reranking.json into the model's folder; no new index is needed. Probabilities are fitted by logistic regression to \
            the first results of every caption, once with its clip in the gallery and once without. They are reported with \
            two-fold cross-validation over the items.
            """
    )

    @Option(
        help: ArgumentHelp("Captioned items that were not used for training.", valueName: "file"),
        completion: .file(extensions: ["jsonl", "json"]))
    var data: String

    @Option(help: "The number of captions of each item used as queries. (default: all)")
    var captions: Int?

    @Option(
        help:
            "The rerank depth K. (default: the least of 16, 32, 64 within half a point of the best mean of R@1 and R@10)"
    )
    var depth: Int?

    @Option(
        help: ArgumentHelp("Draw the reliability curve to this file.", valueName: "svg"),
        completion: .file(extensions: ["svg"]))
    var plot: String?

    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    /// Answers of a query that are fitted.
    private static let answers = 5
    private static let depths = [16, 32, 64]

    func validate() throws {
        if modelOptions.model == nil {
            throw ValidationError("calibrate writes into the model's folder: name it with --model")
        }
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
        let model = try FastSlowModel(directory: folder)
        guard let slow = model.slow, slow.model.configuration.objective == .captioning else {
            throw ValidationError("the model \(model.name) has no captioner: there is nothing to calibrate")
        }
        let features = try dataOptions.features(of: dataOptions.dataset(data), model: model, decoder: decoder)
        let evaluation = evaluated(model, slow, features)
        let depths = depth.map { [$0] } ?? Self.depths
        let choices = depths.map { RerankingChoice(depth: $0, by: evaluation) }
        for choice in choices {
            print(
                "K \(choice.depth): β \(Quantities.fixed(choice.beta, 2)), "
                    + "R@1 \(Quantities.fixed(choice.metrics.recallAt1, 1)), "
                    + "R@10 \(Quantities.fixed(choice.metrics.recallAt10, 1))")
        }
        guard let best = RerankingChoice.least(of: choices) else { return }
        let answers = evaluation.answers(depth: best.depth, beta: best.beta, count: Self.answers)
        let fit = CalibrationFit(answers.flatMap { $0.with + $0.without })
        let reranking = Reranking(depth: best.depth, beta: best.beta, calibration: fit.calibration)
        try reranking.write(to: ModelFolder(folder).reranking)
        report(fit, answers)
        try plot.map { try Self.chart(of: fit, model.name).write(to: FilePath.absolute($0).string) }
        print("Wrote \(ModelFolder(folder).reranking): K \(best.depth), β \(Quantities.fixed(best.beta, 2)).")
    }

    private func evaluated(
        _ model: FastSlowModel, _ slow: SlowCaptioner, _ features: FeatureSet
    ) -> RerankingEvaluation {
        let fast = FastEmbeddings(
            model: model.fast, features: features, framesInUse: model.framesPerClip, captions: captions,
            encode: model.tokens(of:))
        let sentences = features.dataset.items.flatMap { item in
            item.captions.prefix(captions ?? .max).map(model.slowTokens(of:))
        }
        let memories = SlowMemories(
            model: slow.model, features: features, items: Array(0..<features.count), precision: .full)
        var bar = ProgressBar("Scoring")
        defer { bar.finish() }
        return RerankingEvaluation(
            captioner: slow, memories: memories, fast: fast.table, sentences: sentences,
            pairs: .bestItems((depth ?? Self.depths.max() ?? 64) + 1)
        ) { done, all in
            if done % 16 == 0 || done == all { bar.update(Double(done) / Double(all), "\(done) of \(all) items") }
        }
    }

    private func report(
        _ fit: CalibrationFit, _ answers: [(with: [CalibrationFit.Answer], without: [CalibrationFit.Answer])]
    ) {
        print("Probabilities of \(fit.answers.count) results, by two-fold cross-validation:")
        print("  said     were right   results")
        for bin in fit.reliability {
            print(
                String(
                    format: "  %4.1f %%   %5.1f %%   %8d", bin.meanProbability * 100, bin.frequency * 100, bin.count))
        }
        print(String(format: "  expected calibration error %.3f", fit.expectedCalibrationError))
        print("The first result's probability, with the query's clip in the gallery and without it:")
        print("  at least   with   without")
        var place = 0
        var (with, without): ([Double], [Double]) = ([], [])
        for (present, absent) in answers {
            if !present.isEmpty { with.append(fit.probabilities[place]) }
            if !absent.isEmpty { without.append(fit.probabilities[place + present.count]) }
            place += present.count + absent.count
        }
        for least in [0.05, 0.1, 0.2, 0.3, 0.4, 0.5] {
            let share = { (found: [Double]) in
                100 * Double(found.count { $0 >= least }) / Double(max(1, found.count))
            }
            print(String(format: "  %8.2f  %5.1f %%  %5.1f %%", least, share(with), share(without)))
        }
    }

    private static func chart(of fit: CalibrationFit, _ model: String) -> LineChart {
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
