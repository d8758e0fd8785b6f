import API
import Agents
import Client
import Foundation
import Synchronization
import Testing

/// What the tools ask, and what they make of answers.
@Suite(.timeLimit(.minutes(1))) struct MomentToolsTests {
    /// A library of one clip, number 7; of number 8 there is no picture.
    private final class FakeSource: MomentSource {
        let asked = Mutex<[API.SearchRequest]>([])
        private let media = API.MediaReference(id: 2, path: API.Path("/v/dog.mp4"), duration: 12.5, online: true)

        func search(_ request: API.SearchRequest) async throws -> API.SearchResponse {
            asked.withLock { $0.append(request) }
            if request.query == "nothing" { throw ClientError(.unavailable, "No daemon listens there: start one.") }
            return API.SearchResponse(
                query: request.query,
                results: [
                    .init(
                        clip: 7, media: media, start: 1, end: 4.5, score: -1, scores: .init(fast: 0.5, slow: -1.5),
                        probability: 0.75)
                ], found: true, stage: .slow, reranked: 1, modelDigest: "ab", clips: 9,
                timings: .init(embed: 1, filter: 0, scan: 0, lookup: 0, total: 2))
        }

        func clip(_ id: Int64) async throws -> API.Clip {
            guard id == 7 || id == 8 else { throw ClientError(.refused(.clipNotFound), "there is no clip \(id)") }
            return API.Clip(id: id, media: media, start: 1, end: 4.5, shot: 0)
        }

        func picture(ofClip id: Int64, side: Int) async throws -> [UInt8] {
            guard id == 7 else { throw ClientError(.refused(.mediaOffline), "connect its disk") }
            return [0xFF, 0xD8, UInt8(side / 8)]
        }

        func description(ofClip id: Int64) async throws -> API.ClipDescription {
            API.ClipDescription(clip: id, description: "a dog runs", score: -0.5)
        }

        func status() async throws -> API.Status {
            API.Status(
                version: "1", pid: 1, started: Date(timeIntervalSince1970: 0), stateDirectory: "/s",
                model: .init(
                    name: "m", modelDigest: "ab", dimensions: 2, slow: true, rerankDepth: nil, rerankShortDepth: nil,
                    rerankBeta: nil, rerankShortBeta: nil, calibrated: true),
                engine: .init(blasCore: "x", simd: "scalar", threads: 1),
                watcher: .init(state: .watching, directories: 1),
                roots: [.init(id: 1, path: API.Path("/v"), state: .offline, reason: "unplugged", files: 3)],
                media: .init(total: 5, pending: 1, indexing: 1, indexed: 2, failed: 1),
                queue: .init(waiting: 2, retrying: 0, current: []), rates: .init(video: 1, clips: 1, frames: 1),
                index: .init(clips: 9, memoryBytes: 1, diskBytes: 1),
                failures: [
                    .init(
                        media: 3, path: API.Path("/v/bad.mp4"), reason: "broken", attempts: 1, nextAttempt: nil)
                ])
        }
    }

    private func call(_ name: String, _ arguments: String, _ source: FakeSource = FakeSource()) async throws
        -> JSONValue
    {
        var talk = Conversation(MomentTools(source).all)
        let line =
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(name)","arguments":\#(arguments),\#(Conversation.meta)}}"#
        let answer = await talk.ask(line)
        _ = await talk.end()
        return try #require(answer?["result"], "\(String(describing: answer))")
    }

    @Test func `a search with every argument is asked as it is meant, and answered in short`() async throws {
        let source = FakeSource()
        let result = try await call(
            "search_moments",
            """
            {"query":"a dog","like":7,"not":"grass","limit":3,"offset":2,"by_file":true,"min_probability":0.5,"folder":1,"path_prefix":"/v","path_glob":"*.mp4",\
            "recorded_after":"2026-03-01","recorded_before":"2026-03-02T12:00:00Z","min_duration":5,"max_duration":90.5}
            """, source)
        #expect(
            source.asked.withLock { $0 } == [
                API.SearchRequest(
                    query: "a dog", like: [.init(.clip(7))], not: [.init("grass")], limit: 3, offset: 2,
                    filters: .init(
                        root: 1, pathPrefix: "/v", pathGlob: "*.mp4", recordedAfter: RFC3339.parse("2026-03-01"),
                        recordedBefore: RFC3339.parse("2026-03-02T12:00:00Z"), minDuration: 5, maxDuration: 90.5),
                    minProbability: 0.5, group: .media)
            ])
        #expect(
            result["structuredContent"] == [
                "query": "a dog", "found": true, "clips_searched": 9,
                "moments": [
                    [
                        "clip": 7, "media": 2, "path": "/v/dog.mp4", "start": 1, "end": .number(4.5), "online": true,
                        "duration": .number(12.5), "probability": .number(0.75), "score": -1,
                    ]
                ],
            ])
    }

    @Test(arguments: [
        ("search_moments", #"{"query":"nothing"}"#, "No daemon listens there: start one."),
        ("search_moments", #"{"query":"a","recorded_after":"May"}"#, "“recorded_after” must be a date"),
        ("search_moments", #"{"query":"a","limit":51}"#, "“limit” must be a whole number from 1 to 50."),
        ("get_moment", #"{"clip":9}"#, "there is no clip 9"),
        ("get_moment", #"{"clip":-1}"#, "“clip” must be a whole number, 0 or more."),
        ("list_folders", #"{"all":true}"#, "this tool takes none."),
    ])
    func `what went wrong is told to the model`(tool: String, arguments: String, message: String) async throws {
        let result = try await call(tool, arguments)
        #expect(result["isError"] == true)
        #expect(result["content"]?[0]?["text"]?.text?.contains(message) == true, "\(result)")
    }

    @Test func `a moment comes with its picture, or with why there is none`() async throws {
        let moment = try await call("get_moment", #"{"clip":7,"side":64}"#)
        #expect(moment["structuredContent"]?["path"] == "/v/dog.mp4" && moment["structuredContent"]?["start"] == 1)
        #expect(moment["content"]?[1]?["data"]?.text == Data([0xFF, 0xD8, 8]).base64EncodedString())
        let offline = try await call("get_moment", #"{"clip":8}"#)
        #expect(offline["structuredContent"]?["no_picture"] == "connect its disk" && offline["isError"] == false)
        #expect(offline["content"]?.count == 1)
        #expect(try await call("describe_moment", #"{"clip":7}"#)["structuredContent"]?["description"] == "a dog runs")
    }

    @Test func `folders and progress are told`() async throws {
        #expect(
            try await call("list_folders", "{}")["structuredContent"] == [
                "folders": [["id": 1, "path": "/v", "state": "offline", "reason": "unplugged", "files": 3]]
            ])
        let status = try await call("index_status", "{}")["structuredContent"]
        #expect(status?["clips"] == 9 && status?["waiting"] == 2)
        #expect(status?["media"] == ["total": 5, "pending": 1, "indexing": 1, "indexed": 2, "failed": 1])
        #expect(status?["failures"] == [["path": "/v/bad.mp4", "reason": "broken"]])
    }

    @Test func `every tool says that it only reads`() async throws {
        var talk = Conversation(MomentTools(FakeSource()).all)
        let list = await talk.ask(#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{\#(Conversation.meta)}}"#)
        _ = await talk.end()
        let tools = try #require(list?["result"]?["tools"])
        #expect(tools.count == 5)
        for place in 0..<5 {
            #expect(tools[place]?["annotations"]?["readOnlyHint"] == true)
            #expect(
                tools[place]?["inputSchema"]?["type"] == "object" && tools[place]?["outputSchema"]?["type"] == "object")
        }
    }
}
