import Agents
import Foundation
import Synchronization
import Testing

/// A server and a client that sends it lines and reads what comes back.
struct Conversation {
    private let input: AsyncStream<[UInt8]>.Continuation
    private var answers: AsyncStream<JSONValue>.Iterator
    private let server: Task<Void, Never>

    init(_ tools: [Tool]) {
        let (bytes, input) = AsyncStream.makeStream(of: [UInt8].self)
        let (answers, output) = AsyncStream.makeStream(of: JSONValue.self)
        let server = ModelContextServer(version: "1.2.3", instructions: "Ask.", tools: tools) { line in
            // One line, one message.
            guard line.last == UInt8(ascii: "\n"), !line.dropLast().contains(UInt8(ascii: "\n")),
                let value = try? JSONValue(line)
            else {
                output.yield(.string("not one line of JSON: \(String(decoding: line, as: UTF8.self))"))
                return
            }
            output.yield(value)
        }
        self.input = input
        self.answers = answers.makeAsyncIterator()
        self.server = Task {
            await server.run(bytes)
            output.finish()
        }
    }

    func send(_ bytes: [UInt8]) {
        input.yield(bytes)
    }

    func send(_ line: String) {
        send(Array((line + "\n").utf8))
    }

    mutating func answer() async -> JSONValue? {
        await answers.next(isolation: #isolation)
    }

    /// Sends a request and waits for the next answer.
    mutating func ask(_ line: String) async -> JSONValue? {
        send(line)
        return await answer()
    }

    /// A handshake of the revision before the stateless one.
    mutating func shakeHands() async {
        _ = await ask(Self.initialize("2025-11-25"))
        send(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
    }

    /// Ends the input.
    ///
    /// - Returns: what is still answered.
    mutating func end() async -> [JSONValue] {
        input.finish()
        var rest: [JSONValue] = []
        while let answer = await answer() { rest.append(answer) }
        await server.value
        return rest
    }

    static func initialize(_ version: String) -> String {
        """
        {"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"\(version)","capabilities":{},\
        "clientInfo":{"name":"test","version":"1"}}}
        """
    }

    /// What a request of the stateless revision carries.
    static let meta =
        #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#
}

extension JSONValue {
    subscript(_ place: Int) -> JSONValue? {
        guard case .array(let values) = self, values.indices.contains(place) else { return nil }
        return values[place]
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var count: Int? {
        guard case .array(let values) = self else { return nil }
        return values.count
    }
}
