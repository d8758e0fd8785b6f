package import SystemPackage

/// Trees in which inotify doesn't tell all that changes, and when each is to be looked at again.
///
/// The interval doubles while nothing has changed and begins anew when something has; looking takes a twentieth of the time at most. Times are those
/// of the clock that nobody sets.
package struct PolledTrees: Sendable {
    package enum Reason: Sendable, Hashable, Comparable {
        /// Others may change it unseen; the kind in words.
        case fileSystem(String)
        /// The kernel allows no more watches.
        case watchLimit
    }

    /// What is polled of one root.
    package struct Summary: Sendable, Equatable {
        /// How many trees are polled for each reason.
        package var trees: [Reason: Int]
        /// The shortest interval, in seconds.
        package var interval: Double
        /// When the next tree is due.
        package var nextPoll: Double
    }

    private struct Tree {
        var reason: Reason
        var interval: Double
        var nextPoll: Double
    }

    /// How many times as long as a look took the next one is waited for at least.
    private static let patience = 20.0

    private let interval: Double
    private let longest: Double
    private var trees: [FilePath: Tree] = [:]
    private var limited = 0

    /// - Parameters:
    ///   - interval: seconds between two looks at a tree that changes.
    ///   - longest: seconds between two looks at one that doesn't.
    package init(interval: Double, longest: Double) {
        self.interval = interval
        self.longest = max(interval, longest)
    }

    /// Whether something is polled because there are no more watches.
    package var isLimited: Bool { limited > 0 }

    /// When the next tree is due; nil when nothing is polled. O(n).
    package var nextPoll: Double? { trees.values.lazy.map(\.nextPoll).min() }

    /// The trees to be looked at now; whatever becomes of that, their next turn comes after the same interval. O(n).
    package mutating func takeDue(at now: Double) -> Set<FilePath> {
        let due = trees.filter { $0.value.nextPoll <= now }
        for (path, tree) in due { trees[path]?.nextPoll = now + tree.interval }
        return Set(due.keys)
    }

    /// Polls a directory with all that is below it, unless it is polled already as a part of another tree. O(depth).
    package mutating func add(_ directory: FilePath, because reason: Reason, at now: Double) {
        var above = directory
        while true {
            if let tree = trees[above], above == directory || tree.reason == reason || tree.reason != .watchLimit {
                return
            }
            guard above.removeLastComponent() else { break }
        }
        trees[directory] = Tree(reason: reason, interval: interval, nextPoll: now + interval)
        if reason == .watchLimit { limited += 1 }
    }

    /// Ends the polling of a tree for a reason: of its own, not of what is below it.
    package mutating func remove(_ directory: FilePath, because reason: Reason) {
        guard trees[directory]?.reason == reason else { return }
        trees[directory] = nil
        if reason == .watchLimit { limited -= 1 }
    }

    /// Forgets a tree that is gone, and all below it. O(n).
    package mutating func forget(below directory: FilePath) {
        guard !trees.isEmpty else { return }
        trees = trees.filter { !$0.key.starts(with: directory) }
        limited = trees.values.count { $0.reason == .watchLimit }
    }

    /// Takes that all below `top` was looked at.
    ///
    /// - Parameters:
    ///   - changed: directories in which something had changed.
    ///   - seconds: how long it took.
    package mutating func looked(
        below top: FilePath, changed: Set<FilePath>, seconds: Double, at now: Double
    ) {
        let looked = trees.keys.filter { $0.starts(with: top) }
        guard !looked.isEmpty else { return }
        var above: Set<FilePath> = []
        for directory in changed {
            var directory = directory
            while above.insert(directory).inserted, directory.removeLastComponent() {}
        }
        for path in looked {
            guard var tree = trees[path] else { continue }
            let next = above.contains(path) ? interval : tree.interval * 2
            tree.interval = min(longest, max(next, seconds / Double(looked.count) * Self.patience))
            tree.nextPoll = now + tree.interval
            trees[path] = tree
        }
    }

    /// What is polled below a directory; nil for nothing. O(n).
    package func summary(below directory: FilePath) -> Summary? {
        var summary: Summary?
        for (path, tree) in trees where path.starts(with: directory) {
            var sum = summary ?? Summary(trees: [:], interval: tree.interval, nextPoll: tree.nextPoll)
            sum.trees[tree.reason, default: 0] += 1
            sum.interval = min(sum.interval, tree.interval)
            sum.nextPoll = min(sum.nextPoll, tree.nextPoll)
            summary = sum
        }
        return summary
    }
}
