import Client
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Another user of the machine at the daemon's socket.
@Suite(.timeLimit(.minutes(5)), .enabled(if: geteuid() == 0, "only root can ask as another user"))
struct AccessTests {
    /// Runs `saccade` as a user who is in no other group.
    private func ask(_ user: String, _ arguments: [String], _ home: FilePath) async throws -> Outcome {
        try await run(
            "/usr/bin/setpriv", ["--reuid", user, "--clear-groups", Installation.saccade.string] + arguments, home: home
        )
    }

    @Test func `another user asks what is granted, and no more`() async throws {
        let home = try TemporaryDirectory()
        let socket = home.path.appending("open.sock")
        let daemon = try await RunningDaemon(
            in: home.path,
            environment: ["SACCADE_SOCKET": socket.string, "SACCADE_ACCESS_SEARCH_USERS": "nobody"])
        let asked = try await ask("nobody", ["status", "--socket", socket.string], home.path)
        #expect(asked.status == 0, "\(asked.errors)")
        let changed = try await ask("nobody", ["watch", "add", "/srv", "--socket", socket.string], home.path)
        #expect(changed.status != 0 && changed.errors.contains("you may search here, not change anything"))
        let stranger = try await ask("daemon", ["status", "--socket", socket.string], home.path)
        #expect(
            stranger.status != 0 && stranger.errors.contains("this user may not use the daemon"), "\(stranger.errors)")
        // The daemon's own user.
        _ = try await daemon.client.send(.get, "/v1/status")
    }

    @Test func `the daemon's memory can't be read by its own user`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        // Without the capabilities that root has, as any user at a process of its own.
        let outcome = try await run(
            "/usr/bin/setpriv",
            ["--bounding-set=-all", "--inh-caps=-all", "head", "-c1", "/proc/\(daemon.identifier)/environ"],
            home: home.path)
        #expect(outcome.status != 0 && outcome.output.isEmpty)
        let own = try await run(
            "/usr/bin/setpriv", ["--bounding-set=-all", "--inh-caps=-all", "head", "-c1", "/proc/self/environ"],
            home: home.path)
        #expect(own.status == 0)
    }
}
