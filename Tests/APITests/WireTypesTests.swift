import API
import APISamples
import Foundation
import Testing

/// The JSON of every type, word for word: a change here breaks clients.
struct WireTypesTests {
    private func json(_ value: some Encodable) throws -> String {
        String(decoding: try API.encoder().encode(value), as: UTF8.self)
    }

    private func decode<T: Decodable>(_ type: T.Type, _ text: String) throws -> T {
        try API.decoder().decode(type, from: Data(text.utf8))
    }

    private func failure<T: Decodable>(_ type: T.Type, _ text: String) -> String {
        do {
            _ = try decode(type, text)
            return "no error"
        } catch let error as APIError {
            return error.message
        } catch {
            return "\(error)"
        }
    }

    @Test func `a search request with a query alone gets the defaults`() throws {
        let request = try decode(API.SearchRequest.self, #"{"query":"a dog"}"#)
        #expect(request == API.SearchRequest(query: "a dog"))
        #expect(request.limit == 10)
        #expect(request.offset == 0)
        #expect(request.rerank == .on(API.RerankOptions()))
        #expect(request.minProbability == nil)
        #expect(request.group == .clip)
        #expect(!request.stream)
    }

    @Test(arguments: [
        (#"{"clip":7}"#, API.Example(.clip(7))), (#"{"clip":7,"weight":0.5}"#, .init(.clip(7), weight: 0.5)),
        (#"{"file":"/v/a.mp4","time":3.5}"#, .init(.file(API.Path("/v/a.mp4"), time: 3.5))),
        (#"{"file":"/v/a.mp4","time":0}"#, .init(.file(API.Path("/v/a.mp4"), time: 0))),
        (#"{"image":"/9j/"}"#, .init(.image(Data([0xFF, 0xD8, 0xFF])))),
    ])
    func `an example is a clip, a file's moment or a picture`(text: String, example: API.Example) throws {
        let request = try decode(API.SearchRequest.self, #"{"like":[\#(text)]}"#)
        #expect(request == API.SearchRequest(query: "", like: [example]))
        #expect(try decode(API.SearchRequest.self, json(request)) == request)
    }

    @Test(arguments: [
        "7", "{}", #"{"clip":7,"file":"/a"}"#, #"{"clip":7,"time":3}"#, #"{"clip":1.5}"#, #"{"image":""}"#,
        #"{"image":"?"}"#, #"{"image":"/9j/","time":1}"#, #"{"time":1}"#, #"{"url":"x"}"#, "null", #"{"clip":"7"}"#,
    ])
    func `an example in another shape is refused`(text: String) {
        #expect(throws: (any Error).self) { try decode(API.SearchRequest.self, #"{"query":"a","like":[\#(text)]}"#) }
    }

    @Test func `a search of the fleet says so, and its results say who has them`() throws {
        let request = try decode(API.SearchRequest.self, #"{"query":"a","scope":"fleet"}"#)
        #expect(request == API.SearchRequest(query: "a", scope: .fleet))
        #expect(try decode(API.SearchRequest.self, json(request)) == request)
        #expect(try json(API.SearchRequest(query: "a")).contains("scope") == false)
        #expect(throws: (any Error).self) { try decode(API.SearchRequest.self, #"{"query":"a","scope":"world"}"#) }
        let host = API.Host(name: "attic", address: nil, media: 3, path: API.Path(bytes: [0x2F, 0xFF]), online: true)
        #expect(
            try json(host)
                == "{\"media\":3,\"name\":\"attic\",\"online\":true,\"path\":\"/\u{FFFD}\",\"path_bytes\":\"L/8=\"}")
        #expect(try decode(API.Host.self, json(host)) == host)
    }

    @Test func `exclusions are strings, or objects with a weight`() throws {
        let request = try decode(
            API.SearchRequest.self,
            #"{"query":"a","not":["night",{"text":"grass","weight":2},{"text":"b"}],"fold":true}"#)
        #expect(request.not == [.init("night"), .init("grass", weight: 2), .init("b")] && request.fold)
        #expect(try decode(API.SearchRequest.self, json(request)) == request)
        for bad in ["7", "{}", #"{"text":7}"#, #"{"text":"a","w":1}"#] {
            #expect(throws: (any Error).self) { try decode(API.SearchRequest.self, #"{"query":"a","not":[\#(bad)]}"#) }
        }
        #expect(failure(API.SearchRequest.self, #"{"query":"a","not":[7]}"#).contains("“not” must be a string"))
        #expect(throws: (any Error).self) { try decode(API.SearchRequest.self, #"{"not":["night"]}"#) }
    }

    @Test(arguments: [
        ("null", API.Rerank.standard), ("true", .standard), ("{}", .standard), ("false", .off), (#""off""#, .off),
        (#"{"depth":32}"#, .on(.init(depth: 32))), (#"{"beta":-1.5}"#, .on(.init(beta: -1.5))),
        (#"{"deadline_ms":0}"#, .on(.init(deadline: 0))), (#"{"depth":null,"beta":2}"#, .on(.init(beta: 2))),
        (#"{"beta":1.5,"deadline_ms":200,"depth":32}"#, .on(.init(depth: 32, beta: 1.5, deadline: 200))),
    ])
    func `re-ranking is said in any of its shapes`(text: String, rerank: API.Rerank) throws {
        let request = try decode(API.SearchRequest.self, #"{"query":"a dog","rerank":\#(text)}"#)
        #expect(request.rerank == rerank)
        #expect(try decode(API.SearchRequest.self, json(request)) == request)
    }

    @Test(arguments: [
        "1", "1.5", #""on""#, "\"\"", "[]", "[32]", #"{"depth":"32"}"#, #"{"depth":1.5}"#, #"{"beta":"1"}"#,
        #"{"deadline_ms":[]}"#,
    ])
    func `re-ranking in another shape is refused`(text: String) {
        #expect(throws: (any Error).self) {
            try decode(API.SearchRequest.self, #"{"query":"a dog","rerank":\#(text)}"#)
        }
    }

    @Test func `a search request is sent with what is out of the ordinary`() throws {
        let plain = API.SearchRequest(query: "a dog")
        #expect(try json(plain) == #"{"filters":{},"limit":10,"offset":0,"query":"a dog"}"#)
        let other = API.SearchRequest(
            query: "a dog", rerank: .off, minProbability: 0.5, group: .media, stream: true)
        let text = """
            {"filters":{},"group":"media","limit":10,"min_probability":0.5,"offset":0,"query":"a dog","rerank":false,\
            "stream":true}
            """
        #expect(try json(other) == text)
        #expect(try decode(API.SearchRequest.self, text) == other)
    }

    @Test func `a search request keeps every filter`() throws {
        let text = """
            {"filters":{"max_duration":60,"min_duration":1.5,"path_glob":"*.mp4","path_prefix":"/v/",\
            "recorded_after":"2026-01-01T00:00:00Z","recorded_before":"2026-02-01T00:00:00Z","root":3},\
            "limit":5,"offset":10,"query":"a dog"}
            """
        let request = try decode(API.SearchRequest.self, text)
        #expect(request.filters.recordedAfter == Date(timeIntervalSince1970: 1_767_225_600))
        #expect(try json(request) == text)
    }

    @Test(arguments: [
        "2026-01-01", "2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00+01:00", "2025-12-31T22:30-01:30",
        "2026-01-01 00:00:00",
    ])
    func `a time may be a day, have a fraction, an offset or none of them`(text: String) throws {
        #expect(RFC3339.parse(text) == Date(timeIntervalSince1970: 1_767_225_600))
    }

    @Test(arguments: [
        "", "yesterday", "2026-13-01", "1767225600", "2026-02-30", "2026-03-01junk", "2026-03-01T25:00:00Z",
        "2026-03-01T12:61:00Z", "2026-03-01T12:00:00Zjunk", "2026-03-01T12", "2026-03-01T12:00:00+1:00",
        "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+10:00",
    ])
    func `a time that is none is refused`(text: String) {
        #expect(RFC3339.parse(text) == nil)
    }

    @Test(arguments: ["0001-01-01T00:00:00Z", "2026-03-01T12:00:00Z", "9999-12-31T23:59:59Z"])
    func `a time that is read is written as it was`(text: String) throws {
        #expect(RFC3339.format(try #require(RFC3339.parse(text))) == text)
    }

    @Test func `a misspelt key names the one that was meant`() {
        #expect(
            failure(API.SearchRequest.self, #"{"query":"x","limt":3}"#) == "unknown key “limt”; did you mean “limit”?")
        #expect(
            failure(API.SearchRequest.self, #"{"query":"x","filters":{"zzz":3}}"#).hasPrefix(
                "unknown key “zzz” in “filters”; known keys are max_duration, "))
        #expect(
            failure(API.SearchRequest.self, #"{"query":"x","rerank":{"deadline":3}}"#)
                == "unknown key “deadline” in “rerank”; did you mean “deadline_ms”?")
    }

    @Test func `a search response is written as documented`() throws {
        let response = API.SearchResponse(
            query: "a dog",
            results: [
                API.SearchResult(
                    clip: 7, media: .init(id: 2, path: API.Path("/v/dog.mp4"), duration: 12.5, online: true), start: 0,
                    end: 6.25, score: 0.5, scores: .init(fast: 0.5))
            ],
            modelDigest: "ab12",
            clips: 40,
            timings: .init(embed: 1.5, filter: 0, scan: 0.25, lookup: 0.5, total: 2.5)
        )
        let text = """
            {"clips":40,"model_digest":"ab12","query":"a dog","reranked":0,"results":[{"clip":7,"end":6.25,"media":{"duration":12.5,\
            "id":2,"online":true,"path":"/v/dog.mp4"},"score":0.5,"scores":{"fast":0.5},"start":0,"why":"picture"}],\
            "stage":"fast","timings":{"embed_ms":1.5,"filter_ms":0,"lookup_ms":0.5,"rerank_ms":0,"scan_ms":0.25,\
            "total_ms":2.5}}
            """
        #expect(try json(response) == text)
        #expect(try decode(API.SearchResponse.self, text) == response)
    }

    @Test func `a line of a re-ranked stream is written as documented`() throws {
        let response = API.SearchResponse(
            query: "a dog",
            results: [
                API.SearchResult(
                    clip: 7, media: .init(id: 2, path: API.Path("/v/dog.mp4"), duration: nil, online: false), start: 0,
                    end: 6.25, score: -0.75, scores: .init(fast: 0.5, slow: -1.5, words: 0.75), probability: 0.875,
                    why: .both,
                    line: .init(kind: .subtitle, start: 1.5, end: 3, language: "en", text: "a “dog” barks"))
            ],
            found: true, stage: .partial, reranked: 1, isFinal: false, modelDigest: "ab12", clips: 40,
            timings: .init(embed: 1.5, filter: 0, scan: 0.25, rerank: 12, words: 2, lookup: 0.5, total: 14.5)
        )
        let text = """
            {"clips":40,"final":false,"found":true,"model_digest":"ab12","query":"a dog","reranked":1,"results":[{"clip":7,"end":6.25,\
            "line":{"end":3,"kind":"subtitle","language":"en","start":1.5,"text":"a “dog” barks"},\
            "media":{"id":2,"online":false,"path":"/v/dog.mp4"},"probability":0.875,"score":-0.75,"scores":{\
            "fast":0.5,"slow":-1.5,"words":0.75},"start":0,"why":"both"}],"stage":"partial","timings":{"embed_ms":1.5,\
            "filter_ms":0,"lookup_ms":0.5,"rerank_ms":12,"scan_ms":0.25,"total_ms":14.5,"words_ms":2}}
            """
        #expect(try json(response) == text)
        #expect(try decode(API.SearchResponse.self, text) == response)
    }

    @Test func `a description is written as documented`() throws {
        let description = API.ClipDescription(clip: 7, description: "a man plays a guitar", score: -1.25)
        let text = #"{"clip":7,"description":"a man plays a guitar","score":-1.25}"#
        #expect(try json(description) == text)
        #expect(try decode(API.ClipDescription.self, text) == description)
    }

    @Test func `a model that re-ranks says how`() throws {
        let model = API.Status.Model(
            name: "saccade-small", modelDigest: "ab12", dimensions: 256, slow: true, rerankDepth: 32,
            rerankShortDepth: 128, rerankBeta: 1.5, rerankShortBeta: 1.25, calibrated: true)
        let text = """
            {"calibrated":true,"dimensions":256,"model_digest":"ab12","name":"saccade-small","rerank_beta":1.5,\
            "rerank_depth":32,"rerank_short_beta":1.25,"rerank_short_depth":128,"slow":true}
            """
        #expect(try json(model) == text)
        #expect(try decode(API.Status.Model.self, text) == model)
    }

    @Test func `a path that is not UTF-8 keeps its bytes`() throws {
        let reference = API.MediaReference(
            id: 1, path: API.Path(bytes: [0x2F, 0xFF, 0x61]), duration: nil, online: false)
        let text = #"{"id":1,"online":false,"path":"/\#u{FFFD}a","path_bytes":"L/9h"}"#
        #expect(try json(reference) == text)
        #expect(try decode(API.MediaReference.self, text) == reference)
    }

    @Test func `work, failures, events and roots keep the bytes of a path that is not UTF-8`() throws {
        let path = API.Path(bytes: [0x2F, 0xFF, 0x61])
        let text = #""path":"/\#u{FFFD}a","path_bytes":"L/9h""#
        let work = API.Status.Work(media: 4, path: path, position: 1, duration: nil)
        #expect(try json(work) == #"{"media":4,\#(text),"position":1}"#)
        let failure = API.Status.Failure(media: nil, path: path, reason: "damaged", attempts: 1, nextAttempt: nil)
        #expect(try json(failure) == #"{"attempts":1,\#(text),"reason":"damaged"}"#)
        let event = API.Event(kind: .mediaFound, time: Date(timeIntervalSince1970: 1_767_225_600), path: path)
        #expect(try json(event) == #"{"kind":"media_found",\#(text),"time":"2026-01-01T00:00:00Z"}"#)
        let root = API.Root(id: 1, path: path, state: .online, files: 0)
        #expect(try json(root) == #"{"files":0,"id":1,\#(text),"state":"online"}"#)
        let place = API.MediaPath(root: 1, path: path, online: true)
        #expect(try json(place) == #"{"online":true,\#(text),"root":1}"#)
        #expect(try decode(API.Status.Work.self, json(work)) == work)
        #expect(try decode(API.Status.Failure.self, json(failure)) == failure)
        #expect(try decode(API.Event.self, json(event)) == event)
        #expect(try decode(API.Root.self, json(root)) == root)
        #expect(try decode(API.MediaPath.self, json(place)) == place)
        #expect(throws: DecodingError.self) {
            try decode(API.Root.self, #"{"files":0,"id":1,"path":"/a","path_bytes":"?","state":"online"}"#)
        }
    }

    @Test func `media and clips come back as they went`() throws {
        let media = API.Media(
            id: 1, paths: [.init(root: 1, path: API.Path("/v/a.mp4"), online: true)], state: .failed,
            reason: "the file ends early", attempts: 2, nextAttempt: Date(timeIntervalSince1970: 1_767_225_600),
            size: 10, duration: 3, width: 64, height: 48, codec: "h264", container: "mov", clipCount: 1,
            clips: [.init(id: 5, start: 0, end: 3, shot: 0)])
        let text = """
            {"attempts":2,"clip_count":1,"clips":[{"end":3,"id":5,"shot":0,"start":0}],"codec":"h264","container":"mov",\
            "duration":3,"height":48,"id":1,"next_attempt_at":"2026-01-01T00:00:00Z","paths":[{"online":true,\
            "path":"/v/a.mp4","root":1}],"reason":"the file ends early","size":10,"state":"failed","width":64}
            """
        #expect(try json(media) == text)
        #expect(try decode(API.Media.self, text) == media)
        let clip = API.Clip(
            id: 5, media: .init(id: 1, path: API.Path("/v/a.mp4"), duration: 3, online: true), start: 0, end: 3, shot: 0
        )
        #expect(try decode(API.Clip.self, json(clip)) == clip)
    }

    @Test func `a status is written as documented`() throws {
        let status = Samples.status
        let text = """
            {"engine":{"blas_core":"Haswell","simd":"avx2","threads":2},"failures":[{"attempts":1,"media":9,\
            "path":"/v/bad.mp4","reason":"no video stream"}],"index":{"clips":40,"deleted_bytes":2048,"deleted_clips":10,"disk_bytes":8192,"free_bytes":512,"memory_bytes":4096},\
            "media":{"failed":1,"indexed":3,"indexing":1,"pending":2,"total":7},"model":{"calibrated":false,\
            "dimensions":256,"model_digest":"ab12","name":"saccade-small","slow":false},"next":{"clips":20,\
            "expected_clips":41,"failed":1,"fraction":0.5,"indexed":3,"media":7,"missing":3,"model_digest":"cd34",\
            "name":"clip","problem":"a vector isn't of unit length","remaining_seconds":90,"waiting":2},"pid":42,"queue":{"current":[{"duration":60,"media":4,\
            "path":"/v/now.mp4","position":12.5}],"retrying":0,"waiting":2},"rates":{"clips_per_second":2,\
            "frames_per_second":16,"remaining_seconds":30,"video_seconds_per_second":12},"roots":[{"files":7,"id":1,\
            "path":"/v","state":"online"}],"started_at":"2026-01-01T00:00:00Z","state_directory":"/s","version":"0.1.0",\
            "watcher":{"directories":3,"last_scan_at":"2026-01-01T00:00:00Z","state":"watching"}}
            """
        #expect(try json(status) == text)
        #expect(try decode(API.Status.self, text) == status)
    }

    @Test func `an event leaves out what it doesn't say`() throws {
        let event = API.Event(kind: .mediaIndexed, time: Date(timeIntervalSince1970: 1_767_225_600), media: 3, clips: 4)
        let text = #"{"clips":4,"kind":"media_indexed","media":3,"time":"2026-01-01T00:00:00Z"}"#
        #expect(try json(event) == text)
        #expect(try decode(API.Event.self, text) == event)
    }

    private var documentation: String {
        get throws {
            let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            return try String(
                contentsOf: tests.deletingLastPathComponent().appending(path: "docs/API.md"), encoding: .utf8)
        }
    }

    @Test func `the examples of the documentation are what these types write`() throws {
        /// Decodes and encodes again; what the type doesn't know is lost on the way.
        func again(_ type: (some Codable).Type, _ text: String) throws -> String {
            try json(decode(type, text))
        }
        let types: [any Codable.Type] = [
            API.SearchResponse.self, API.SearchResponse.self, API.SearchResponse.self, API.SearchResponse.self,
            API.Media.self, API.Clip.self, API.ClipDescription.self, API.Status.self, API.Health.self,
            API.IngestState.self, API.RescanAccepted.self, API.Root.self, API.ConfirmedRemoval.self,
            API.SavedSearch.self, API.ModelChange.self, API.Models.self, API.PageAddress.self,
            API.ErrorBody.self,
        ]
        let blocks = try documentation.split(separator: "```json\n").dropFirst().map { block in
            String(block.prefix(upTo: try #require(block.range(of: "\n```")).lowerBound))
        }
        try #require(blocks.count == types.count)
        for (type, block) in zip(types, blocks) {
            // A stream has an answer in each line.
            let texts = block.hasPrefix("{\"clips\"") ? block.split(separator: "\n").map(String.init) : [block]
            for text in texts {
                let written = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary
                let read = try JSONSerialization.jsonObject(with: Data(again(type, text).utf8)) as? NSDictionary
                #expect(written != nil && read == written, "\(type): \(text)")
            }
        }
    }

    @Test func `the documentation names every kind of event`() throws {
        let text = try documentation
        for kind in API.EventKind.allCases {
            #expect(text.contains("`\(kind.rawValue)`"), "\(kind.rawValue)")
        }
        #expect(API.EventKind.indexSwitched.rawValue == "index_switched")
    }

    @Test(arguments: [
        #"{"model":"clip"}"#, #"{"model":""}"#, #"{"model":"/a\u0000b"}"#, #"{}"#, #"{"model":7}"#,
        #"{"model":"/m","dry":true}"#,
    ])
    func `a model is named by its absolute path, or as the previous or the default one`(body: String) throws {
        #expect(throws: (any Error).self) { try decode(API.UseModel.self, body) }
        #expect(try decode(API.UseModel.self, #"{"model":"previous"}"#).choice == .previous)
        #expect(try decode(API.UseModel.self, #"{"model":"default","dry_run":true}"#).choice == .configured)
        #expect(try decode(API.UseModel.self, #"{"model":"/m"}"#).choice == .folder(API.Path("/m")))
    }

    @Test func `an error has a code and a message`() throws {
        let body = API.ErrorBody(APIError(.emptyQuery, "say what to look for"))
        let text = #"{"error":{"code":"empty_query","message":"say what to look for"}}"#
        #expect(try json(body) == text)
        #expect(try decode(API.ErrorBody.self, text) == body)
    }
}
