import API
import Foundation
import HTTPServer
import Settings
import SystemPackage
import TestSupport
import Testing

/// A server with a search page of two files, and what a browser knows that was let in.
struct OpenedPage {
    let server: RunningServer
    let port: Int
    /// As `Cookie` has it.
    let cookie: String
    /// How it was set.
    let cookieAttributes: String

    static func run<Result: Sendable>(
        settings change: (inout Configuration.HTTP) -> Void = { _ in },
        keys: PageKeys = PageKeys(),
        sessions: PageSessions = PageSessions(secret: [1, 2, 3]),
        host: String? = nil,
        access: SocketAccess? = nil,
        backend: FakeBackend = FakeBackend(),
        _ body: @Sendable (OpenedPage) async throws -> Result
    ) async throws -> Result {
        let web = try TemporaryDirectory()
        try web.write(Data("<!doctype html><title>The page</title>".utf8), to: "index.html")
        try web.write(Data("export {};".utf8), to: "app.js")
        try web.write(Data("a secret".utf8), to: "notes.txt")
        var settings = Configuration.HTTP()
        change(&settings)
        let base = settings.basePath == "/" ? "" : settings.basePath
        let page = SearchPage(
            files: try PageFiles(folder: web.path), settings: settings, sessions: sessions, keys: keys)
        return try await RunningServer.run(access: access, backend: backend, page: page) {
            [settings] server async throws in
            let address = try await Self.address(from: server)
            let port = try #require(settings.pagePort ?? URL(string: address.url)?.port)
            let name = host ?? "127.0.0.1:\(port)"
            let query = try #require(address.url.split(separator: "?").last)
            let opened = try await Self.request(
                port, "GET", "\(base)/open?\(query)", headers: "Host: \(name)\r\nSec-Fetch-Site: none\r\n")
            #expect(opened.status == 200)
            let set = try #require(opened.headers["set-cookie"])
            let cookie = set.prefix { $0 != ";" }
            return try await body(
                OpenedPage(
                    server: server, port: port, cookie: String(cookie),
                    cookieAttributes: String(set.dropFirst(cookie.count))))
        }
    }

    /// What `saccade open` gets.
    static func address(from server: RunningServer) async throws -> API.PageAddress {
        let answer = try await server.request("POST", "/v1/page")
        #expect(answer.status == 201)
        return try answer.decode(API.PageAddress.self)
    }

    static func request(
        _ port: Int, _ method: String, _ path: String, body: Data? = nil, headers: String
    ) async throws -> RawResponse {
        let client = try await RawClient.connect(toPort: port)
        var text = "\(method) \(path) HTTP/1.1\r\n\(headers)"
        if let body { text += "Content-Length: \(body.count)\r\n" }
        try await client.send(Data((text + "\r\n").utf8) + (body ?? Data()))
        return try await client.response()
    }

    /// As the page's own scripts ask.
    func ask(_ method: String, _ path: String, json: String? = nil, headers: String = "") async throws -> RawResponse {
        try await Self.request(
            port, method, path, body: json.map { Data($0.utf8) },
            headers: "Host: 127.0.0.1:\(port)\r\nOrigin: http://127.0.0.1:\(port)\r\nSec-Fetch-Site: same-origin\r\n"
                + "Cookie: other=1; \(cookie)\r\n\(headers)")
    }

    /// With nothing but what is given.
    func send(_ method: String, _ path: String, headers: String) async throws -> RawResponse {
        try await Self.request(port, method, path, headers: headers)
    }
}
