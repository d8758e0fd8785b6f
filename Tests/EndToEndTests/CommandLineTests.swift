import Foundation
import SystemPackage
import TestSupport
import Testing

/// What the program does before there is any daemon or index.
struct CommandLineTests {
    private let home = Result { try TemporaryDirectory() }

    private func run(_ arguments: String...) async throws -> Outcome {
        try await saccade(arguments, home: home.get().path)
    }

    @Test func `help names every command, and each has its own`() async throws {
        let help = try await run("--help")
        #expect(help.status == 0)
        let commands = [
            "serve", "search", "open", "status", "watch", "index", "train", "calibrate", "evaluate", "model", "doctor",
        ]
        for command in commands {
            #expect(help.text.contains("\n  \(command)"), "\(command) is missing from --help")
            let own = try await run(command, "--help")
            #expect(own.status == 0)
            #expect(own.text.contains("saccade \(command)"))
        }
    }

    @Test(arguments: [
        "serve", "search", "open", "cut", "status", "watch", "watch add", "watch list", "watch remove", "watch confirm",
        "pause", "resume", "index",
        "describe", "model", "model info", "model import", "model embed", "duplicates", "backup", "restore", "verify",
        "mcp", "doctor",
    ])
    func `help of a command has an example`(command: String) async throws {
        let help = try await saccade(["help"] + command.split(separator: " ").map { String($0) }, home: home.get().path)
        #expect(help.status == 0)
        #expect(
            help.text.contains("\n  saccade \(command)") || help.text.contains("-- saccade \(command)"), "\(help.text)")
    }

    @Test(arguments: [["train"], ["train", "slow"], ["calibrate"], ["evaluate"]])
    func `help of the commands of saccade-train is that program's own`(words: [String]) async throws {
        let asked = try await saccade(["help"] + words, home: home.get().path)
        let own = try await saccade(words + ["--help"], home: home.get().path)
        #expect(asked.status == 0 && asked.text == own.text)
        #expect(asked.text.contains("USAGE: saccade \(words.joined(separator: " "))"), "\(asked.text)")
        #expect(asked.text.contains(words == ["train"] ? "export" : "--model"))
    }

    @Test(arguments: [["nosuch"], ["watch", "nosuch"], ["train", "nosuch"]])
    func `help on what isn't a command is wrong usage, with a hint`(words: [String]) async throws {
        let outcome = try await saccade(["help"] + words, home: home.get().path)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("nosuch") && outcome.errors.contains("--help"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test func `a wrong option is wrong usage`() async throws {
        let outcome = try await run("search", "cat", "--limt", "3")
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("--limt"))
    }

    @Test func `without a daemon and an index, one line says what to do`() async throws {
        for arguments in [["search", "a cat"], ["status"], ["watch", "list"]] {
            let outcome = try await saccade(arguments, home: home.get().path)
            #expect(outcome.status == 69, "\(arguments)")
            #expect(outcome.output.isEmpty)
            let lines = outcome.errors.split(separator: "\n")
            #expect(lines.count == 1)
            #expect(lines.first?.contains("saccade serve") == true)
        }
    }

    @Test func `an unknown key of the configuration is an error that names the nearest`() async throws {
        let file = try home.get().write(Data("http:\n  max_querry_bytes: 7\n".utf8), to: "config.yaml")
        let outcome = try await run("status", "--config", file.string)
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("max_query_bytes"))
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions come for every shell`(shell: String) async throws {
        let outcome = try await run("--generate-completion-script", shell)
        #expect(outcome.status == 0)
        #expect(outcome.text.contains("saccade"))
    }

    @Test func `the manual page describes every command in roff`() async throws {
        let outcome = try await run("manual")
        #expect(outcome.status == 0)
        #expect(outcome.text.hasPrefix(".TH SACCADE 1"))
        for command in ["serve", "search", "watch add", "doctor"] {
            #expect(outcome.text.contains(".SS saccade \(command)"))
        }
    }

    @Test func `every command has a manual page of its own`() async throws {
        let names = try await run("manual", "--list").text.split(separator: "\n").map(String.init)
        #expect(Set(names).isSuperset(of: ["serve", "search", "watch", "saved", "model", "doctor"]))
        #expect(Set(names).isDisjoint(with: ["manual", "help", "train", "calibrate", "evaluate"]))
        let whole = try await run("manual").text
        for name in names {
            let page = try await run("manual", name)
            #expect(page.status == 0)
            #expect(page.text.hasPrefix(".TH SACCADE\\-\(name.uppercased()) 1"), "\(name)")
            for section in [".SH NAME\nsaccade\\-\(name) \\- ", ".SH SYNOPSIS\n", ".SH SEE ALSO\n.BR saccade (1)"] {
                #expect(page.text.contains(section), "\(name): \(section)")
            }
            #expect(whole.contains(".BR saccade\\-\(name) (1)"), "\(name)")
        }
        let watch = try await run("manual", "watch").text
        #expect(watch.contains(".B saccade watch add DIR...") && watch.contains(".SS saccade watch remove"))
        let search = try await run("manual", "search").text
        #expect(search.contains(".SH OPTIONS\n") && search.contains("\\-\\-by\\-video"))
        #expect(try await run("manual", "nonsense").status == 64)
        #expect(try await run("manual", "search", "--list").status == 64)
    }

    @Test func `the training program has a manual page of its own`() async throws {
        let outcome = try await EndToEndTests.run(
            Installation.directory.appending("saccade-train"), ["manual"], home: home.get().path)
        #expect(outcome.status == 0)
        #expect(outcome.text.hasPrefix(".TH SACCADE\\-TRAIN 1"))
        for command in ["train import", "train slow", "train export", "calibrate", "evaluate"] {
            #expect(outcome.text.contains(".SS saccade \(command)"))
        }
    }

    @Test func `output to a file has no colours`() async throws {
        let outcome = try await run("doctor")
        #expect(!outcome.output.contains(0x1B))
    }

    @Test func `doctor finds the worker, its codecs and the kernels`() async throws {
        struct Finding: Decodable {
            var subject: String
            var verdict: String
        }
        let outcome = try await run("doctor", "--json")
        let findings = try outcome.decoded([Finding].self)
        let verdicts = Dictionary(findings.map { ($0.subject, $0.verdict) }) { first, _ in first }
        for subject in ["decoder", "model", "OpenBLAS", "inotify", "state", "configuration"] {
            #expect(verdicts[subject] == "good", "\(subject)")
        }
        #expect(verdicts["codecs"] != nil && verdicts["sandbox"] != nil)
        #expect(verdicts["socket"] == "notice")
    }

    @Test func `doctor says that a model is missing, and what to do`() async throws {
        let outcome = try await saccade(["doctor"], home: home.get().path, environment: ["SACCADE_MODEL": "/nowhere"])
        #expect(outcome.status == 1)
        let line = try #require(outcome.text.split(separator: "\n").first { $0.contains("model ") })
        #expect(line.hasPrefix("WRONG"))
        #expect(line.contains("/nowhere"))
    }
}
