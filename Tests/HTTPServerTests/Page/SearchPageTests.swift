import API
import Foundation
import HTTPServer
import Settings
import Synchronization
import SystemPackage
import TestSupport
import Testing

struct SearchPageTests {
    @Test func `nobody listens on TCP before somebody asks over the socket, and then on loopback alone`() async throws {
        try await OpenedPage.run { page async throws in
            let url = try await OpenedPage.address(from: page.server).url
            #expect(url.hasPrefix("http://127.0.0.1:\(page.port)/open?key="))
        }
    }

    @Test func `without the files of the page, who asks for it is told`() async throws {
        try await RunningServer.run { server async throws in
            let answer = try await server.request("POST", "/v1/page")
            #expect(answer.status == 503 && answer.errorCode == "unavailable")
            #expect(answer.text.contains("make install"))
        }
    }

    @Test func `a key lets one browser in, once, and the cookie it gets is for this page alone`() async throws {
        try await OpenedPage.run { page async throws in
            #expect(page.cookie.hasPrefix("saccade_\(page.port)="))
            for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"] {
                #expect(page.cookieAttributes.split(separator: "; ").contains(Substring(part)), "\(part)")
            }
            #expect(!page.cookieAttributes.contains("Secure"))
            let url = try await OpenedPage.address(from: page.server).url
            let path = "/open?" + url.split(separator: "?")[1]
            let host = "Host: 127.0.0.1:\(page.port)\r\n"
            // The click on a link that stands on another page, such as a terminal in the browser.
            let click = host + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
            let first = try await page.send("GET", path, headers: click)
            #expect(first.status == 200 && first.headers["set-cookie"] != nil)
            #expect(first.text.contains("http-equiv=\"refresh\""))
            let second = try await page.send("GET", path, headers: click)
            #expect(second.status == 403 && second.headers["set-cookie"] == nil)
            #expect(second.text.contains("saccade open"))
            // Who was let in and loads the address again goes on to the page.
            let again = try await page.send("GET", path, headers: host + "Cookie: \(page.cookie)\r\n")
            #expect(again.status == 200 && again.headers["set-cookie"] == nil)
            for key in ["/open", "/open?key=", "/open?key=00000000000000000000000000000000"] {
                #expect(try await page.send("GET", key, headers: host).status == 403)
            }
        }
    }

    @Test func `a key is too old after five minutes, and a cookie after thirty days`() {
        let time = Mutex(Date(timeIntervalSince1970: 1_800_000_000))
        let now: @Sendable () -> Date = { time.withLock { $0 } }
        let keys = PageKeys(now: now)
        let (early, late) = (keys.make(), keys.make())
        #expect(early.key != late.key && early.key.count == 32)
        time.withLock { $0 += 299 }
        #expect(keys.use(early.key) == .full && keys.use(early.key) == nil)
        time.withLock { $0 += 1 }
        #expect(keys.use(late.key) == nil)

        let sessions = PageSessions(secret: [7], now: now)
        let cookie = sessions.begin()
        #expect(sessions.access(of: cookie) == .full)
        // A daemon that was restarted knows it by the secret; another daemon doesn't.
        #expect(PageSessions(secret: [7], now: now).access(of: cookie) == .full)
        #expect(PageSessions(secret: [8], now: now).access(of: cookie) == nil)
        time.withLock { $0 += PageSessions.lifetime }
        #expect(sessions.access(of: cookie) == nil)
    }

    @Test func `a cookie is refused with any character of it changed`() {
        let sessions = PageSessions(secret: Array("a secret".utf8))
        let cookie = sessions.begin()
        for place in cookie.indices {
            var changed = cookie
            changed.replaceSubrange(place...place, with: cookie[place] == "1" ? "2" : "1")
            #expect(sessions.access(of: changed) == nil)
        }
        let longer = "9" + cookie
        for bad in ["", ".", "..", "...", "1..", longer, cookie + ".", String(repeating: "9", count: 5000)] {
            #expect(sessions.access(of: bad) == nil)
        }
    }

    @Test func `keys that nobody uses are forgotten, the oldest first`() {
        let keys = PageKeys()
        let made = (0..<70).map { _ in keys.make().key }
        #expect(keys.use(made[0]) == nil && keys.use(made[5]) == nil)
        #expect(keys.use(made[6]) != nil && keys.use(made[69]) != nil)
    }

    @Test func `the API answers the page as it does the socket, and nobody without the cookie`() async throws {
        try await OpenedPage.run { page async throws in
            let status = try await page.ask("GET", "/v1/status")
            #expect(status.status == 200 && status.headers["cache-control"] == "no-store")
            #expect(status.headers["x-content-type-options"] == "nosniff")
            let search = try await page.ask("POST", "/v1/search", json: #"{"query":"a dog"}"#)
            #expect(search.status == 200)
            #expect(
                try await page.ask("GET", "/v1/clips/7/thumbnail.jpg?side=64").headers["content-type"] == "image/jpeg")
            #expect(try await page.ask("GET", "/v1/nothing").errorCode == "unknown_route")
            let method = try await page.ask("GET", "/v1/search")
            #expect(method.status == 405 && method.headers["allow"] == "POST")

            let host = "Host: 127.0.0.1:\(page.port)\r\n"
            let wrong = "saccade_\(page.port)=2000000000.00.00"
            for headers in [
                "", "Cookie: \(wrong)\r\n", "Cookie: x\(page.cookie)\r\n", "Cookie: saccade_1=\(page.cookie)\r\n",
            ] {
                let answer = try await page.send("GET", "/v1/status", headers: host + headers)
                #expect(answer.status == 401 && answer.errorCode == "unauthorized")
            }
            // The token of programs is none here.
            let token = try await page.send("GET", "/v1/status", headers: host + "Authorization: Bearer x\r\n")
            #expect(token.status == 401)
            #expect(try await page.ask("POST", "/v1/page").errorCode == "forbidden")
        }
    }

    @Test(arguments: [
        ("GET", "Host: evil.example\r\n"), ("GET", "Host: evil.example:PORT\r\n"),
        ("GET", "Host: 127.0.0.1.evil.example\r\n"),
        ("GET", "Host: 127.0.0.2:PORT\r\n"), ("GET", "Host: localhost@evil.example\r\n"), ("GET", ""),
        ("GET", "Host: 127.0.0.1:PORT\r\nOrigin: http://evil.example\r\n"),
        ("GET", "Host: 127.0.0.1:PORT\r\nOrigin: http://127.0.0.1:1\r\n"),
        ("GET", "Host: 127.0.0.1:PORT\r\nOrigin: null\r\n"),
        ("GET", "Host: 127.0.0.1:PORT\r\nSec-Fetch-Site: cross-site\r\n"),
        ("GET", "Host: 127.0.0.1:PORT\r\nSec-Fetch-Site: same-site\r\n"),
        ("GET", "Host: 127.0.0.1:PORT\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"),
        ("POST", "Host: 127.0.0.1:PORT\r\n"), ("DELETE", "Host: 127.0.0.1:PORT\r\n"),
        ("POST", "Host: 127.0.0.1:PORT\r\nOrigin: https://127.0.0.1:PORT\r\n"),
    ])
    func `another page may not ask, under whatever name`(method: String, headers: String) async throws {
        try await OpenedPage.run { page async throws in
            let headers = headers.replacing("PORT", with: "\(page.port)") + "Cookie: \(page.cookie)\r\n"
            let path = method == "DELETE" ? "/v1/roots/1" : method == "POST" ? "/v1/rescan" : "/v1/status"
            let answer = try await page.send(method, path, headers: headers)
            // A request without a name is none of HTTP/1.1.
            #expect(answer.status == 403 && answer.errorCode == "forbidden" || answer.status == 400)
        }
    }

    @Test func `a port that SSH forwards, and the name localhost, are as good`() async throws {
        try await OpenedPage.run { page async throws in
            for name in ["localhost:9999", "127.0.0.1", "[::1]:80"] {
                let answer = try await page.send(
                    "POST", "/v1/rescan",
                    headers:
                        "Host: \(name)\r\nOrigin: http://\(name)\r\nCookie: \(page.cookie)\r\nContent-Length: 0\r\n")
                #expect(answer.status == 202, "\(name)")
            }
        }
    }

    @Test func `files of the page have a type, a validator and a policy that lets nothing else in`() async throws {
        try await OpenedPage.run { page async throws in
            let host = "Host: 127.0.0.1:\(page.port)\r\n"
            let index = try await page.send("GET", "/", headers: host)
            #expect(index.status == 200 && index.text.contains("The page"))
            #expect(index.headers["content-type"] == "text/html; charset=utf-8")
            let script = try await page.send("GET", "/app.js?x=1", headers: host)
            #expect(script.headers["content-type"] == "text/javascript; charset=utf-8")
            for answer in [index, script] {
                let policy = try #require(answer.headers["content-security-policy"])
                #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self';"))
                #expect(
                    !policy.contains("unsafe") && !policy.contains("http") && policy.contains("frame-ancestors 'none'"))
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["referrer-policy"] == "no-referrer")
                #expect(answer.headers["cross-origin-resource-policy"] == "same-origin")
                #expect(answer.headers["cache-control"] == "no-cache")
            }
            let tag = try #require(script.headers["etag"])
            for list in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
                let known = try await page.send("GET", "/app.js", headers: host + "If-None-Match: \(list)\r\n")
                #expect(known.status == 304 && known.body.isEmpty && known.headers["etag"] == tag, "\(list)")
            }
            let other = try await page.send("GET", "/app.js", headers: host + "If-None-Match: \"x\"\r\n")
            #expect(other.status == 200)
        }
    }

    @Test(arguments: [
        "/notes.txt", "/nothing.html", "/../notes.txt", "/..%2fnotes.txt", "/%2e%2e/index.html", "/./index.html",
        "//index.html",
        "/index.html/", "/etc/passwd", "/v1", "/V1/status", "/index.html%00", "/INDEX.HTML",
    ])
    func `no path leads to another file`(path: String) async throws {
        try await OpenedPage.run { page async throws in
            let answer = try await page.send(
                "GET", path, headers: "Host: 127.0.0.1:\(page.port)\r\nCookie: \(page.cookie)\r\n")
            #expect(answer.status == 404 && answer.errorCode == "unknown_route", "\(path)")
        }
    }

    @Test func `behind a reverse proxy the page has its name, its path and an encrypted cookie`() async throws {
        let port = try RawClient.freePort()
        let change: (inout Configuration.HTTP) -> Void = {
            $0.pagePort = port
            $0.pageOrigin = "https://videos.example.org"
            $0.basePath = "/watch/it"
        }
        try await OpenedPage.run(settings: change, host: "videos.example.org") { page async throws in
            let url = try await OpenedPage.address(from: page.server).url
            #expect(url.hasPrefix("https://videos.example.org/watch/it/open?key="))
            let attributes = page.cookieAttributes.split(separator: "; ")
            #expect(attributes.contains("Path=/watch/it/") && attributes.contains("Secure"))
            let known = "Cookie: \(page.cookie)\r\nOrigin: https://videos.example.org\r\n"
            // Proxies pass the name on, or put the address that they connect to.
            for host in ["Host: videos.example.org\r\n", "Host: 127.0.0.1:\(port)\r\n"] {
                #expect(try await page.send("GET", "/watch/it/", headers: host).status == 200)
                #expect(try await page.send("GET", "/watch/it/v1/clips/7", headers: host + known).status == 200)
                let method = try await page.send("GET", "/watch/it/v1/search", headers: host + known)
                #expect(method.status == 405 && method.headers["allow"] == "POST")
                let bare = try await page.send("GET", "/watch/it", headers: host)
                #expect(bare.status == 308 && bare.headers["location"] == "/watch/it/")
                for path in ["/", "/v1/status", "/watch", "/watch/item", "/watch/itv1/status"] {
                    #expect(try await page.send("GET", path, headers: host + known).status == 404, "\(path)")
                }
            }
            let other = try await page.send(
                "GET", "/watch/it/v1/clips/7",
                headers: "Host: videos.example.org\r\nCookie: \(page.cookie)\r\nOrigin: https://example.org\r\n")
            #expect(other.errorCode == "forbidden")
        }
    }

    @Test func `the secret is kept in a file for its owner alone`() throws {
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("page.key")
        let made = try PageSecret.load(file)
        #expect(made.count == PageSessions.secretSize)
        #expect(try PageSecret.load(file) == made)
        let attributes = try FileManager.default.attributesOfItem(atPath: file.string)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        try Data([1, 2]).write(to: URL(filePath: file.string))
        #expect(try PageSecret.load(file).count == PageSessions.secretSize)
        #expect(try PageSecret.load(file) != made)
        #expect(throws: Errno.self) { try PageSecret.load(directory.path.appending("no/page.key")) }
        let link = directory.path.appending("link.key")
        try FileManager.default.createSymbolicLink(atPath: link.string, withDestinationPath: file.string)
        #expect(throws: Errno.self) { try PageSecret.load(link) }
    }

    @Test func `the page in the repository has no code of others and is at most 100 KB`() throws {
        let folder = FilePath(#filePath).removingLastComponent().appending("../../../web").lexicallyNormalized()
        #expect(try PageFiles(folder: folder).size < 100_000)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.string) {
            let text = try String(contentsOfFile: folder.appending(name).string, encoding: .utf8)
            for banned in ["https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"] {
                #expect(!text.contains(banned), "\(name): \(banned)")
            }
            for attribute in [" onclick=", " onerror=", " style=\"", "<style", "javascript:"]
            where name.hasSuffix(".html") {
                #expect(!text.contains(attribute), "\(name): \(attribute)")
            }
        }
    }
}
