package import Tensors

/// How a caption says that one thing is seen before another.
package struct SequenceWords: Sendable {
    /// What stands between the earlier and the later.
    private let forward: [[Int32]]
    /// What stands between the later and the earlier.
    private let backward: [[Int32]]
    private let stops: Set<Int32>

    /// - Parameter encode: words in the vocabulary of the captions.
    package init(encode: (String) -> [Int32]) {
        forward = [", then", "and then", "before", "followed by"].map(encode)
        backward = ["after"].map(encode)
        stops = Set([".", ";", ","].flatMap(encode))
    }

    /// One caption for two things, the first of which is seen before the second.
    package func joined(_ first: [Int32], then second: [Int32], random: inout SplitMix64) -> [Int32] {
        let choice = Int.random(in: 0..<(forward.count + backward.count), using: &random)
        if choice < forward.count { return withoutStop(first) + forward[choice] + withoutStop(second) }
        return withoutStop(second) + backward[choice - forward.count] + withoutStop(first)
    }

    /// The same two things in this order, in the plainest words: "A, then B".
    package func plain(_ first: [Int32], then second: [Int32]) -> [Int32] {
        withoutStop(first) + forward[0] + withoutStop(second)
    }

    private func withoutStop(_ caption: [Int32]) -> [Int32] {
        caption.reversed().drop { stops.contains($0) }.reversed()
    }
}
