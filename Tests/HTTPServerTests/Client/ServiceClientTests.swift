import API
import Client
import Foundation
import Glibc
import HTTPServer
import SystemPackage
import TestSupport
import Testing

struct ServiceClientTests {
    private func events(_ text: String, pieces: Int = 1) throws -> [ServerSentEvent] {
        var parser = EventStreamParser()
        var found: [ServerSentEvent] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            found += try parser.append(bytes[start..<min(start + pieces, bytes.count)])
        }
        return found
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `events are the same however the bytes are cut`(pieces: Int) throws {
        let text =
            ": hello\n\nevent: one\ndata: {\"a\":1}\n\ndata:two\ndata: lines\r\n\r\nevent:x\rdata\r\revent: lost\n\n"
        let expected = [
            ServerSentEvent(kind: "one", data: Array("{\"a\":1}".utf8)),
            ServerSentEvent(kind: "message", data: Array("two\nlines".utf8)),
            ServerSentEvent(kind: "x", data: []),
        ]
        #expect(try events(text, pieces: pieces) == expected)
    }

    @Test func `an event that the stream's end cuts off is not told`() throws {
        #expect(try events("data: half\n").isEmpty)
        #expect(try events("data: half").isEmpty)
    }

    @Test func `fields that mean nothing here are read over`() throws {
        #expect(try events("id: 7\nretry: 10\ncolour: red\ndata: x\n\n").map(\.data) == [Array("x".utf8)])
    }

    @Test func `an endless line ends in an error, not in full memory`() {
        var parser = EventStreamParser()
        #expect(throws: ClientError.self) {
            for _ in 0..<2000 { _ = try parser.append(repeatElement(UInt8(ascii: "x"), count: 1024)) }
        }
    }

    @Test func `a socket that nobody listens at says how to start the daemon`() async {
        let client = ServiceClient(socket: "/nonexistent/saccade.sock")
        let error = await #expect(throws: ClientError.self) { try await client.send(.get, "/v1/status") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("saccade serve") == true)
    }

    @Test func `a socket path longer than Linux allows is said to be so`() async {
        let client = ServiceClient(socket: .init("/" + String(repeating: "x", count: 200)))
        let error = await #expect(throws: ClientError.self) { try await client.send(.get, "/v1/status") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("107 bytes") == true)
    }

    private static let refusal = """
        HTTP/1.1 503 Service Unavailable\r\nContent-Length: 49\r\nConnection: close\r\n\r\n\
        {"error":{"code":"overloaded","message":"later"}}
        """

    @Test(arguments: 0..<20)
    func `a daemon that hangs up on a request it has answered is heard`(round: Int) async throws {
        let directory = try TemporaryDirectory()
        let server = try RawServer(at: directory.path.appending("s")) { connection in
            RawServer.receive(until: "\r\n\r\n", from: connection)
            RawServer.send(Self.refusal, to: connection)
        }
        let error = await #expect(throws: ClientError.self) {
            try await ServiceClient(socket: server.socket).send(.get, "/v1/status")
        }
        #expect(error?.code == .refused(.overloaded))
    }

    @Test(arguments: 0..<20)
    func `a daemon that refuses a connection before it was asked is heard`(round: Int) async throws {
        let directory = try TemporaryDirectory()
        let server = try RawServer(at: directory.path.appending("s")) { connection in
            RawServer.send(Self.refusal, to: connection)
        }
        let error = await #expect(throws: ClientError.self) {
            try await ServiceClient(socket: server.socket).send(.get, "/v1/status")
        }
        #expect(error?.code == .refused(.overloaded))
    }

    @Test func `a daemon whose queue of connections stays full is not said to be missing`() async throws {
        let directory = try TemporaryDirectory()
        let listening = try ListeningSocket.bind(path: directory.path.appending("s"))
        defer { close(listening.descriptor) }
        // None of these is ever accepted.
        let waiting = try await RawClient.fillQueue(of: directory.path.appending("s"))
        #expect(waiting.count > 100)
        let error = await #expect(throws: ClientError.self) {
            try await ServiceClient(socket: directory.path.appending("s"), timeout: 0.1).send(.get, "/v1/status")
        }
        #expect(error?.code == .interrupted)
        #expect(error?.message.contains("takes no more connections now") == true)
    }

    @Test func `an answer that takes too long is said to`() async throws {
        let directory = try TemporaryDirectory()
        let server = try RawServer(at: directory.path.appending("s")) { connection in
            RawServer.receive(until: "never", from: connection)
        }
        let error = await #expect(throws: ClientError.self) {
            try await ServiceClient(socket: server.socket, timeout: 0.1).send(.get, "/v1/status")
        }
        #expect(error?.code == .interrupted)
        #expect(error?.message.contains("within 0.1 s") == true)
    }
}
