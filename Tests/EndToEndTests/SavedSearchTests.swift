import API
import Client
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Saved searches with a real daemon, real videos, and the commands that people type.
@Suite(.timeLimit(.minutes(10))) struct SavedSearchTests {
    private func film(_ path: FilePath, seconds: Double = 2) async throws {
        try await TestVideo(width: 160, height: 120, seconds: seconds).write(to: path)
    }

    @Test func `a film that comes is told once, by an event and by a command, across a restart`() async throws {
        let home = try TemporaryDirectory()
        let allowed = ["SACCADE_SAVED_COMMANDS": "true"]
        var daemon = try await RunningDaemon(in: home.path, environment: allowed)
        try await film(daemon.footage.appending("old lighthouse.mp4"))
        try await daemon.waitUntilIndexed(1)
        let notes = home.path.appending("notes")
        let program = try home.write(
            Data("#!/bin/sh\nprintf '%s|' \"$@\" >> '\(notes)'; echo >> '\(notes)'\n".utf8), to: "tell")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.string)
        func saved(_ arguments: String...) async throws -> Outcome {
            try await saccade(["saved"] + arguments + ["--state", daemon.state.string], home: home.path)
        }
        let state = daemon.state.string
        let added = try await saccade(
            [
                "saved", "add", "a light", "lighthouse", "--text", "--state", state, "--run", program.string, "{name}",
                "{file}",
            ], home: home.path)
        #expect(added.status == 0, "\(added.errors)")
        let again = try await saved("add", "a light", "windmill")
        #expect(again.status == 65 && again.errors.contains("already"))
        let bad = try await saved("add", "x", "q", "--glob", "[")
        #expect(bad.status == 64 && bad.errors.contains("--glob"))
        #expect(try await saved("list").text.contains("a light"))

        let event = Observed<API.Event?>(nil)
        let client = daemon.client
        let reader = Task {
            try await client.events { told in
                guard told.kind == "saved_search_matched" else { return true }
                let data = Data(told.data)
                event.change { $0 = try? API.decoder().decode(API.Event.self, from: data) }
                return false
            }
        }
        let new = daemon.footage.appending("new lighthouse.mp4")
        try await film(new, seconds: 3)
        try await event.wait { $0 != nil }
        reader.cancel()
        #expect(event.value?.savedSearch == "a light" && event.value?.result?.media.path.text == new.string)
        #expect(event.value?.result?.line?.text == "new lighthouse")
        func told() -> [String] {
            let text = (try? String(contentsOfFile: notes.string, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").map(String.init)
        }
        try await eventually { told() == ["a light|\(new)|"] }

        #expect(try await daemon.terminate().status == 0)
        daemon = try await RunningDaemon(in: home.path, environment: allowed)
        let last = daemon.footage.appending("last lighthouse.mp4")
        try await film(last, seconds: 4)
        try await eventually { told().count > 1 }
        #expect(told() == ["a light|\(new)|", "a light|\(last)|"])
        let completed = try await saccade(
            ["---completion", "saved", "remove", "--", "positional@0", "1", "0", "--state", state], home: home.path)
        #expect(completed.text.contains("a light"), "\(completed.text) \(completed.errors)")
        #expect(try await saved("remove", "a light").status == 0)
        let gone = try await saved("remove", "a light")
        #expect(gone.status == 66 && gone.errors.contains("saved list"))
    }

    @Test func `commands are refused until the configuration allows them`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        try await film(daemon.footage.appending("a.mp4"))
        try await daemon.waitUntilIndexed(1)
        let refused = try await saccade(
            ["saved", "add", "n", "a dog", "--state", daemon.state.string, "--run", "true"], home: home.path)
        #expect(refused.status == 77 && refused.errors.contains("saved.commands"), "\(refused.errors)")
        let plain = try await saccade(["saved", "add", "n", "a dog", "--state", daemon.state.string], home: home.path)
        #expect(plain.status == 0, "\(plain.errors)")
    }
}
