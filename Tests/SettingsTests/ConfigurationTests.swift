import Foundation
import Settings
import SystemPackage
import TestSupport
import Testing

struct ConfigurationTests {
    /// A folder of its own with a configuration file in it.
    private func withFile<Result>(_ yaml: String, _ body: (FilePath) throws -> Result) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "saccade-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "config.yaml")
        try Data(yaml.utf8).write(to: file)
        return try body(FilePath(file.path))
    }

    private func load(
        yaml: String? = nil,
        environment: [String: String] = [:],
        arguments: [ConfigurationArgument] = []
    ) throws -> Configuration {
        guard let yaml else {
            return try Configuration.load(
                environment: environment, arguments: arguments, currentDirectory: "/home/me/here",
                systemFile: "/nonexistent")
        }
        return try withFile(yaml) { file in
            try Configuration.load(
                file: file, environment: environment, arguments: arguments, currentDirectory: "/home/me/here",
                systemFile: "/nonexistent")
        }
    }

    private func failure(
        yaml: String? = nil,
        environment: [String: String] = [:],
        arguments: [ConfigurationArgument] = []
    ) -> ConfigurationError? {
        do {
            _ = try load(yaml: yaml, environment: environment, arguments: arguments)
            return nil
        } catch {
            return error as? ConfigurationError
        }
    }

    @Test func `arguments win over the environment, and that over the file, and that over defaults`() throws {
        let yaml = "log_level: debug\nhttp:\n  max_requests: 3\n  max_results: 7\n"
        let environment = ["SACCADE_HTTP_MAX_REQUESTS": "4", "SACCADE_LOG_LEVEL": "error"]
        #expect(try load().http.maxRequests == 64)
        #expect(try load(yaml: yaml).http.maxRequests == 3)
        #expect(try load(yaml: yaml, environment: environment).http.maxRequests == 4)
        let all = try load(
            yaml: yaml, environment: environment, arguments: [ConfigurationArgument("http.max_requests", "5")])
        #expect(all.http.maxRequests == 5)
        #expect(all.http.maxResults == 7)
        #expect(all.logLevel == "error")
    }

    @Test func `only who names no place, and has no file but the system's, may mean the system's service`() throws {
        #expect(try load().leavesPlaceOpen)
        #expect(try load(environment: ["SACCADE_LOG_LEVEL": "debug"]).leavesPlaceOpen)
        #expect(try !load(environment: ["SACCADE_STATE": "/s"]).leavesPlaceOpen)
        #expect(try !load(arguments: [ConfigurationArgument("socket", "/s")]).leavesPlaceOpen)
        #expect(try !load(yaml: "log_level: debug").leavesPlaceOpen)
        try withFile("state: /var/lib/saccade") { file in
            let system = try Configuration.load(environment: [:], currentDirectory: "/home/me/here", systemFile: file)
            #expect(system.file == file && system.leavesPlaceOpen)
        }
    }

    @Test func `every key can be set in every way`() throws {
        let values = [
            "log_level": "debug", "http.tcp_port": "8080", "ingest.frames_per_second": "1.5",
            "ingest.rebuild_share": "0.25",
            "http.request_timeout_seconds": "1.5", "http.max_results": "999",
            "http.page_origin": "https://videos.example.org", "http.base_path": "/videos",
            "ingest.rerank_features": "compact", "ingest.follow_links": "true", "saved.commands": "true",
            "index.kind": "exact", "index.recall": "0.9",
            "ingest.removal_share": "0.25", "ingest.quiet_hours": "22:00-07:00", "ingest.on_battery": "true",
            "ingest.max_cpu_pressure": "50", "ingest.max_io_pressure": "50", "ingest.max_memory_pressure": "50",
        ]
        for key in ConfigurationKey.all {
            let isPath = ["state", "socket", "roots", "model", "decoder", "http.token_file"].contains(key.name)
            let value = values[key.name] ?? (isPath ? "/some/path" : "1024")
            guard key.name != "http.tcp_port" else { continue }
            let usable = [
                "ingest.decoders": "3", "ingest.settle_seconds": "3", "thumbnails.timeout_seconds": "3",
                "saved.commands_per_minute": "3",
                "previews.timeout_seconds": "3", "catalog.keep_deleted_days": "3",
                "fleet.address": "https://attic.example",
            ]
            let text = usable[key.name] ?? value
            let parts = key.name.split(separator: ".")
            let yaml = parts.count == 2 ? "\(parts[0]):\n  \(parts[1]): \(text)\n" : "\(key.name): \(text)\n"
            let fromFile = try withFile(yaml) { file in
                var configuration = try Configuration.load(
                    file: file, environment: [:], currentDirectory: "/home/me/here", systemFile: "/nonexistent")
                configuration.file = nil
                configuration.leavesPlaceOpen = !["state", "socket"].contains(key.name)
                return configuration
            }
            let fromEnvironment = try load(environment: [key.environmentName: text])
            let fromArguments = try load(arguments: [ConfigurationArgument(key.name, text)])
            #expect(fromFile == fromEnvironment, "\(key.name)")
            #expect(fromFile == fromArguments, "\(key.name)")
            #expect(fromFile != (try load()), "\(key.name)")
        }
    }

    @Test func `an unknown key in the file names the key, the line and the nearest known one`() throws {
        let error = try #require(failure(yaml: "log_level: info\nhttp:\n  max_reqests: 3\n"))
        #expect(error.code == .unknownKey)
        #expect(error.origin.hasSuffix("/config.yaml:3"))
        #expect(error.message == "unknown key “http.max_reqests”; did you mean “http.max_requests”?")
        #expect(failure(yaml: "watch:\n  roots: 3\n")?.code == .unknownKey)
        #expect(failure(yaml: "rots: [/a]\n")?.message == "unknown key “rots”; did you mean “roots”?")
        #expect(failure(yaml: "state:\n  deep: 3\n")?.code == .invalidValue)
        #expect(failure(yaml: "zzzzzzzz:\n")?.code == .unknownKey)
    }

    @Test func `a misspelt variable is an error, and those of scripts around us are noted`() throws {
        let error = try #require(failure(environment: ["SACCADE_SOKET": "/s"]))
        #expect(error.code == .unknownKey)
        #expect(error.message == "unknown variable SACCADE_SOKET; did you mean SACCADE_SOCKET?")
        #expect(try load(environment: ["SACCADE_BIN": "/x"]).notices.count == 1)
        #expect(failure(environment: ["SACCADE_SIMD": "avx2", "SACCADE_THREADS": "2", "PATH": "/bin"]) == nil)
    }

    @Test func `an unknown argument is an error`() {
        #expect(failure(arguments: [ConfigurationArgument("soket", "/s")])?.code == .unknownKey)
    }

    @Test(arguments: [
        "http:\n  max_requests: many\n", "http:\n  max_requests: 0\n", "http:\n  max_requests: 99999999999999999999\n",
        "http:\n  max_requests: [1, 2]\n", "http:\n  request_timeout_seconds: nan\n", "log_level: loud\n",
        "state: \"\"\n", "http:\n  page_origin: https://a/b\n", "http:\n  page_origin: a\n",
        "http:\n  base_path: videos\n",
        "http:\n  base_path: /a/../b\n", "http:\n  base_path: /a b\n",
        "ingest:\n  quiet_hours: 22-7\n", "ingest:\n  quiet_hours: \"\"\n", "ingest:\n  removal_share: 0\n",
        "ingest:\n  max_memory_pressure: 101\n",
    ])
    func `a value that can't be is refused with what could`(yaml: String) throws {
        let error = try #require(failure(yaml: yaml))
        #expect(error.code == .invalidValue)
        #expect(error.message.contains("expected ") || error.message.contains("takes one value"))
    }

    @Test func `an invalid value is told with what was expected`() {
        #expect(
            failure(yaml: "http:\n  max_requests: many\n")?.message
                == "invalid value “many” for “http.max_requests”: expected a whole number from 1 to 4096")
        #expect(
            failure(environment: ["SACCADE_INGEST_FRAMES_PER_SECOND": "0"])?.message
                == "invalid value “0” for “ingest.frames_per_second”: expected a number from 0.1 to 30")
        #expect(
            failure(environment: ["SACCADE_INGEST_RERANK_FEATURES": "none"])?.message
                == "invalid value “none” for “ingest.rerank_features”: expected one of full, compact")
    }

    @Test(arguments: [
        ("ingest.memory", "ingest.rerank_features"), ("http.request_seconds", "http.request_timeout_seconds"),
        ("http.idle_seconds", "http.idle_timeout_seconds"),
    ])
    func `a key's old name is an error that names the new one`(old: String, new: String) throws {
        #expect(ConfigurationKey.named(new) != nil)
        let parts = old.split(separator: ".")
        for value in ["compact", "", "{deep: 1}", "[1, 2]"] {
            let error = try #require(failure(yaml: "\(parts[0]):\n  \(parts[1]): \(value)\n"))
            #expect(error.code == .unknownKey && error.message == "“\(old)” is now “\(new)”")
            #expect(error.origin.hasSuffix("/config.yaml:2"))
        }
        #expect(
            failure(arguments: [ConfigurationArgument(old, "compact")])?.message == "“\(old)” is now “\(new)”")
        let variable = { (key: String) in "SACCADE_" + key.uppercased().replacing(".", with: "_") }
        #expect(
            failure(environment: [variable(old): "compact"])?.message == "\(variable(old)) is now \(variable(new))")
    }

    @Test(arguments: ["- a\n- b\n", "just text\n", "a: [\n", "a: {b: c\n", "\t- x", "a: 1\na: 2\n"])
    func `a file that is not a mapping or not YAML is refused`(yaml: String) throws {
        let error = try #require(failure(yaml: yaml))
        #expect(error.origin.contains("config.yaml"))
    }

    @Test func `a key without a value says so`() {
        #expect(failure(yaml: "state:\n")?.code == .missingValue)
    }

    @Test(arguments: ["", "# nothing yet\n", "---\n"])
    func `an empty file means defaults`(yaml: String) throws {
        #expect(try load(yaml: yaml).http == Configuration.HTTP())
    }

    @Test func `a named file that isn't there is an error`() {
        #expect(failure(environment: ["SACCADE_CONFIG": "/nonexistent/c.yaml"])?.code == .unreadableFile)
    }

    @Test func `relative paths of a file are relative to it, and ~ is the home directory`() throws {
        let yaml = "state: data\nroots:\n  - ~/Videos\n  - more/../more\n  - /absolute\n"
        try withFile(yaml) { file in
            let directory = file.removingLastComponent()
            let configuration = try Configuration.load(
                file: file, environment: ["HOME": "/home/me"], currentDirectory: "/home/me/here",
                systemFile: "/nonexistent")
            #expect(configuration.state == directory.appending("data"))
            #expect(configuration.roots == ["/home/me/Videos", directory.appending("more"), "/absolute"])
        }
        #expect(try load(environment: ["SACCADE_ROOTS": "a:/b"]).roots == ["/home/me/here/a", "/b"])
    }

    @Test func `the state and the socket follow systemd, then XDG, then the home directory`() throws {
        let home = ["HOME": "/home/me"]
        #expect(try load(environment: home).state == "/home/me/.local/state/saccade")
        #expect(try load(environment: home).socket == "/home/me/.local/state/saccade/saccade.sock")
        let xdg = home.merging(["XDG_STATE_HOME": "/x", "XDG_RUNTIME_DIR": "/run/user/7"]) { $1 }
        #expect(try load(environment: xdg).state == "/x/saccade")
        #expect(try load(environment: xdg).socket == "/run/user/7/saccade.sock")
        let systemd = xdg.merging(["STATE_DIRECTORY": "/var/lib/saccade:/b", "RUNTIME_DIRECTORY": "/run/saccade"]) {
            $1
        }
        #expect(try load(environment: systemd).state == "/var/lib/saccade")
        #expect(try load(environment: systemd).socket == "/run/saccade/saccade.sock")
        #expect(try load(arguments: [ConfigurationArgument("state", "/s")]).socket == "/s/saccade.sock")
        #expect(
            try load(environment: xdg, arguments: [ConfigurationArgument("state", "/s")]).socket == "/s/saccade.sock")
    }

    @Test func `a TCP port without a token is refused`() {
        #expect(failure(environment: ["SACCADE_HTTP_TCP_PORT": "8080"])?.code == .missingValue)
        #expect(failure(environment: ["SACCADE_HTTP_TCP_PORT": "8080", "SACCADE_HTTP_TOKEN_FILE": "/t"]) == nil)
    }

    @Test func `reloading takes what it can and names what waits for a restart`() throws {
        var running = try load()
        let new = try load(
            environment: ["SACCADE_LOG_LEVEL": "debug", "SACCADE_ROOTS": "/v", "SACCADE_MODEL": "/m"])
        #expect(running.reload(from: new) == ["model"])
        #expect(running.logLevel == "debug")
        #expect(running.roots == ["/v"])
        #expect(running.model == nil)
    }

    /// A text for every key that is valid and not its default.
    private static let otherValues = [
        "ingest.removal_share": "0.25", "ingest.quiet_hours": "22:00-07:00", "ingest.on_battery": "true",
        "ingest.max_cpu_pressure": "50", "ingest.max_io_pressure": "50", "ingest.max_memory_pressure": "50",
        "state": "/s", "socket": "/s", "roots": "/v", "model": "/m", "decoder": "/d", "log_level": "debug",
        "ingest.rerank_features": "compact", "ingest.follow_links": "true", "ingest.settle_seconds": "3",
        "index.kind": "exact", "index.recall": "0.9",
        "ingest.decoders": "3", "ingest.rebuild_share": "0.25",
        "ingest.frames_per_second": "3", "http.tcp_port": "8080", "http.token_file": "/t", "http.max_results": "999",
        "thumbnails.timeout_seconds": "3", "http.page_origin": "http://nas:8080", "http.base_path": "/videos",
        "saved.commands": "true", "saved.commands_per_minute": "3", "saved.command_timeout_seconds": "3",
        "previews.timeout_seconds": "3", "catalog.keep_deleted_days": "3", "fleet.address": "https://attic.example",
    ]

    @Test func `reloading takes exactly the values of reloadable keys`() throws {
        for key in ConfigurationKey.all {
            var arguments = [ConfigurationArgument(key.name, Self.otherValues[key.name] ?? "1025")]
            // A port requires a token.
            if key.name == "http.tcp_port" { arguments.append(ConfigurationArgument("http.token_file", "/t")) }
            var new = try load(arguments: arguments)
            // Another state directory alone is another socket too.
            if key.name == "state" { new.socket = try load().socket }
            let old = try load()
            var running = old
            let waiting = running.reload(from: new)
            if key.isReloadable {
                #expect(waiting.isEmpty && running == new && new != old, "\(key.name)")
            } else {
                #expect(waiting.contains(key.name) && running == old, "\(key.name)")
            }
        }
    }

    @Test func `a default that is a value is the one that a configuration without settings has`() throws {
        let inWords = ["state", "socket", "model", "decoder", "ingest.decoders", "fleet.name"]
        for key in ConfigurationKey.all where !inWords.contains(key.name) {
            guard key.defaultText != "none" else {
                #expect(
                    [
                        "roots", "http.tcp_port", "http.token_file", "http.page_port", "http.page_origin",
                        "ingest.ignore", "ingest.quiet_hours", "access.users", "access.groups", "access.search_users",
                        "access.search_groups", "fleet.url", "fleet.address",
                    ].contains(key.name))
                continue
            }
            let said = try load(arguments: [ConfigurationArgument(key.name, key.defaultText)])
            #expect(said == (try load()), "\(key.name)")
        }
        #expect(ConfigurationKey.named("http.max_requests")?.defaultText == "64")
        #expect(ConfigurationKey.named("ingest.frames_per_second")?.defaultText == "2")
        let configuration = try load()
        #expect(configuration.roots.isEmpty && configuration.http.tcpPort == nil && configuration.http.tokenFile == nil)
        #expect(configuration.model == nil && configuration.decoder == nil && configuration.ingest.decoders == nil)
    }

    @Test func `the documentation has a row for every key that says what the key says`() throws {
        let page = FilePath(#filePath).removingLastComponent().appending("../../docs/CONFIGURATION.md")
        let text = try String(contentsOf: URL(filePath: page.string), encoding: .utf8)
        let rows = text.split(separator: "\n").map(String.init)
        for key in ConfigurationKey.all {
            let reload = key.isReloadable ? "now" : "restart"
            let row =
                "| `\(key.name)` | `\(key.environmentName)` | \(key.expected) | \(key.defaultText) | \(reload) | \(key.summary) |"
            #expect(rows.contains(row), "add this row: \(row)")
        }
        #expect(
            rows.count { $0.hasPrefix("| `") && $0.contains(" | now | ") || $0.contains(" | restart | ") }
                == ConfigurationKey.all.count)
    }
}
