import API
import Export
import Foundation
import Settings
import SystemPackage
import Terminal

/// The answer that was shown last, so that the next command can name a result by its number.
///
/// A file in the user's cache folder, which nobody else can read: `$XDG_CACHE_HOME/saccade/last-search.json`.
struct LastSearch: Codable {
    /// The number of the first result.
    private var first: Int
    private var response: API.SearchResponse

    private static var file: FilePath {
        StandardPlaces(environment: ProcessInfo.processInfo.environment, currentDirectory: .current)
            .cache.appending("last-search.json")
    }

    /// Remembers an answer. A cache that can't be written is no reason for a search to fail.
    static func remember(_ response: API.SearchResponse, offset: Int) {
        let file = file
        guard let data = try? API.encoder().encode(LastSearch(first: offset + 1, response: response)) else { return }
        try? FileManager.default.createDirectory(
            atPath: file.removingLastComponent().string, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        // A new file of its own mode takes the old one's place.
        let part = file.removingLastComponent().appending(".last-search.\(getpid())")
        guard
            FileManager.default.createFile(
                atPath: part.string, contents: data, attributes: [.posixPermissions: 0o600])
        else { return }
        if unsafe rename(part.string, file.string) != 0 { unsafe _ = unlink(part.string) }
    }

    /// The moment of a result of the last search.
    ///
    /// - Throws: as ``result(_:)``.
    static func moment(_ number: Int) throws(CommandFailure) -> Moment { Moment(try result(number)) }

    /// A result of the last search.
    ///
    /// - Throws: `CommandFailure` when there was none, or it has no such number.
    static func result(_ number: Int) throws(CommandFailure) -> API.SearchResult {
        guard let data = FileManager.default.contents(atPath: file.string),
            let last = try? API.decoder().decode(LastSearch.self, from: data)
        else {
            throw CommandFailure(
                .noInput,
                "There was no search yet whose result number \(number) could be meant: search first, or name PATH@START-END."
            )
        }
        let results = last.response.results
        guard (last.first..<last.first + results.count).contains(number) else {
            let numbers =
                results.isEmpty ? "no results" : "the results \(last.first) to \(last.first + results.count - 1)"
            throw CommandFailure(
                .noInput, "The last search, “\(last.response.query)”, has \(numbers), and no number \(number).")
        }
        return results[number - last.first]
    }
}

extension Moment {
    init(_ result: API.SearchResult) {
        self.init(
            path: result.media.path.bytes, start: result.start, end: result.end, score: result.score,
            probability: result.probability)
    }
}
