import Catalog
import Daemon
import Models
import Search
import Settings
import SystemPackage
import Terminal

/// How much of the best clips searches of this user's own index find, and how long they take.
enum RecallChecks {
    /// Milliseconds that a search may take before `index.recall` is worth lowering.
    private static let slowest = 25.0

    static func all(_ configuration: Settings.Configuration, queries count: Int) -> [Finding] {
        do {
            let catalog = try Catalog(state: configuration.state, access: .readOnly)
            defer { catalog.close() }
            guard let record = try catalog.liveIndex() else { return [.good("recall", "nothing is indexed yet")] }
            Terminal.adviseOnBLAS()
            let model = try InstalledModel.loadLive(configuration)
            let index = try LiveIndex(record, of: catalog, storage: IndexStorage(configuration.index))
            let vectors = try queries(count).map { try model.queries.embed(query: $0) }
            return findings(try index.measureRecall(with: vectors), wanted: configuration.index.recall)
        } catch {
            return [.wrong("recall", "can't be measured", do: "\(error)")]
        }
    }

    static func findings(_ measured: RecallMeasurement, wanted: Double) -> [Finding] {
        func percent(_ part: Double) -> String { Quantities.fixed(part * 100, 1) + " %" }
        func milliseconds(_ time: Double) -> String { Quantities.fixed(time, 1) + " ms" }
        let clips = Quantities.count(measured.clips, "clip")
        let times = "median \(milliseconds(measured.median)), 99 of 100 within \(milliseconds(measured.slow))"
        guard measured.isInFile else {
            return [
                .good("recall", "100 %: all of \(clips) are in memory and looked at"),
                measured.slow <= slowest
                    ? .good("search time", times)
                    : .notice(
                        "search time", times,
                        do: "Set `index.kind: ivf`, so that a search reads the nearest lists alone."),
            ]
        }
        let found =
            """
            \(percent(measured.recall)) of the best \(measured.limit) of \(clips), at least \(percent(measured.leastRecall)), in \
            \(measured.queries) queries
            """
        let exact = times + "; \(milliseconds(measured.exactMedian)) with all lists read"
        return [
            measured.recall >= min(wanted, 0.98)
                ? .good("recall", found)
                : .notice("recall", found, do: "Raise `index.recall`, now \(wanted): 1 reads all lists."),
            measured.slow <= slowest || wanted <= 0.9
                ? .good("search time", exact)
                : .notice("search time", exact, do: "Lower `index.recall`, now \(wanted), for faster searches."),
        ]
    }

    /// Queries of the kind that people ask, each another one, in an order that mixes them.
    static func queries(_ count: Int) -> [String] {
        let who = [
            "a dog", "a child", "two people", "a woman", "a man with a hat", "a cat", "a group of friends", "a car",
            "a bird",
            "an old house", "a boat",
        ]
        let what = [
            "running", "at night", "in the rain", "close to the camera", "seen from above", "in the snow", "at sunset",
            "in a crowd", "standing still",
        ]
        let place = [
            "on a beach", "in a kitchen", "in the mountains", "on a street", "in a garden", "at a party", "by a river",
            "in a park", "on a stage", "in an office", "in a forest", "in a car park", "at a table",
        ]
        let all = who.count * what.count * place.count
        return (0..<min(count, all)).map { number in
            "\(who[number % who.count]) \(what[number % what.count]) \(place[number % place.count])"
        }
    }
}
