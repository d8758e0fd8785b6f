import API
import ArgumentParser
import Client
import Daemon
import Foundation
import Search
import Terminal

/// Searches that the daemon asks of all that comes.
struct SavedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saved",
        abstract: "Be told of new clips that match a search.",
        discussion: """
            The daemon asks saved searches of each media item that is indexed from now on, once. A clip that matches is an event \
            `saved_search_matched` on /v1/events, and a command may be run for it.
            """,
        subcommands: [Add.self, List.self, Remove.self],
        defaultSubcommand: List.self
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Save a search.",
            discussion: """
                A clip matches whose picture is as likely as the model calls a search answered, or as --min-probability says, or whose text \
                says all of the query. What is indexed already is not told: `saccade search` finds it.

                The command is run without a shell, one at a time, for each clip that matches. In its arguments {file}, {start}, {end}, {name}, \
                {clip} and {probability} stand for the file, the clip's seconds, the name of the search, the clip's id and its \
                probability. The key saved.commands allows commands; they are off by default.

                  saccade saved add deer "a deer in the garden" --under ~/Garden
                  saccade saved add keeper '"light the lamp"'
                  saccade saved add deer "a deer in the garden" --run notify-send "{name}" "{file} at {start} s"
                """
        )

        @Argument(help: ArgumentHelp("What it is called.", valueName: "name"))
        var name: String

        @Argument(help: ArgumentHelp("What to look for, as in `saccade search`.", valueName: "words"))
        var words: [String]

        @Option(
            help: ArgumentHelp(
                "Tell clips from this probability on, 0 to 1. (default: from where the model calls a search answered)",
                valueName: "probability"))
        var minProbability: Double?

        @Flag(help: "Tell only the best moment of each video.")
        var byVideo = false

        @Flag(help: "Look at the picture alone.")
        var picture = false

        @Flag(help: "Look for the words in the text alone: subtitles, titles and names.")
        var text = false

        @Flag(help: "Take the place of a saved search of this name.")
        var replace = false

        @OptionGroup(title: "Filters") var filters: FilterOptions
        @OptionGroup(title: "Places") var places: PlaceOptions

        @Option(
            name: .customLong("run"), parsing: .remaining,
            help: ArgumentHelp(
                "The program to run for each clip, and its arguments; the last option, since all that follows belongs to it.",
                valueName: "command"))
        var command: [String] = []

        func validate() throws {
            guard !(picture && text) else { throw ValidationError("Give --picture or --text, not both.") }
            do {
                _ = try Search.SearchRequest(search.search)
            } catch {
                guard let field = error.field, let option = SearchCommand.option(for: field) else { return }
                throw ValidationError("\(option) \(error.problem).")
            }
        }

        private var search: API.SaveSearch {
            API.SaveSearch(
                query: words.joined(separator: " "), filters: filters.filters, minProbability: minProbability,
                group: byVideo ? .media : .clip, channel: picture ? .picture : text ? .words : .both,
                command: command.isEmpty ? nil : command, replace: replace)
        }

        func run() async throws {
            let saved = try await places.client().request(
                .put, SavedCommand.path(of: name), body: search, as: API.SavedSearch.self)
            Terminal.output.line("Saved “\(Terminal.printable(saved.name))”: new clips that match are told.")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the saved searches.")

        @Flag(help: "Print the response of GET /v1/saved-searches.")
        var json = false

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            let client = try places.client()
            if json {
                Terminal.output.document(try await client.send(.get, "/v1/saved-searches"))
                return
            }
            let searches = try await client.request(.get, "/v1/saved-searches", as: API.SavedSearches.self)
                .savedSearches
            guard !searches.isEmpty else {
                Terminal.error.line("No search is saved: save one with `saccade saved add NAME WORDS`.")
                return
            }
            var table = Table(("name", .left), ("waiting", .right), ("query", .left), ("command", .left))
            for search in searches {
                table.add(
                    Terminal.printable(search.name), Quantities.count(search.waiting),
                    Terminal.printable(search.query),
                    search.command.map { $0.map(Terminal.printable).joined(separator: " ") } ?? "")
            }
            for line in table.lines() { Terminal.output.line(line) }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a saved search, and its commands that wait.")

        @Argument(
            help: ArgumentHelp("Its name, from `saccade saved list`.", valueName: "name"),
            completion: .custom { words, _, _ in await SavedCommand.names(words) })
        var names: [String]

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            let client = try places.client()
            for name in names {
                _ = try await client.send(.delete, SavedCommand.path(of: name))
                Terminal.output.line("Removed “\(Terminal.printable(name))”.")
            }
        }
    }

    fileprivate static func path(of name: String) -> String {
        let unreserved = CharacterSet(charactersIn: "-._~").union(
            CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
        return "/v1/saved-searches/\(name.addingPercentEncoding(withAllowedCharacters: unreserved) ?? name)"
    }

    /// For shells that complete a name; none where no daemon answers.
    ///
    /// - Parameter words: of the command line, of which those that name a place are heeded.
    fileprivate static func names(_ words: [String]) async -> [String] {
        var arguments: [String] = []
        for (option, value) in zip(words, words.dropFirst()) where ["--state", "--socket", "--config"].contains(option)
        {
            arguments += [option, value]
        }
        guard let places = try? PlaceOptions.parse(arguments), var client = try? places.client() else { return [] }
        client.timeout = 2
        let answer = try? await client.request(.get, "/v1/saved-searches", as: API.SavedSearches.self)
        return answer?.savedSearches.map(\.name) ?? []
    }
}
