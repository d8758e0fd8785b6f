import Basics
internal import Synchronization

/// Counts requests by route and status, and how long they take until their answer begins.
final class RequestMeter: Sendable {
    private struct Answer: Hashable {
        var route: String
        var status: Int
    }

    private struct State {
        var counts: [Answer: Int] = [:]
        var latencies: [String: LatencyHistogram] = [:]
    }

    private let state = Mutex(State())

    /// - Parameter route: one of few, since each is kept.
    func record(_ route: String, status: Int, seconds: Double) {
        let histogram = state.withLock { state in
            state.counts[Answer(route: route, status: status), default: 0] += 1
            if let known = state.latencies[route] { return known }
            let histogram = LatencyHistogram()
            state.latencies[route] = histogram
            return histogram
        }
        histogram.record(seconds)
    }

    var families: [MetricFamily] {
        let (counts, latencies) = state.withLock { ($0.counts, $0.latencies) }
        var requests = MetricFamily("saccade_http_requests_total", .counter, "Answered requests by route and status.")
        for (answer, count) in counts.sorted(by: { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }) {
            requests.add(Double(count), .init("route", answer.route), .init("status", "\(answer.status)"))
        }
        var seconds = MetricFamily(
            "saccade_http_request_seconds", .histogram, "Time from a request to the beginning of its answer, by route.")
        for (route, histogram) in latencies.sorted(by: { $0.key < $1.key }) {
            seconds.add(histogram.snapshot, .init("route", route))
        }
        return [requests, seconds]
    }
}
