import Terminal
import API
import ArgumentParser
import Foundation
import SystemPackage

/// Which clips may answer a search.
struct FilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Only the watched folder with this id; see `saccade watch list`.", valueName: "id"),
        completion: Completions.rootIDs)
    var root: Int64?

    @Option(
        help: ArgumentHelp("Only files at or below this path.", valueName: "path"), completion: .directory
    )
    var under: String?

    @Option(
        help: ArgumentHelp(
            "Only files whose path matches this shell pattern; a pattern without a leading / matches at any depth.",
            valueName: "pattern"))
    var glob: String?

    @Option(
        help: ArgumentHelp(
            "Only media recorded at or after this date: 2026-03-01, or 2026-03-01T12:00 for a time in UTC.",
            valueName: "date"))
    var after: String?

    @Option(help: ArgumentHelp("Only media recorded before this date.", valueName: "date"))
    var before: String?

    @Option(help: ArgumentHelp("Only videos at least this long.", valueName: "seconds"))
    var minDuration: Double?

    @Option(help: ArgumentHelp("Only videos at most this long.", valueName: "seconds"))
    var maxDuration: Double?

    func validate() throws {
        for (name, value) in [("after", after), ("before", before)] {
            if let value, RFC3339.parse(value) == nil {
                throw ValidationError("--\(name) must be a date or a time such as 2026-03-01 or 2026-03-01T12:00:00Z.")
            }
        }
    }

    var filters: API.SearchFilters {
        API.SearchFilters(
            root: root,
            pathPrefix: under.map { FilePath.resolved($0).string },
            pathGlob: glob,
            recordedAfter: after.flatMap(RFC3339.parse),
            recordedBefore: before.flatMap(RFC3339.parse),
            minDuration: minDuration,
            maxDuration: maxDuration
        )
    }
}
