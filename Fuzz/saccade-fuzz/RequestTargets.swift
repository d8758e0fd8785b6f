import API
import Client
import Foundation
import HTTPServer
import Settings

extension FuzzTarget {
    /// The bodies that the daemon reads: the first byte says of which route.
    static let requests = FuzzTarget(name: "requests") {
        let search = #"""
            {"query":"a dog on a beach","limit":5,"offset":10,"group":"media","stream":true,"min_probability":0.25,
             "filters":{"root":1,"path_prefix":"/v/","path_glob":"*.mp4","recorded_after":"2026-03-01T12:00:00+01:00",
             "recorded_before":"2026-03-01","min_duration":1.5,"max_duration":1e3},
             "rerank":{"depth":32,"beta":1.5,"deadline_ms":200}}
            """#
        let times =
            #"{"query":"x","filters":{"recorded_after":"0001-01-01","recorded_before":"9999-12-31 23:59+00:00"}}"#
        let examples = #"""
            {"like":[{"clip":8},{"file":"/v/a.mp4","file_bytes":"L3Y=","time":7.5,"weight":2},{"image":"/9j/"}],
             "not":["grass",{"text":"a -\"tall tree\"","weight":0.5}],"fold":true}
            """#
        return [
            search, times, examples, #"{"query":"caf\u00e9","rerank":"off"}"#,
            #"{"query":"x","rerank":true,"filters":{}}"#,
        ]
        .map {
            [0] + Array($0.utf8)
        } + [[1] + Array(#"{"path":"/srv/camera"}"#.utf8), [2] + Array(#"{"root":3}"#.utf8)]
    } check: { input in
        guard let route = input.first else { return }
        let body = Data(input.dropFirst())
        switch route % 3 {
        case 0:
            isWrittenAsItWasRead(API.SearchRequest.self, body)
            guard let request = try? RequestDecoding.decode(API.SearchRequest.self, from: body) else { return }
            try? RequestDecoding.check(request, limits: Configuration.HTTP())
            let typed = TypedQuery(request.query)
            require(typed.exclusions.allSatisfy { !$0.isEmpty }, "nothing is excluded that has no letters")
        case 1: isWrittenAsItWasRead(API.AddRoot.self, body)
        default: isWrittenAsItWasRead(API.RescanRequest.self, body)
        }
    }

    /// What a client reads of `/v1/events`, in any pieces.
    static let serverEvents = FuzzTarget(name: "events") {
        ["event: media_indexed\ndata: {\"id\":1}\n\n", ": ping\r\n\r\ndata:a\rdata: b\r\rretry: 5\nid: 3\ndata\n\n"].map
        {
            Array($0.utf8)
        }
    } check: { input in
        var whole = EventStreamParser()
        var cut = EventStreamParser()
        guard let expected = try? whole.append(input) else { fatalError("no input here is over the limit") }
        var events: [ServerSentEvent] = []
        for piece in pieces(of: input) { events += (try? cut.append(piece)) ?? [] }
        require(events == expected, "a stream of events says the same however it is cut")
    }
}

private func isWrittenAsItWasRead<Body: Codable & Equatable>(_ type: Body.Type, _ body: Data) {
    guard let first = try? RequestDecoding.decode(type, from: body) else { return }
    guard let written = try? API.encoder().encode(first) else { fatalError("what was read can be written") }
    guard let second = try? RequestDecoding.decode(type, from: written) else {
        fatalError("what was written can be read: \(String(decoding: written, as: UTF8.self))")
    }
    require(first == second, "decoding undoes encoding: \(first) and \(second)")
}
