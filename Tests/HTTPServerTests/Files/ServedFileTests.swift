import Foundation
import HTTPServer
import Settings
import Testing

struct ServedFileTests {
    @Test func `a player gets the file, and the parts of it that it asks for`() async throws {
        let bytes = FakeBackend.fileBytes
        let size = bytes.count
        try await RunningServer.run { server async throws in
            let whole = try await server.request("GET", "/v1/media/2/file")
            #expect(whole.status == 200 && whole.body.elementsEqual(bytes))
            #expect(whole.headers["content-type"] == "video/mp4" && whole.headers["accept-ranges"] == "bytes")
            #expect(whole.headers["etag"] == "\"c0ffee\"" && whole.headers["content-range"] == nil)

            for (range, part) in [
                ("0-0", 0..<1), ("0-", 0..<size), ("100-400099", 100..<400_100), ("599999-", 599_999..<size),
                ("-7", size - 7..<size), ("-9999999999", 0..<size), ("5-99999999999999999999", 5..<size),
            ] {
                let answer = try await server.request("GET", "/v1/media/2/file", headers: "Range: bytes=\(range)\r\n")
                #expect(answer.status == 206, "\(range)")
                #expect(
                    answer.headers["content-range"] == "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)",
                    "\(range)")
                #expect(answer.body.elementsEqual(bytes[part]), "\(range)")
            }
        }
    }

    @Test(arguments: ["bytes=600000-", "bytes=99999999999999999999-", "bytes=-0"])
    func `a range beyond the file is told how long it is`(range: String) async throws {
        try await RunningServer.run { server async throws in
            let answer = try await server.request("GET", "/v1/media/2/file", headers: "Range: \(range)\r\n")
            #expect(answer.status == 416 && answer.headers["content-range"] == "bytes */600000" && answer.body.isEmpty)
        }
    }

    @Test(arguments: [
        "bytes=5-4", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes 0-1", "bytes=+1-2", "bytes=0x1-",
    ])
    func `a range that can't be read means the whole file`(range: String) async throws {
        try await RunningServer.run { server async throws in
            let answer = try await server.request("GET", "/v1/media/2/file", headers: "Range: \(range)\r\n")
            #expect(answer.status == 200 && answer.body.count == FakeBackend.fileBytes.count)
        }
    }

    @Test func `validators say whether what a browser has is still right`() async throws {
        try await RunningServer.run { server async throws in
            let known = try await server.request("GET", "/v1/media/2/file", headers: "If-None-Match: \"c0ffee\"\r\n")
            #expect(known.status == 304 && known.body.isEmpty)
            let same = try await server.request(
                "GET", "/v1/media/2/file", headers: "Range: bytes=1-2\r\nIf-Range: \"c0ffee\"\r\n")
            #expect(same.status == 206 && same.body.count == 2)
            let other = try await server.request(
                "GET", "/v1/media/2/file", headers: "Range: bytes=1-2\r\nIf-Range: \"tea\"\r\n")
            #expect(other.status == 200)
        }
    }

    @Test func `what is no media item with a file has an error`() async throws {
        try await RunningServer.run { server async throws in
            #expect(try await server.request("GET", "/v1/media/3/file").errorCode == "media_not_found")
            #expect(try await server.request("GET", "/v1/media/x/file").errorCode == "invalid_request")
            #expect(try await server.request("POST", "/v1/media/2/file").errorCode == "method_not_allowed")
        }
    }

    @Test func `players have places of their own, which they give back`() async throws {
        let (held, release) = AsyncStream<Void>.makeStream()
        let backend = FakeBackend()
        backend.hold(until: held)
        try await RunningServer.run(limits: { $0.maxRequests = 2 }, backend: backend) { server async throws in
            let player = try await server.connect()
            try await player.send(RawClient.request("GET", "/v1/media/2/file"))
            let head = try await player.receive(until: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200"))
            #expect(try await server.request("GET", "/v1/media/2/file").errorCode == "overloaded")
            #expect(try await server.request("GET", "/v1/status").status == 200)
            release.finish()
            while try await server.request("GET", "/v1/media/2/file").status == 503 {}
        }
    }
}
