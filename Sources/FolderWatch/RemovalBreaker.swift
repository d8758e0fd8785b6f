package import Catalog

/// Keeps a root from losing most of its files at once, which is seldom meant: a share that answers with half of its folders, a restored
/// backup, a wrong `rm`.
///
/// Files that go little by little count together, so that what takes several passes is no different from what takes one.
package struct RemovalBreaker: Sendable {
    /// So many files may always go.
    package static let tolerance = 100
    /// Seconds for which files that have gone still count.
    package static let window = 600.0

    /// The share of a root's files that may go, from 0 to 1; with 1 all may.
    package let share: Double
    private var removals: [RootID: [(time: Double, count: Int)]] = [:]

    package init(share: Double) {
        self.share = share
    }

    /// Whether files may leave a root; those that may are counted.
    ///
    /// - Parameters:
    ///   - count: files that have gone.
    ///   - held: files that had gone before, and are held.
    ///   - present: files that are known in the root, those that have gone among them.
    ///   - now: by the clock that nobody sets.
    package mutating func admits(
        _ count: Int, besides held: Int, of present: Int, in root: RootID, at now: Double
    ) -> Bool {
        let recent = (removals[root] ?? []).filter { $0.time > now - Self.window }
        let before = recent.reduce(0) { $0 + $1.count }
        let (going, all) = (before + held + count, before + present)
        guard share >= 1 || going <= Self.tolerance || Double(going) <= share * Double(all) else {
            removals[root] = recent
            return false
        }
        removals[root] = count > 0 ? recent + [(now, count)] : recent
        return true
    }

    /// Lets what goes next count anew: a person has confirmed what went before.
    package mutating func reset(_ root: RootID) {
        removals[root] = nil
    }
}
