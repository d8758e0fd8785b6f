import API
import Foundation
import SystemPackage
import TestSupport
import Testing

/// `saccade mcp` as an agent starts it: bytes in, bytes out.
@Suite(.timeLimit(.minutes(10))) struct AgentTests {
    private struct Answer: Decodable {
        struct Result: Decodable {
            struct Content: Decodable {
                var type: String
                var text: String?
                var data: Data?
            }
            struct Structured: Decodable {
                struct Moment: Decodable {
                    var clip: Int64
                    var path: String
                }
                var moments: [Moment]?
                var path: String?
                var description: String?
                var clips: Int?
            }
            var content: [Content]?
            var structuredContent: Structured?
            var isError: Bool?
            var protocolVersion: String?
        }
        var id: Int
        var result: Result?
    }

    /// Sends all calls at once, and reads the answers when it has ended.
    private func ask(
        _ calls: [(tool: String, arguments: String)], state: FilePath, home: FilePath
    ) async throws -> [Int: Answer.Result] {
        let hello =
            #"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#
        let lines = calls.enumerated().map { place, call in
            #"{"jsonrpc":"2.0","id":\#(place + 1),"method":"tools/call","params":{"name":"\#(call.tool)","arguments":\#(call.arguments)}}"#
        }
        let outcome = try await saccade(
            ["mcp", "--state", state.string], home: home, input: ([hello] + lines).joined(separator: "\n") + "\n")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let answers = try outcome.text.split(separator: "\n").map {
            try JSONDecoder().decode(Answer.self, from: Data($0.utf8))
        }
        let results = Dictionary(answers.compactMap { answer in answer.result.map { (answer.id, $0) } }) { $1 }
        #expect(results[0]?.protocolVersion == "2025-06-18" && results.count == calls.count + 1)
        return results
    }

    @Test func `an agent finds a moment, sees it and asks about it; without the daemon it still finds it`() async throws
    {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        let file = daemon.footage.appending("bars.mp4")
        try await TestVideo(width: 160, height: 120, seconds: 4, scenes: 2).write(to: file)
        try await daemon.waitUntilIndexed(1)

        let search = (tool: "search_moments", arguments: #"{"query":"coloured bars","limit":1}"#)
        let found = try await ask([search], state: daemon.state, home: home.path)
        let moment = try #require(found[1]?.structuredContent?.moments?.first)
        #expect(moment.path == file.string)

        let clip = #"{"clip":\#(moment.clip)}"#
        let calls = [("get_moment", clip), ("describe_moment", clip), ("index_status", "{}"), ("list_folders", "{}")]
        let unknown = ("get_moment", #"{"clip":999999}"#)
        let answers = try await ask(calls + [unknown], state: daemon.state, home: home.path)
        #expect(answers[1]?.structuredContent?.path == file.string)
        #expect(answers[1]?.content?.last?.type == "image")
        #expect(answers[1]?.content?.last?.data?.starts(with: [0xFF, 0xD8]) == true)
        #expect(answers[2]?.structuredContent?.description?.isEmpty == false)
        #expect(answers[3]?.structuredContent?.clips == 2)
        #expect(answers[4]?.content?.first?.text?.contains(daemon.footage.string) == true)
        #expect(answers[5]?.isError == true && answers[5]?.content?.first?.text?.contains("999999") == true)

        _ = try await daemon.terminate()
        let alone = try await ask([search, ("index_status", "{}")], state: daemon.state, home: home.path)
        #expect(alone[1]?.structuredContent?.moments?.first?.path == file.string)
        #expect(alone[2]?.isError == true && alone[2]?.content?.first?.text?.contains("saccade serve") == true)
    }

    @Test func `with neither a daemon nor an index, the model is told what to do`() async throws {
        let home = try TemporaryDirectory()
        let answers = try await ask(
            [("search_moments", #"{"query":"a dog"}"#)], state: home.path.appending("state"), home: home.path)
        #expect(answers[1]?.isError == true && answers[1]?.content?.first?.text?.contains("saccade serve") == true)
    }
}
