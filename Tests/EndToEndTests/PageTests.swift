import Foundation
import SystemPackage
import TestSupport
import Testing

/// The search page of a real daemon, as a browser would ask for it.
struct PageTests {
    /// Opens an address as a browser does that keeps cookies, then the page and the status; prints what it got, a line each.
    private static let visit = #"""
        import http.cookiejar, sys, urllib.error, urllib.parse, urllib.request
        jar = http.cookiejar.CookieJar()
        known = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        stranger = urllib.request.build_opener()
        start = urllib.parse.urljoin(sys.argv[1], "./")
        def ask(opener, address):
            try:
                with opener.open(address) as answer: return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error: return error.code, ""
        print(ask(stranger, start + "v1/status")[0])
        print(ask(known, sys.argv[1])[0])
        print(ask(known, sys.argv[1].replace("key=", "key=0"))[0], ask(stranger, sys.argv[1])[0])
        print("app.js" in ask(known, start)[1], "import" in ask(known, start + "app.js")[1])
        print(ask(known, start + "v1/status")[0], '"model"' in ask(known, start + "v1/status")[1])
        """#

    @Test func `saccade open lets a browser into the page, which stays let in when the daemon restarts`() async throws {
        let home = try TemporaryDirectory()
        var daemon = try await RunningDaemon(in: home.path)
        let places = ["--state", daemon.state.string]
        let opened = try await saccade(["open", "--print"] + places, home: home.path)
        #expect(opened.status == 0, "\(opened.errors)")
        let address = opened.text.trimmingCharacters(in: .newlines)
        #expect(address.hasPrefix("http://127.0.0.1:"))
        let said = String(decoding: try await TestVideo.run("python3", ["-c", Self.visit, address]), as: UTF8.self)
        #expect(said == "401\n200\n200 403\nTrue True\n200 True\n")

        let secret = daemon.state.appending("page.key").string
        let before = FileManager.default.contents(atPath: secret)
        #expect(before?.count == 32)
        _ = try await daemon.terminate()
        daemon = try await RunningDaemon(in: home.path)
        #expect(FileManager.default.contents(atPath: secret) == before)
    }

    @Test func `the desktop's browser is started at the address, and without one the address is enough`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        let places = ["--state", daemon.state.string]
        let program = try home.write(Data("#!/bin/sh\necho \"started $1\"\n".utf8), to: "xdg-open")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.string)
        let desktop = ["DISPLAY": ":0", "PATH": "\(home.path):/usr/bin:/bin"]
        let opened = try await saccade(["open"] + places, home: home.path, environment: desktop)
        let lines = opened.text.split(separator: "\n")
        #expect(opened.status == 0 && lines.count == 2 && lines.last == "started \(lines[0])", "\(opened.text)")

        let none = ["DISPLAY": "", "WAYLAND_DISPLAY": "", "BROWSER": ""]
        let alone = try await saccade(["open"] + places, home: home.path, environment: none)
        #expect(alone.status == 0 && alone.text.hasPrefix("http://127.0.0.1:"))
        #expect(alone.errors.contains("no desktop"))
    }

    @Test func `without a daemon there is no page to open`() async throws {
        let home = try TemporaryDirectory()
        let opened = try await saccade(["open", "--print", "--state", "state"], home: home.path)
        #expect(opened.status == 69 && opened.text.isEmpty)
    }
}
