package import Basics
package import SystemPackage
package import Threads

/// Files that were seen lately and may still be written.
///
/// A file is settled when its size and its time of modification have stood still for a while and nobody has it open to
/// write, or, for a writer that never closes it, for a longer while. Its times are those of the clock that nobody sets.
package struct SettlingFiles: Sendable {
    private struct Observation {
        var stamp: FileStamp
        /// Since when it is known to stand still.
        var since: Double
        var lookAgainAt: Double
    }

    package let settleTime: Double
    package let openFileSettleTime: Double
    private var observations: [FilePath: Observation] = [:]

    package init(settleTime: Double, openFileSettleTime: Double) {
        self.settleTime = settleTime
        self.openFileSettleTime = openFileSettleTime
    }

    package var count: Int { observations.count }

    /// When the next file should be looked at again; nil when none is unsettled. O(n).
    package var nextLook: Double? { observations.values.lazy.map(\.lookAgainAt).min() }

    /// Files that should be looked at now. O(n).
    package func due(at now: Double) -> [FilePath] {
        observations.filter { $0.value.lookAgainAt <= now }.map(\.key)
    }

    /// Takes what was seen of a file.
    ///
    /// - Parameter isOpen: whether it is open to write; asked only when the answer matters.
    /// - Returns: whether it is settled; it is forgotten then.
    package mutating func observe(
        _ path: FilePath, _ attributes: FileAttributes, at reading: ClockReading, isOpen: () -> Bool
    ) -> Bool {
        let stamp = attributes.stamp
        let now = reading.uptime
        let since: Double
        if let known = observations[path] {
            since = known.stamp == stamp ? known.since : now
        } else {
            // The kernel's time of change tells about the time before we looked, unless it is of another clock.
            since = now - max(0, reading.time - attributes.changedAt)
        }
        let quiet = now - since
        guard quiet >= settleTime else {
            observations[path] = Observation(stamp: stamp, since: since, lookAgainAt: since + settleTime)
            return false
        }
        guard quiet >= openFileSettleTime || !isOpen() else {
            observations[path] = Observation(
                stamp: stamp, since: since, lookAgainAt: min(now + settleTime, since + openFileSettleTime))
            return false
        }
        observations[path] = nil
        return true
    }

    /// Looks at a file again when it would have settled, had it changed now, and not before ``patience`` seconds.
    ///
    /// - Parameter stamp: what is known of a file that was forgotten.
    package mutating func postpone(_ path: FilePath, stamp: FileStamp? = nil, at now: Double) {
        guard let stamp = stamp ?? observations[path]?.stamp else { return }
        observations[path] = Observation(
            stamp: stamp, since: now, lookAgainAt: now + max(settleTime, Self.patience))
    }

    private static let patience = 10.0

    package mutating func forget(_ path: FilePath) {
        observations[path] = nil
    }

    package mutating func forget(below tree: FilePath) {
        observations = observations.filter { !$0.key.starts(with: tree) }
    }
}
