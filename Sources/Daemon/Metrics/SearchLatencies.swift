import API
import Basics

/// How long the stages of searches take.
struct SearchLatencies: Sendable {
    private let stages: [(name: String, histogram: LatencyHistogram)] = [
        "embed", "filter", "scan", "rerank", "words", "lookup", "total",
    ].map { ($0, LatencyHistogram()) }

    func record(_ timings: API.SearchTimings) {
        let values =
            [
                timings.embed, timings.filter, timings.scan, timings.rerank, timings.words, timings.lookup,
                timings.total,
            ] as [Double?]
        for (stage, value) in zip(stages, values) {
            if let value { stage.histogram.record(value / 1000) }
        }
    }

    var family: MetricFamily {
        var family = MetricFamily("saccade_search_seconds", .histogram, "Time that the stages of a search take.")
        for stage in stages { family.add(stage.histogram.snapshot, .init("stage", stage.name)) }
        return family
    }
}
