import API
import Catalog
import Foundation
import Search
import SystemPackage
import Terminal

/// The answer to a search as people read it.
struct SearchReport {
    let request: API.SearchRequest
    let response: API.SearchResponse

    /// The table with the results; nil when there are none.
    var table: Table? {
        guard !response.results.isEmpty else { return nil }
        var table = Table(
            [("", .right), (measure.rawValue, .left)] + (hasText ? [("why", .left)] : [])
                + [("time", .left), ("path", .left)])
        for (index, result) in response.results.enumerated() {
            table.add(
                ["\(request.offset + index + 1)", worth(of: result)] + (hasText ? [result.why.rawValue] : [])
                    + [Quantities.span(result.start, result.end), path(of: result)])
        }
        return table
    }

    /// What stands in the last column, as the terminal shows it: the path as a link, where it knows links.
    func linked(_ result: API.SearchResult, in line: String, on terminal: Terminal) -> String {
        let text = path(of: result)
        guard line.hasSuffix(text) else { return line }
        return line.dropLast(text.count) + terminal.linked(text, to: result.media.path.bytes)
    }

    private func path(of result: API.SearchResult) -> String {
        Terminal.printable(Self.shortened(result.media.path.text)) + (result.media.online ? "" : " (offline)")
            + (result.folded.map { "  +\($0) similar" } ?? "") + (hosts(of: result).map { "  on \($0)" } ?? "")
    }

    /// The machines that have it; nil for a search of this one alone.
    private func hosts(of result: API.SearchResult) -> String? {
        guard let hosts = result.hosts, !hosts.isEmpty else { return nil }
        var names: [String] = []
        for host in hosts where !names.contains(host.name) { names.append(host.name) }
        return names.map { Terminal.printable($0) }.joined(separator: ", ")
    }

    /// What the results are told apart by, in words and steps: the scores themselves are for programs.
    private enum Measure: String {
        /// How likely a result is to be about the words.
        case likely
        /// How like the example it is.
        case alike
        /// How it stands beside the best one, for a model whose scores say nothing by themselves.
        case fit
    }

    private var measure: Measure {
        if request.query.isEmpty { return .alike }
        let isCalibrated = response.results.contains { $0.probability != nil }
        // A probability that can't tell that nothing is there helps only beside a least one.
        return isCalibrated && (request.minProbability != nil || response.found != nil) ? .likely : .fit
    }

    /// Of the picture, so that it says nothing where that isn't what was found.
    private func worth(of result: API.SearchResult) -> String {
        guard result.why != .words else { return "" }
        func told(_ share: Double) -> String {
            let percent = Quantities.percent(share)
            return Quantities.steps(share) + String(repeating: " ", count: max(1, 6 - percent.count)) + percent
        }
        switch measure {
        case .likely: return result.probability.map(told) ?? ""
        case .alike: return told(min(1, max(0, result.scores.fast)))
        case .fit:
            let best =
                response.results.lazy.filter { ($0.scores.slow != nil) == (result.scores.slow != nil) }
                .map(\.score).max() ?? result.score
            // A score of the Slow model is a log-likelihood a word; cosines are of a temperature of about a tenth.
            return Quantities.steps(exp((result.score - best) / (result.scores.slow == nil ? 0.1 : 1)))
        }
    }

    /// What a search looks for, for people.
    static func title(of request: API.SearchRequest) -> String {
        let words = request.query.isEmpty ? "more like this" : request.query
        return ([words] + request.not.map { "-" + $0.text }).joined(separator: " ")
    }

    private var hasText: Bool { response.results.contains { $0.line != nil } }

    /// Characters of a line of text that are shown.
    private static let longestText = 160

    /// What stands below each row: the line of text that it was found by.
    var texts: [String?] {
        response.results.map { result in
            guard let line = result.line else { return nil }
            let text = Terminal.printable(line.text)
            let shown = text.count > Self.longestText ? text.prefix(Self.longestText) + "…" : text[...]
            let place =
                switch line.kind {
                case .subtitle: line.start.map { "at " + Quantities.time($0) } ?? "subtitle"
                case .chapter: "chapter"
                case .title: "title"
                case .comment: "comment"
                case .fileName: "file name"
                case .folderName: "folder"
                }
            let language = line.language.map { ", " + Terminal.printable($0) } ?? ""
            return "     “\(shown)” (\(place)\(language))"
        }
    }

    /// Whether the text alone was asked.
    private var isOfText: Bool {
        request.channel == .words
            || request.channel == .both && request.like.isEmpty && WordQuery(request.query).isQuoted
    }

    /// What stands before the table: that its results are the nearest, and not what was looked for.
    var warning: String? {
        guard response.found == false, !response.results.isEmpty else { return nil }
        return isOfText
            ? "No text has all of these words; the nearest are:" : "Nothing looks like that; the nearest are:"
    }

    /// Why there are no results.
    var emptiness: String {
        guard response.clips > 0 else { return "Nothing is indexed yet: see `saccade status`." }
        if request.offset > 0 { return "There is nothing after the first \(Quantities.count(request.offset))." }
        if isOfText {
            let which = request.filters == API.SearchFilters() ? "No text" : "No text of what passes the filters"
            return "\(which) has these words: leave out --text and quotation marks to look at the pictures."
        }
        guard let least = request.minProbability else { return "No clip passes the filters." }
        let which = request.filters == API.SearchFilters() ? "No clip" : "No clip that passes the filters"
        return "\(which) is likely enough (--min-probability \(least)): lower it, or use other words."
    }

    /// The closing line.
    var summary: String {
        let searched =
            "\(Quantities.count(response.clips, "clip")) searched in \(Quantities.fixed(response.timings.total, 0)) ms"
        let reranked = Quantities.count(response.reranked)
        guard case .on(let options) = request.rerank else { return searched }
        switch response.stage {
        case .slow where response.reranked > 0:
            return "\(searched), \(reranked) of them re-ranked"
        case .partial:
            let reason =
                options.deadline == nil
                ? "the others have no rerank features" : "then the deadline passed"
            return "\(searched), \(reranked) of them re-ranked: \(reason)"
        case .fast where options != API.RerankOptions():
            return "\(searched), none of them re-ranked"
        case .fast, .slow:
            return searched
        }
    }

    /// Relative to the working directory for what lies below it.
    static func shortened(_ path: String) -> String {
        let directory = FilePath.current.string + "/"
        return path.hasPrefix(directory) ? String(path.dropFirst(directory.count)) : path
    }
}
