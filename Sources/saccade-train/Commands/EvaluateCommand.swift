import Settings
import ArgumentParser
import Foundation
import Models
import SystemPackage
import Terminal
import Threads
import Training

/// Measures retrieval.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure retrieval on captioned items: recall at 1, 5 and 10, median and mean rank.",
        discussion: """
            Every caption is a query for its item among all items (text to video), and every item is a query for any of its \
            captions (video to text). Re-ranking sorts the Fast model's K best by h/2(L+1) + β·f(x)ᵀg(y); from video to text, \
            h is the difference that the clip makes to the sentence's log-likelihood. A rank is 1 + the number of strictly \
            better items + half of the ties.
            """
    )

    @Option(
        help: ArgumentHelp("Captioned items: JSON lines, VATEX or Karpathy JSON.", valueName: "file"),
        completion: .file(extensions: ["jsonl", "json"])
    )
    var data: String

    @Option(
        help: ArgumentHelp(
            "What to measure, separated by commas: fast, slow (every pair), fast+slow@K. (default: fast, and with a Slow part "
                + "fast+slow at 8, 16, 32, 64 and 128)", valueName: "modes"))
    var mode: String?

    @Option(help: "The number of captions of each item used as queries. (default: all)")
    var captions: Int?

    @Option(
        help: ArgumentHelp(
            "Use only this many captions as queries, spread evenly over the items, which all stay in the gallery; text to video only. "
                + "(default: all)"))
    var queries: Int?

    @Option(help: "The weight β of the Fast score in the sum with the Slow score. (default: the model's)")
    var beta: Double?

    @Option(help: "How rerank features are stored: full or compact, or exact, without quantisation.")
    var rerankFeatures = "full"

    @Option(
        help: ArgumentHelp("Draw R@1 against the time of a query to this file.", valueName: "svg"),
        completion: .file(extensions: ["svg"]))
    var plot: String?

    @Option(
        help: ArgumentHelp(
            "A text file with one query per line about things that none of the items shows: measure whether probabilities tell them from "
                + "present queries, and nothing else.", valueName: "file"), completion: .file(extensions: ["txt"]))
    var absent: String?

    @Option(
        help: ArgumentHelp(
            "With --absent: a text file with one query per line that some item answers. (default: the first caption of each item)",
            valueName: "file"), completion: .file(extensions: ["txt"]))
    var present: String?

    @Flag(help: "Measure whether the Slow part hears the order of time, by clips played backwards, and nothing else.")
    var order = false

    @Flag(
        help:
            "Measure short queries instead of captions: phrases that several captions of an item say, by mean average precision, and nothing else."
    )
    var concepts = false

    @Option(help: "With --concepts: the number of items that must show a phrase.")
    var conceptItems = 5

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        if let captions, captions < 1 { throw ValidationError("--captions must be at least 1") }
        if let queries, queries < 1 { throw ValidationError("--queries must be at least 1") }
        if present != nil, absent == nil { throw ValidationError("--present needs --absent") }
        if rerankFeatures != "exact", FeaturePrecision(rawValue: rerankFeatures) == nil {
            throw ValidationError(
                "invalid value “\(rerankFeatures)” for --rerank-features: expected one of full, compact, exact")
        }
        if conceptItems < 1 { throw ValidationError("--concept-items must be at least 1") }
        if beta?.isFinite == false { throw ValidationError("--beta must be a number") }
        if let modes = try modes(), modes.isEmpty { throw ValidationError("--mode names nothing to measure") }
    }

    private func modes() throws -> [EvaluationMode]? {
        try mode.map { list in
            try list.split(separator: ",").map { name in
                guard let mode = EvaluationMode(name: name) else {
                    throw ValidationError("--mode \(name): expected fast, slow or fast+slow@K, such as fast+slow@32")
                }
                return mode
            }
        }
    }

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        if order {
            let found = try await BlockingExecutor.shared.run { try command.order(decoder: decoder) }
            if json { return try printJSON(found) }
            print(
                """
                Played forwards, a sentence scores higher than backwards:
                  two items one after another, “A, then B”   \(percent(found.sequences))
                  captions with a word of order              \(percent(found.captions))
                """)
            return
        }
        if let absent {
            let found = try await BlockingExecutor.shared.run {
                try command.relevance(absent: QueryList.read(absent), decoder: decoder)
            }
            return json ? try printJSON(found) : print(found.text)
        }
        if concepts {
            let found = try await BlockingExecutor.shared.run { try command.conceptReport(decoder: decoder) }
            return json ? try printJSON(found) : print(found.table)
        }
        let report = try await BlockingExecutor.shared.run { try command.report(decoder: decoder) }
        try plot.map { try report.chart.write(to: FilePath.absolute($0).string) }
        if json {
            try printJSON(report)
        } else {
            print(report.table)
        }
    }

    private func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    private func percent(_ share: OrderEvaluation.Share) -> String {
        share.asked == 0 ? "none asked" : "\(Quantities.fixed(share.percent, 1)) % of \(share.asked)"
    }

    private func order(decoder: FilePath?) throws -> OrderEvaluation {
        let model = try ModelFolder(modelOptions.folder()).rerankable()
        guard let slow = model.slow else {
            throw ValidationError("the model \(model.name) has no Slow part, which is what knows of order")
        }
        let features = try dataOptions.features(of: dataOptions.dataset(data), model: model, decoder: decoder)
        return OrderEvaluation(model: slow.model, features: features, encode: slow.tokens(of:))
    }

    private func relevance(absent: [String], decoder: FilePath?) throws -> RelevanceReport {
        let model = try ModelFolder(modelOptions.folder()).rerankable()
        let listed = try present.map(QueryList.read)
        let dataset = try dataOptions.dataset(data, needsCaptions: listed == nil)
        let features = try dataOptions.features(of: dataset, model: model, decoder: decoder)
        var bar = ProgressBar("Scoring")
        defer { bar.finish() }
        let evaluation = try RelevanceEvaluation(
            model: model, features: features, present: listed ?? dataset.items.compactMap(\.captions.first),
            absent: absent
        ) { done, all in
            if done % 16 == 0 || done == all { bar.update(Double(done) / Double(all), "\(done) of \(all) items") }
        }
        return RelevanceReport(evaluation, of: model, on: dataset.name)
    }

    private func conceptReport(decoder: FilePath?) throws -> ConceptReport {
        let model = try ModelFolder(modelOptions.folder()).rerankable()
        let modes = try modes() ?? [.fast] + (model.slow == nil ? [] : [32, 128].map(EvaluationMode.reranked))
        let dataset = try dataOptions.dataset(data)
        var settings = ConceptSet.Settings()
        settings.leastItems = conceptItems
        let set = ConceptSet(items: dataset.items, settings: settings)
        if set.concepts.isEmpty {
            throw ValidationError(
                "\(data): no phrase is said by two captions of each of \(conceptItems) items; lower --concept-items")
        }
        let features = try dataOptions.features(of: dataset, model: model, decoder: decoder)
        var bar = ProgressBar("Scoring")
        defer { bar.finish() }
        let evaluation = try ConceptEvaluation(
            model: model, features: features, concepts: set, modes: modes, beta: beta
        ) { done, all in
            if done % 16 == 0 || done == all { bar.update(Double(done) / Double(all), "\(done) of \(all) items") }
        }
        return ConceptReport(evaluation, of: model, on: dataset)
    }

    private func report(decoder: FilePath?) throws -> EvaluationReport {
        let model = try ModelFolder(modelOptions.folder()).rerankable()
        let modes = try modes() ?? EvaluationMode.usual(hasSlow: model.slow != nil)
        if model.slow == nil, modes.contains(where: { $0 != .fast }) {
            throw ValidationError("the model \(model.name) has no Slow part: the only mode is fast")
        }
        let dataset = try dataOptions.dataset(data)
        let features = try dataOptions.features(of: dataset, model: model, decoder: decoder)
        var bar = ProgressBar("Scoring")
        defer { bar.finish() }
        let precision = FeaturePrecision(rawValue: rerankFeatures)
        let evaluation = try RetrievalEvaluation(
            model: model, features: features, modes: modes, captions: captions, queries: queries, beta: beta,
            precision: precision
        ) { done, all in
            if done % 16 == 0 || done == all { bar.update(Double(done) / Double(all), "\(done) of \(all) items") }
        }
        return EvaluationReport(evaluation, of: model, on: dataset, precision: precision)
    }
}
