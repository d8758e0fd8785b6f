internal import Synchronization

/// Counts how long something takes, in classes.
package final class LatencyHistogram: Sendable {
    package struct Snapshot: Sendable, Equatable {
        /// Upper bounds of the classes, in seconds, ascending.
        package var bounds: [Double]
        /// How many took at most as long as each bound; one more for all.
        package var counts: [Int]
        /// Of all, in seconds.
        package var sum: Double

        package var count: Int { counts.last ?? 0 }
    }

    /// From a millisecond to a minute.
    package static let usualBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

    private struct State {
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    /// - Parameter bounds: in seconds, ascending.
    package init(bounds: [Double] = usualBounds) {
        self.bounds = bounds
        state = Mutex(State(counts: [Int](repeating: 0, count: bounds.count + 1)))
    }

    package func record(_ seconds: Double) {
        let place = bounds.firstIndex { seconds <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[place] += 1
            state.sum += max(0, seconds)
        }
    }

    package var snapshot: Snapshot {
        let state = state.withLock { $0 }
        var sum = 0
        let counts = state.counts.map { count in
            sum += count
            return sum
        }
        return Snapshot(bounds: bounds, counts: counts, sum: state.sum)
    }
}
