import API
import Basics
import Catalog
import Daemon
import FolderFakes
import Foundation
import HTTPServer
import Library
import Models
import Search
import Settings
import SystemPackage
import TestSupport
import Testing
import Threads

/// Saved searches over a library to which files come.
@Suite(.timeLimit(.minutes(2))) struct SavedSearchesTests {
    /// Of every clip as likely as this.
    private static func reranker(_ probability: Double, threshold: Double? = 0.5) -> ReversingReranker {
        let constant = Relevance.Logistic(bias: log(probability / (1 - probability)), fast: 0)
        return ReversingReranker(
            reranking: Reranking(
                depth: 32, beta: 0, relevance: Relevance(fastOnly: constant, both: constant, threshold: threshold)))
    }

    /// Runs the service for the length of a closure, which gets what is told.
    private func running(
        _ indexed: IndexedLibrary, _ body: (Broadcast<EventStreamItem>.Subscription) async throws -> Void
    ) async throws {
        let told = indexed.events.subscribe(capacity: 1000)
        let service = Task { try await indexed.saved.run() }
        do {
            try await body(told)
        } catch {
            service.cancel()
            _ = await service.result
            throw error
        }
        service.cancel()
        _ = await service.result
    }

    /// The next match.
    private func next(_ told: Broadcast<EventStreamItem>.Subscription) async throws -> API.Event {
        for await item in told {
            if case .event(let event) = item { return event }
        }
        throw APIError(.internalError, "nothing more is told")
    }

    @discardableResult
    private func add(_ name: String, to indexed: IndexedLibrary) async throws -> FilePath {
        let file = try indexed.directory.write(Data("content of \(name)".utf8), to: name)
        _ = try await indexed.library.index([file])
        return file
    }

    private func code(_ body: () async throws -> Void) async -> APIError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? APIError)?.code
        }
    }

    @Test func `each new clip that matches is told once, those that were there never`() async throws {
        let indexed = try await IndexedLibrary(reranker: Self.reranker(0.75))
        let saved = try await indexed.backend.save(API.SaveSearch(query: "anything grey"), as: "grey")
        #expect(saved.isNew && saved.search.name == "grey" && saved.search.command == nil && saved.search.waiting == 0)
        try await running(indexed) { told in
            for name in ["one.mp4", "two.mp4"] {
                let file = try await add(name, to: indexed)
                let event = try await next(told)
                #expect(event.kind == .savedSearchMatched && event.savedSearch == "grey")
                #expect(event.result?.media.path == API.Path(file) && event.result?.start == 0)
                #expect(abs((event.result?.probability ?? 0) - 0.75) < 1e-9)
                #expect(event.result?.scores.slow != nil, "re-ranked as in a search")
            }
        }
        indexed.library.close()
    }

    @Test func `what comes while nobody runs is told at the next start, once`() async throws {
        let directory = try TemporaryDirectory()
        let first = try await IndexedLibrary(in: directory, reranker: Self.reranker(0.75))
        _ = try await first.backend.save(API.SaveSearch(query: "grey"), as: "grey")
        let file = try await add("new.mp4", to: first)
        first.library.close()
        let second = try await IndexedLibrary(in: directory, reranker: Self.reranker(0.75))
        try await running(second) { told in
            let event = try await next(told)
            #expect(event.result?.media.path == API.Path(file))
        }
        second.library.close()
        let third = try await IndexedLibrary(in: directory, reranker: Self.reranker(0.75))
        try await running(third) { told in
            let last = try await add("last.mp4", to: third)
            let event = try await next(told)
            #expect(event.result?.media.path == API.Path(last))
        }
        third.library.close()
    }

    @Test func `what is less likely than is asked for, or filtered out, is not told`() async throws {
        let indexed = try await IndexedLibrary(reranker: Self.reranker(0.75))
        let backend = indexed.backend
        _ = try await backend.save(API.SaveSearch(query: "q", minProbability: 0.8), as: "strict")
        _ = try await backend.save(API.SaveSearch(query: "q", minProbability: 0.7), as: "z lenient")
        let elsewhere = API.SearchFilters(pathGlob: "other-*.mp4")
        _ = try await backend.save(API.SaveSearch(query: "q", filters: elsewhere), as: "elsewhere")
        try await running(indexed) { told in
            try await add("new.mp4", to: indexed)
            #expect(try await next(told).savedSearch == "z lenient")
            try await add("other-1.mp4", to: indexed)
            let names = try await [next(told), next(told)].map(\.savedSearch)
            #expect(Set(names) == ["z lenient", "elsewhere"])
        }
        indexed.library.close()
    }

    @Test func `text that says all of the query matches, whatever the picture`() async throws {
        let indexed = try await IndexedLibrary(reranker: Self.reranker(0.01))
        _ = try await indexed.backend.save(API.SaveSearch(query: "red lighthouse"), as: "both")
        _ = try await indexed.backend.save(API.SaveSearch(query: "lighthouse", channel: .words), as: "words")
        try await running(indexed) { told in
            try await add("a lighthouse.mp4", to: indexed)
            let event = try await next(told)
            #expect(event.savedSearch == "words" && event.result?.line?.text == "a lighthouse")
            try await add("the red lighthouse.mp4", to: indexed)
            let names = try await [next(told), next(told)].map(\.savedSearch)
            #expect(Set(names) == ["both", "words"])
        }
        indexed.library.close()
    }

    @Test func `what can't be saved says why, and changes nothing`() async throws {
        let indexed = try await IndexedLibrary(reranker: Self.reranker(0.75))
        let backend = indexed.backend
        func refused(_ search: API.SaveSearch, as name: String = "new") async -> APIError.Code? {
            await code { _ = try await backend.save(search, as: name) }
        }
        _ = try await backend.save(API.SaveSearch(query: "a dog"), as: "dog")
        #expect(await refused(API.SaveSearch(query: "a cat"), as: "dog") == .savedSearchExists)
        #expect(await refused(API.SaveSearch(query: " ")) == .emptyQuery)
        #expect(await refused(API.SaveSearch(query: "q"), as: "a/b") == .invalidRequest)
        #expect(await refused(API.SaveSearch(query: "q", filters: .init(root: 99))) == .rootNotFound)
        #expect(await refused(API.SaveSearch(query: "q", filters: .init(pathGlob: "["))) == .invalidRequest)
        #expect(await refused(API.SaveSearch(query: "q", minProbability: 2)) == .invalidRequest)
        #expect(await refused(API.SaveSearch(query: "q", command: ["true"])) == .forbidden)
        #expect(try await backend.savedSearches().savedSearches.map(\.query) == ["a dog"])
        let replaced = try await backend.save(API.SaveSearch(query: "a cat", replace: true), as: "dog")
        #expect(!replaced.isNew)
        #expect(try await backend.savedSearch("dog").query == "a cat")
        try await backend.removeSavedSearch("dog")
        #expect(await code { try await backend.removeSavedSearch("dog") } == .savedSearchNotFound)
        #expect(await code { _ = try await backend.savedSearch("dog") } == .savedSearchNotFound)
        indexed.library.close()
    }

    @Test func `a model that can't tell what matches is asked of text alone`() async throws {
        for reranker in [Self.reranker(0.75, threshold: nil), nil] {
            let indexed = try await IndexedLibrary(reranker: reranker)
            let backend = indexed.backend
            #expect(await code { _ = try await backend.save(API.SaveSearch(query: "q"), as: "q") } == .invalidRequest)
            _ = try await backend.save(API.SaveSearch(query: "q", channel: .words), as: "words")
            _ = try await backend.save(API.SaveSearch(query: "\"q\""), as: "quoted")
            let least = API.SaveSearch(query: "q", minProbability: 0.5)
            let outcome = await code { _ = try await backend.save(least, as: "least") }
            #expect(outcome == (reranker == nil ? .invalidRequest : nil))
            indexed.library.close()
        }
    }

    /// A program that notes its arguments, a line each, and what it was given beside them.
    private func recorder(in directory: TemporaryDirectory) throws -> (program: FilePath, notes: FilePath) {
        let notes = directory.path.appending("notes")
        let script = """
            #!/bin/sh
            { printf '%s\\n' "$@"; env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD='; cat; echo; } >> '\(notes)'
            """
        let program = try directory.write(Data(script.utf8), to: "record")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.string)
        return (program, notes)
    }

    private func paragraphs(_ notes: FilePath) -> [String] {
        let text = (try? String(contentsOfFile: notes.string, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "\n\n").filter { !$0.isEmpty }
    }

    private func waiting(_ indexed: IndexedLibrary) async throws -> Int {
        try await indexed.backend.savedSearches().savedSearches.map(\.waiting).reduce(0, +)
    }

    private var allowed: Configuration.Saved {
        var settings = Configuration.Saved()
        settings.commands = true
        return settings
    }

    @Test func `a command is run for each match, with its arguments and little else`() async throws {
        let directory = try TemporaryDirectory()
        let (program, notes) = try recorder(in: directory)
        let indexed = try await IndexedLibrary(
            in: directory, reranker: Self.reranker(0.75), savedSettings: allowed,
            environment: ["PATH": "/usr/bin:/bin", "HOME": "/h", "SECRET": "x"])
        let command = [program.string, "--name={name}", "{file}", "{start} {end}", "{probability}", "$(id)"]
        let saved = try await indexed.backend.save(API.SaveSearch(query: "grey", command: command), as: "a name")
        #expect(saved.search.command == command)
        try await running(indexed) { _ in
            let file = try await add("new film.mp4", to: indexed)
            try await eventually { try await waiting(indexed) == 0 && paragraphs(notes).count == 1 }
            let lines = try #require(paragraphs(notes).first).split(separator: "\n").map(String.init)
            #expect(lines.prefix(5) == ["--name=a name", file.string, "0.000 2.000", "0.750", "$(id)"])
            #expect(Set(lines.dropFirst(5)) == ["PATH=/usr/bin:/bin", "HOME=/h"])
        }
        indexed.library.close()
    }

    @Test func `commands beyond a minute's number wait for the next, in order`() async throws {
        let directory = try TemporaryDirectory()
        let (program, notes) = try recorder(in: directory)
        var settings = allowed
        settings.commandsPerMinute = 2
        // However far the clock is moved, the command itself has its time.
        settings.commandTimeoutSeconds = 1e9
        let clock = ManualClock()
        let indexed = try await IndexedLibrary(
            in: directory, reranker: Self.reranker(0.75), savedSettings: settings, clock: clock)
        _ = try await indexed.backend.save(
            API.SaveSearch(query: "grey", command: [program.string, "{file}"]), as: "grey")
        var files: [String] = []
        for number in 1...3 { files.append(try await add("new-\(number).mp4", to: indexed).string) }
        func noted() -> [String] { paragraphs(notes).compactMap { $0.split(separator: "\n").first.map(String.init) } }
        try await running(indexed) { _ in
            try await eventually { try await waiting(indexed) == 1 && noted().count == 2 }
            // Again, should it not have been asleep yet.
            try await eventually {
                clock.advance(61)
                return try await waiting(indexed) == 0 && noted().count == 3
            }
            #expect(noted() == files)
        }
        indexed.library.close()
    }

    @Test func `a command that doesn't end is killed, one that fails or is gone holds nobody up`() async throws {
        let directory = try TemporaryDirectory()
        let (program, notes) = try recorder(in: directory)
        let gone = try directory.write(Data("#!/bin/sh\n".utf8), to: "gone")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: gone.string)
        let clock = ManualClock()
        let indexed = try await IndexedLibrary(
            in: directory, reranker: Self.reranker(0.75), savedSettings: allowed, clock: clock)
        for (name, command) in [
            ("1", ["/bin/sh", "-c", "sleep 1000 & wait"]), ("2", ["/bin/false"]), ("3", [gone.string]),
            ("4", [program.string, "at last"]),
        ] {
            _ = try await indexed.backend.save(API.SaveSearch(query: "grey", command: command), as: name)
        }
        try FileManager.default.removeItem(atPath: gone.string)
        try await add("new.mp4", to: indexed)
        try await running(indexed) { _ in
            try await eventually {
                let left = try await waiting(indexed)
                // Once all are there and the first one runs; the last has its time.
                if left > 3 { clock.advance(61) }
                return left == 0 && !paragraphs(notes).isEmpty
            }
            #expect(paragraphs(notes).first?.hasPrefix("at last") == true)
        }
        indexed.library.close()
    }

    @Test func `a command that ran when the daemon was killed is run again, one that had ended is not`() async throws {
        let directory = try TemporaryDirectory()
        let notes = directory.path.appending("notes")
        // The first has ended by then, the second ends when it is told to.
        let script = "echo {file} >> '\(notes)'; case {file} in */two.mp4) exec sleep 1000;; esac"
        let indexed = try await IndexedLibrary(
            in: directory, reranker: Self.reranker(0.75), savedSettings: allowed)
        _ = try await indexed.backend.save(
            API.SaveSearch(query: "grey", command: ["/bin/sh", "-c", script]), as: "slow")
        let files = try await [add("one.mp4", to: indexed).string, add("two.mp4", to: indexed).string]
        func noted() -> [String] {
            ((try? String(contentsOfFile: notes.string, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
        }
        defer { withExtendedLifetime(directory) {} }
        let copy = try TemporaryDirectory()
        try await running(indexed) { _ in
            try await eventually { try await waiting(indexed) == 1 && noted() == files }
            // What a killed daemon leaves.
            for name in try FileManager.default.contentsOfDirectory(atPath: directory.path.string) {
                try FileManager.default.copyItem(
                    atPath: directory.path.appending(name).string, toPath: copy.path.appending(name).string)
            }
        }
        indexed.library.close()
        let again = try await IndexedLibrary(in: copy, reranker: Self.reranker(0.75), savedSettings: allowed)
        try await running(again) { _ in
            try await eventually { noted() == files + [files[1]] }
        }
        again.library.close()
    }

    @Test func `the end of the daemon ends a command`() async throws {
        let directory = try TemporaryDirectory()
        let started = directory.path.appending("started")
        let indexed = try await IndexedLibrary(
            in: directory, reranker: Self.reranker(0.75), savedSettings: allowed)
        _ = try await indexed.backend.save(
            API.SaveSearch(query: "grey", command: ["/bin/sh", "-c", "touch '\(started)'; sleep 1000"]), as: "slow")
        try await add("new.mp4", to: indexed)
        try await running(indexed) { _ in
            try await eventually { FileManager.default.fileExists(atPath: started.string) }
        }
        indexed.library.close()
    }
}
