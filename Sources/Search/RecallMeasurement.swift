import VectorIndex

/// How much of the best clips the searches of an index find, and how long they take.
package struct RecallMeasurement: Sendable, Equatable {
    package var clips: Int
    /// Whether the vectors are in a file; a scan of memory finds everything.
    package var isInFile: Bool
    package var queries: Int
    /// How many of the best clips were asked for.
    package var limit: Int
    /// The mean part of them that was found, and the least of any query.
    package var recall: Double
    package var leastRecall: Double
    /// Milliseconds of a search: the median, and what 99 of 100 don't exceed.
    package var median: Double
    package var slow: Double
    /// The median when all lists are read.
    package var exactMedian: Double
}

extension LiveIndex {
    /// Compares searches as they are done with those that read everything. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - vectors: what to search with, each `[dimensions]`; at least one.
    ///   - limit: how many of the best clips are asked for.
    /// - Throws: ``SearchError`` `unusable_embedding`.
    package func measureRecall(with vectors: [[Float]], limit: Int = 100) throws(SearchError) -> RecallMeasurement {
        let snapshot = snapshot()
        let clock = ContinuousClock()
        func timed(_ vector: [Float], recall: Double?) throws(SearchError) -> (clips: Set<Int64>, time: Double) {
            let start = clock.now
            do {
                let found = try snapshot.search(vector, limit: limit, recall: recall)
                return (Set(found.map(\.clip)), (clock.now - start) / .milliseconds(1))
            } catch {
                throw SearchError(.unusableEmbedding, "The model's vector for a query can't be searched: \(error)")
            }
        }
        var recalls: [Double] = []
        var times: [Double] = []
        var exactTimes: [Double] = []
        for vector in vectors {
            let exact = try timed(vector, recall: 1)
            let found = try timed(vector, recall: nil)
            recalls.append(
                exact.clips.isEmpty
                    ? 1 : Double(exact.clips.intersection(found.clips).count) / Double(exact.clips.count))
            times.append(found.time)
            exactTimes.append(exact.time)
        }
        times.sort()
        exactTimes.sort()
        return RecallMeasurement(
            clips: snapshot.count, isInFile: snapshot.file != nil, queries: vectors.count, limit: limit,
            recall: recalls.reduce(0, +) / Double(max(1, recalls.count)), leastRecall: recalls.min() ?? 1,
            median: times.isEmpty ? 0 : times[times.count / 2],
            slow: times.isEmpty ? 0 : times[min(times.count - 1, times.count * 99 / 100)],
            exactMedian: exactTimes.isEmpty ? 0 : exactTimes[exactTimes.count / 2])
    }
}
