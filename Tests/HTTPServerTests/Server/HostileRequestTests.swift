import API
import Foundation
import HTTPServer
import Testing

/// Requests that are wrong, huge or slow. Each gets its code, and the server answers the next one.
struct HostileRequestTests {
    private func search(_ body: Data) async throws -> RawResponse {
        try await RunningServer.run { server async throws in
            let response = try await server.request("POST", "/v1/search", body: body)
            #expect(try await server.request("GET", "/v1/clips/7").status == 200)
            return response
        }
    }

    @Test(arguments: [
        ("", "invalid_json"), (" \n", "invalid_json"), ("{", "invalid_json"), ("nonsense", "invalid_json"),
        (#"{"query":"a"}}"#, "invalid_json"), (#"{"query":"\ud800"}"#, "invalid_request"),
        ("[]", "invalid_request"), ("3", "invalid_request"), ("null", "invalid_request"), ("{}", "invalid_request"),
        (#"{"query":null}"#, "invalid_request"), (#"{"query":3}"#, "invalid_request"),
        (#"{"query":["a"]}"#, "invalid_request"), (#"{"query":"a","limit":1001}"#, "invalid_request"),
        (#"{"query":"a","limit":"3"}"#, "invalid_request"), (#"{"query":"a","limit":1.5}"#, "invalid_request"),
        (#"{"query":"a","limit":1e400}"#, "invalid_request"),
        (#"{"query":"a","limit":99999999999999999999999}"#, "invalid_request"),
        (#"{"query":"a","filters":3}"#, "invalid_request"),
        (#"{"query":"a","filters":{"root":"x"}}"#, "invalid_request"),
        (#"{"query":"a","filters":{"recorded_after":"soon"}}"#, "invalid_request"),
        (#"{"query":"a","filters":{"min_duration":1e999}}"#, "invalid_request"),
        (#"{"query":"a","qery":"b"}"#, "invalid_request"),
        (#"{"query":"a","rerank":3}"#, "invalid_request"), (#"{"query":"a","rerank":"on"}"#, "invalid_request"),
        (#"{"query":"a","rerank":{"depth":1e400}}"#, "invalid_request"),
        (#"{"query":"a","rerank":{"beta":1e400}}"#, "invalid_request"),
        (#"{"query":"a","min_probability":1e400}"#, "invalid_request"),
        (#"{"query":"a","group":3}"#, "invalid_request"), (#"{"query":"a","stream":1}"#, "invalid_request"),
        (#"{"query":"a","stream":"true"}"#, "invalid_request"),
    ])
    func `a body that is no search gets a code that says how it is wrong`(body: String, code: String) async throws {
        let response = try await search(Data(body.utf8))
        #expect(response.status == 400)
        #expect(response.errorCode == code, "\(response.text)")
    }

    @Test(arguments: [
        (#""filters":{"root":"x"}"#, "“filters.root” must be a whole number"),
        (#""filters":{"root":0.5}"#, "“filters.root” must be a whole number"),
        (#""limit":1.5"#, "“limit” must be a whole number"), (#""offset":1e30"#, "“offset” must be a whole number"),
        (#""filters":{"min_duration":1e999}"#, "“filters.min_duration” must be a number"),
        (#""limit":1001"#, "“limit” must be from 1 to 1000"),
        (#""rerank":[]"#, "“rerank” must be true, false, "), (#""rerank":"slow""#, "“rerank” must be true, false, "),
        (#""rerank":{"depth":"x"}"#, "“rerank.depth” must be a whole number"),
        (#""rerank":{"depth":1.5}"#, "“rerank.depth” must be a whole number"),
        (#""rerank":{"beta":true}"#, "“rerank.beta” must be a number"),
        (#""rerank":{"k":3}"#, "unknown key “k” in “rerank”"),
        (#""min_probability":"x""#, "“min_probability” must be a number"),
        (#""group":"clips""#, #"“group” must be \"clip\" or \"media\""#),
        (#""stream":"x""#, "“stream” must be true or false"),
    ])
    func `a message names the field`(fields: String, message: String) async throws {
        let response = try await search(Data(#"{"query":"a",\#(fields)}"#.utf8))
        #expect(response.errorCode == "invalid_request")
        #expect(response.text.contains(message), "\(response.text)")
    }

    @Test func `bytes that are not UTF-8 are refused`() async throws {
        let response = try await search(Data(#"{"query":""#.utf8) + [0xC3, 0x28, 0xFF] + Data(#""}"#.utf8))
        #expect(response.errorCode == "invalid_json")
    }

    @Test func `a query in any script comes through as it is`() async throws {
        try await RunningServer.run { server async throws in
            let query = "собака 犬 🐕‍🦺 كلب e\u{301} \u{202E}dog"
            let body = try API.encoder().encode(API.SearchRequest(query: query))
            let response = try await server.request("POST", "/v1/search", body: body)
            #expect(try response.decode(API.SearchResponse.self).query == query)
        }
    }

    @Test func `a query of 5000 bytes is too long, and says how long it may be`() async throws {
        let response = try await search(Data(#"{"query":"\#(String(repeating: "a", count: 5000))"}"#.utf8))
        #expect(response.status == 400)
        #expect(response.errorCode == "query_too_long")
        #expect(response.text.contains("4096"))
    }

    @Test(arguments: [1 << 20, 8 << 20])
    func `a body of megabytes is too large`(size: Int) async throws {
        let response = try await search(Data(#"{"query":"\#(String(repeating: "a", count: size))"}"#.utf8))
        #expect(response.status == 413)
        #expect(response.errorCode == "body_too_large")
    }

    @Test func `an endless chunked body is too large`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/search HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "4000\r\n" + String(repeating: "a", count: 0x4000) + "\r\n"
            for _ in 0..<8 { try await client.send(chunk) }
            #expect(try await client.response().errorCode == "body_too_large")
        }
    }

    @Test(arguments: ["[", "{\"a\":"])
    func `deep nesting is refused without harm`(unit: String) async throws {
        let deep = String(repeating: unit, count: 60_000 / unit.utf8.count)
        #expect(try await search(Data(deep.utf8)).status == 400)
        let nested =
            #"{"query":"a","filters":"# + String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
        #expect(try await search(Data((nested + "}").utf8)).errorCode == "invalid_request")
    }

    @Test func `mutated bodies are answered, whatever they are`() async throws {
        let good = Data(
            #"{"query":"a dog","limit":5,"offset":0,"filters":{"root":1,"path_glob":"*.mp4","min_duration":1.5}}"#.utf8)
        try await RunningServer.run { server async throws in
            var generator = SystemRandomNumberGenerator()
            let client = try await server.connect()
            for _ in 0..<500 {
                var body = good
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    let index = Int.random(in: 0..<max(1, body.count), using: &generator)
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: body = body.prefix(index)
                    case 1 where !body.isEmpty: body[index] = UInt8.random(in: 0...255, using: &generator)
                    case 2: body.insert(contentsOf: good.suffix(index), at: min(index, body.count))
                    default: body.append(contentsOf: good.prefix(index))
                    }
                    body = Data(body)
                }
                try await client.send(RawClient.request("POST", "/v1/search", body: body))
                let response = try await client.response()
                let isExpected = response.status == 200 || (response.status == 400 && response.errorCode != nil)
                #expect(isExpected, "\(body.base64EncodedString()): \(response.text)")
            }
        }
    }

    @Test(arguments: [
        "garbage\r\n\r\n", "GET\r\n\r\n", "GET /v1/status HTTP/9.9\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        "GET /v1/status HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nA B: c\r\n\r\n",
        "POST /v1/search HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    ])
    func `what is not HTTP gets a JSON error and is hung up on`(text: String) async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try await client.send(text)
            let response = try await client.response()
            #expect(response.status == 400)
            #expect(response.errorCode == "malformed_request", "\(response.text)")
            #expect(response.headers["connection"] == "close")
            #expect(try await client.receive().isEmpty)
            #expect(try await server.request("GET", "/v1/clips/7").status == 200)
        }
    }

    @Test func `a request that ends early is told so`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            client.closeSending()
            let response = try await client.response()
            #expect(response.errorCode == "malformed_request")
            #expect(response.text.contains("ended before it was complete"))
        }
    }

    @Test func `what isn't HTTP waits for the answer to the request before it`() async throws {
        let backend = FakeBackend()
        let (gate, open) = AsyncStream<Void>.makeStream()
        backend.hold(until: gate)
        try await RunningServer.run(backend: backend) { server async throws in
            let client = try await server.connect()
            let search = RawClient.request("POST", "/v1/search", body: Data(#"{"query":"a"}"#.utf8))
            try await client.send(search + Data("garbage\r\n\r\n".utf8))
            try await backend.searchHasCome()
            open.finish()
            let answers = try await client.receive(until: "never")
            let first = try #require(answers.range(of: "HTTP/1.1 200"))
            let second = try #require(answers.range(of: "HTTP/1.1 400"))
            #expect(first.lowerBound < second.lowerBound)
            #expect(answers.contains("malformed_request"))
        }
    }

    @Test func `a request that is answered before it turns out malformed gets no second answer`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/nowhere HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(try await client.response().errorCode == "unknown_route")
            try await client.send("zz\r\n")
            #expect(try await client.receive().isEmpty)
        }
    }

    @Test func `a head without end is told that it is too large`() async throws {
        let head = "GET /v1/status HTTP/1.1\r\nX: " + String(repeating: "a", count: 200_000)
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try? await client.send(head)
            let response = try await client.response()
            #expect(response.status == 431)
            #expect(response.errorCode == "headers_too_large")
        }
        let port = try RawClient.freePort()
        let listener = HTTPServer.Listener.loopback(port: port, token: AccessToken("0123456789abcdef"))
        try await RunningServer.run(listener: listener) { _ async throws in
            let client = try await RawClient.connect(toPort: port)
            try? await client.send(head)
            #expect(try await client.response().errorCode == "headers_too_large")
        }
    }
}
