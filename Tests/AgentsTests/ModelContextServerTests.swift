import Agents
import Foundation
import Testing

/// The protocol, line by line.
@Suite(.timeLimit(.minutes(1))) struct ModelContextServerTests {
    private static let echo = Tool(
        "echo", title: "Echo", description: "Says it again.",
        parameters: [
            ToolParameter("text", .string, "What to say.", isRequired: true),
            ToolParameter("times", .integer(1...3), "How often."),
        ], resultSchema: ["type": "object"]
    ) { arguments in
        let text = arguments.string("text") ?? ""
        if text == "fail" { throw ToolError("It can't be said: say something else.") }
        if text == "break" { throw CocoaError(.fileNoSuchFile) }
        return ToolResult(
            ["said": .string(String(repeating: text, count: Int(arguments.integer("times") ?? 1)))],
            pictures: text == "picture" ? [[0xFF, 0xD8, 0xFF]] : [])
    }

    private func call(_ id: String, _ arguments: String, name: String = "echo", meta: String = "") -> String {
        let parameters = #"{"name":"\#(name)","arguments":\#(arguments)\#(meta.isEmpty ? "" : ",\(meta)")}"#
        return #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":\#(parameters)}"#
    }

    // MARK: Handshakes and revisions

    @Test(arguments: [
        ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("2024-11-05", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ])
    func `a handshake agrees on the revision that is asked for, or else the newest`(asked: String, agreed: String) async
    {
        var talk = Conversation([Self.echo])
        let result = await talk.ask(Conversation.initialize(asked))?["result"]
        #expect(result?["protocolVersion"]?.text == agreed)
        #expect(result?["serverInfo"]?["name"] == "saccade" && result?["serverInfo"]?["version"] == "1.2.3")
        #expect(result?["capabilities"] == ["tools": [:]] && result?["instructions"] == "Ask.")
        talk.send(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        let list = await talk.ask(#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        #expect(list?["result"]?["tools"]?.count == 1)
        #expect(list?["result"]?["resultType"] == nil)
        #expect(await talk.end().isEmpty)
    }

    @Test func `without a handshake, each request names the stateless revision`() async {
        var talk = Conversation([Self.echo])
        let meta = Conversation.meta
        let found = await talk.ask(#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{\#(meta)}}"#)?[
            "result"]
        #expect(found?["supportedVersions"] == ["2026-07-28", "2025-11-25", "2025-06-18"])
        #expect(found?["capabilities"] == ["tools": [:]] && found?["resultType"] == "complete")
        #expect(found?["_meta"]?["io.modelcontextprotocol/serverInfo"]?["name"] == "saccade")
        let list = await talk.ask(#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{\#(meta)}}"#)?["result"]
        #expect(list?["tools"]?.count == 1 && list?["resultType"] == "complete" && list?["cacheScope"] == "public")
        #expect(list?["ttlMs"] != nil)
        let said = await talk.ask(call("3", #"{"text":"a","times":2}"#, meta: meta))?["result"]
        #expect(said?["structuredContent"] == ["said": "aa"] && said?["resultType"] == "complete")
        // Nothing of a request stays for the next one.
        let bare = await talk.ask(#"{"jsonrpc":"2.0","id":4,"method":"tools/list"}"#)
        #expect(bare?["error"]?["code"] == -32602)
        #expect(await talk.end().isEmpty)
    }

    @Test(arguments: [
        (
            #"{"io.modelcontextprotocol/protocolVersion":"2031-01-01","io.modelcontextprotocol/clientCapabilities":{}}"#,
            -32022
        ),
        (
            #"{"io.modelcontextprotocol/protocolVersion":"2025-11-25","io.modelcontextprotocol/clientCapabilities":{}}"#,
            -32022
        ),
        (#"{"io.modelcontextprotocol/protocolVersion":7,"io.modelcontextprotocol/clientCapabilities":{}}"#, -32602),
        (#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#, -32602),
        (
            #"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":1}"#,
            -32602
        ),
    ])
    func `what a request says of its revision is checked`(meta: String, code: Int64) async {
        var talk = Conversation([Self.echo])
        let answer = await talk.ask(
            #"{"jsonrpc":"2.0","id":"x","method":"server/discover","params":{"_meta":\#(meta)}}"#)
        #expect(answer?["error"]?["code"] == .integer(code) && answer?["id"] == "x")
        if code == -32022 {
            #expect(answer?["error"]?["data"]?["supported"]?[0] == "2026-07-28")
            #expect(answer?["error"]?["data"]?["requested"] != nil)
        }
        #expect(await talk.end().isEmpty)
    }

    @Test func `ping is answered by revisions that have it`() async {
        var talk = Conversation([])
        #expect(await talk.ask(#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)?["result"] == [:])
        let stateless = await talk.ask(#"{"jsonrpc":"2.0","id":2,"method":"ping","params":{\#(Conversation.meta)}}"#)
        #expect(stateless?["error"]?["code"] == -32601)
        await talk.shakeHands()
        #expect(await talk.ask(#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#)?["result"] == [:])
        #expect(await talk.ask(#"{"jsonrpc":"2.0","id":4,"method":"server/discover"}"#)?["error"]?["code"] == -32601)
        #expect(await talk.ask(#"{"jsonrpc":"2.0","id":5,"method":"resources/list"}"#)?["error"]?["code"] == -32601)
        #expect(await talk.end().isEmpty)
    }

    // MARK: Calls

    @Test func `a tool is listed with the schema that its calls are checked against`() async {
        var talk = Conversation([Self.echo])
        await talk.shakeHands()
        let tool = await talk.ask(#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#)?["result"]?["tools"]?[
            0]
        #expect(
            tool?["inputSchema"] == [
                "type": "object", "additionalProperties": false, "required": ["text"],
                "properties": [
                    "text": ["type": "string", "description": "What to say."],
                    "times": ["type": "integer", "minimum": 1, "maximum": 3, "description": "How often."],
                ],
            ])
        #expect(tool?["annotations"]?["readOnlyHint"] == true)
        let next = await talk.ask(#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"a"}}"#)
        #expect(next?["error"]?["code"] == -32602)
        #expect(await talk.end().isEmpty)
    }

    @Test func `a result is structured, a text, and pictures`() async {
        var talk = Conversation([Self.echo])
        await talk.shakeHands()
        let result = await talk.ask(call("7", #"{"text":"picture","times":null}"#))?["result"]
        #expect(result?["structuredContent"] == ["said": "picture"] && result?["isError"] == false)
        #expect(result?["content"]?[0] == ["type": "text", "text": #"{"said":"picture"}"#])
        #expect(result?["content"]?[1] == ["type": "image", "mimeType": "image/jpeg", "data": "/9j/"])
        #expect(await talk.end().isEmpty)
    }

    @Test(arguments: [
        (#"{}"#, "“text” is required."), (#"{"text":5}"#, "“text” must be a string."),
        (#"{"text":"a","times":9}"#, "“times” must be a whole number from 1 to 3."),
        (#"{"text":"a","times":1.5}"#, "“times” must be a whole number from 1 to 3."),
        (#"{"text":"a","tims":1}"#, "There is no argument “tims”; this tool takes: text, times."),
        (#"{"text":"fail"}"#, "It can't be said: say something else."),
    ])
    func `what a model can put right is a result that says so`(arguments: String, message: String) async {
        var talk = Conversation([Self.echo])
        await talk.shakeHands()
        let result = await talk.ask(call("1", arguments))?["result"]
        #expect(result?["isError"] == true && result?["content"]?[0]?["text"]?.text == message)
        #expect(result?["structuredContent"] == nil)
        #expect(await talk.end().isEmpty)
    }

    @Test func `what only the client can put right is an error`() async {
        var talk = Conversation([Self.echo])
        await talk.shakeHands()
        #expect(await talk.ask(call("1", "{}", name: "rm"))?["error"]?["code"] == -32602)
        #expect(await talk.ask(call("2", "[]"))?["error"]?["code"] == -32602)
        #expect(await talk.ask(#"{"jsonrpc":"2.0","id":3,"method":"tools/call"}"#)?["error"]?["code"] == -32602)
        #expect(await talk.ask(call("4", #"{"text":"break"}"#))?["error"]?["code"] == -32603)
        #expect(await talk.ask(call("5", #"{"text":"a"}"#))?["result"]?["isError"] == false)
        #expect(await talk.end().isEmpty)
    }

    /// A tool whose calls wait until they are cancelled, or let go.
    private struct Waiting {
        let started: AsyncStream<String>
        let tool: Tool

        init() {
            let (started, continuation) = AsyncStream.makeStream(of: String.self)
            self.started = started
            tool = Tool("wait", title: "Wait", description: "Waits.", resultSchema: ["type": "object"]) { _ in
                let (never, end) = AsyncStream.makeStream(of: Void.self)
                continuation.yield("started")
                await withTaskCancellationHandler {
                    for await _ in never {}
                } onCancel: {
                    end.finish()
                }
                continuation.yield("cancelled")
                return ToolResult([:])
            }
        }
    }

    @Test func `a call that is cancelled ends and is never answered, and others go on`() async {
        let waiting = Waiting()
        var talk = Conversation([waiting.tool, Self.echo])
        await talk.shakeHands()
        var events = waiting.started.makeAsyncIterator()
        talk.send(call(#""a""#, "{}", name: "wait"))
        #expect(await events.next() == "started")
        // Beside it, and before it.
        #expect(await talk.ask(call("2", #"{"text":"b"}"#))?["result"]?["structuredContent"] == ["said": "b"])
        // Of other requests nothing is known.
        for unknown in [#""b""#, "7", "null", "[]"] {
            talk.send(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":\#(unknown)}}"#)
        }
        talk.send(#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#)
        #expect(await talk.ask(call(#""a""#, "{}", name: "wait"))?["error"]?["code"] == -32600)
        talk.send(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a","reason":"enough"}}"#)
        #expect(await events.next() == "cancelled")
        #expect(await talk.ask(#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#)?["id"] == 3)
        #expect(await talk.end().isEmpty)
    }

    @Test func `more calls at once than there are places are refused`() async {
        let waiting = Waiting()
        var talk = Conversation([waiting.tool])
        await talk.shakeHands()
        for id in 0..<ModelContextServer.maximumCalls { talk.send(call("\(id)", "{}", name: "wait")) }
        let refused = await talk.ask(call("99", "{}", name: "wait"))
        #expect(refused?["id"] == 99 && refused?["error"]?["code"] == -32603)
        for id in 0..<ModelContextServer.maximumCalls {
            talk.send(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":\#(id)}}"#)
        }
        #expect(await talk.end().isEmpty)
    }

    @Test func `calls that are at work when the input ends are answered`() async {
        var talk = Conversation([Self.echo])
        await talk.shakeHands()
        for id in 0..<8 { talk.send(call("\(id)", #"{"text":"a"}"#)) }
        #expect(await talk.end().count == 8)
    }

    // MARK: What is no message

    private static let notMessages: [(line: String, code: Int64)] = [
        ("nonsense", -32700), (#"{"jsonrpc":"2.0","#, -32700), ("\u{FEFF}\u{0}", -32700), ("\"\u{1B}[2J\"", -32700),
        (String(repeating: "[", count: 100_000), -32700), ("7", -32600), ("null", -32600), ("[]", -32600),
        (#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600), (#"{"id":1,"method":"ping"}"#, -32600),
        (#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600), (#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600), (#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
        (#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#, -32600),
        (#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, -32602),
        (#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#, -32600),
    ]

    @Test(arguments: notMessages) func `a line that is no message gets an error, and the next its turn`(
        line: String, code: Int64
    ) async {
        var talk = Conversation([])
        #expect(await talk.ask(line)?["error"]?["code"] == .integer(code), "\(line.prefix(80))")
        #expect(await talk.ask(#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#)?["result"] == [:])
        #expect(await talk.end().isEmpty)
    }

    @Test func `bytes that are no text, a line of ten megabytes and answers from nobody end nothing`() async {
        var talk = Conversation([])
        talk.send([0xFF, 0xFE, 0x00, 0x0A])
        #expect(await talk.answer()?["error"]?["code"] == -32700)
        for _ in 0..<160 { talk.send([UInt8](repeating: UInt8(ascii: "a"), count: 1 << 16)) }
        talk.send("")
        #expect(await talk.answer()?["error"]?["code"] == -32600)
        talk.send(#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        talk.send(#"{"jsonrpc":"2.0","method":"notifications/whatever"}"#)
        talk.send("  \r\n\n")
        // In pieces, and with the other sign of a line's end.
        for byte in Array(#"{"jsonrpc":"2.0","id":"é","method":"ping"}"#.utf8) { talk.send([byte]) }
        talk.send("\r")
        #expect(await talk.answer()?["id"] == "é")
        // The last line needs no end.
        talk.send(Array(#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#.utf8))
        #expect(await talk.end().map { $0["id"] } == [3])
    }
}
