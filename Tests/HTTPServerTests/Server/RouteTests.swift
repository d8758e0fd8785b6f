import API
import APISamples
import Client
import Foundation
import Logging
import Testing

struct RouteTests {
    @Test func `a search answers with JSON`() async throws {
        try await RunningServer.run { server async throws in
            let response = try await server.request("POST", "/v1/search", json: #"{"query":"a dog","limit":3}"#)
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == "application/json; charset=utf-8")
            let answer = try response.decode(API.SearchResponse.self)
            #expect(answer.results.first?.media.path == API.Path("/v/dog.mp4"))
            #expect(server.backend.searches == [API.SearchRequest(query: "a dog", limit: 3)])
        }
    }

    @Test func `a search says how to re-rank`() async throws {
        try await RunningServer.run { server async throws in
            let json = """
                {"query":"a dog","rerank":{"depth":8,"beta":0.5,"deadline_ms":60000},"min_probability":1,"group":"media"}
                """
            let response = try await server.request("POST", "/v1/search", json: json)
            #expect(response.status == 200)
            #expect(
                server.backend.searches == [
                    API.SearchRequest(
                        query: "a dog", rerank: .on(.init(depth: 8, beta: 0.5, deadline: 60_000)), minProbability: 1,
                        group: .media)
                ])
        }
    }

    @Test func `media, clips, thumbnails and status are found by their ids`() async throws {
        try await RunningServer.run { server async throws in
            #expect(try await server.request("GET", "/v1/media/2").decode(API.Media.self).id == 2)
            #expect(try await server.request("GET", "/v1/clips/7").decode(API.Clip.self).id == 7)
            let description = try await server.request("GET", "/v1/clips/7/description")
            #expect(try description.decode(API.ClipDescription.self).description == "a dog runs on a beach")
            #expect(try await server.request("GET", "/v1/status").decode(API.Status.self) == Samples.status)
            let picture = try await server.request("GET", "/v1/clips/7/thumbnail.jpg?side=64")
            #expect(picture.headers["content-type"] == "image/jpeg")
            #expect(picture.body.count == 2 + 4 << 20)
            #expect(picture.body.last == 64)
        }
    }

    @Test func `a preview is served as a file is, with ranges`() async throws {
        try await RunningServer.run { server async throws in
            let whole = try await server.request("GET", "/v1/clips/7/preview.webm")
            #expect(whole.status == 200 && whole.headers["content-type"] == "video/webm" && whole.body.count == 4)
            #expect(whole.headers["accept-ranges"] == "bytes")
            let failed = try await server.request("GET", "/v1/clips/8/preview.webm")
            #expect(failed.status == 422 && failed.errorCode == "preview_failed")
            #expect(try await server.request("GET", "/v1/clips/9/preview.webm").errorCode == "clip_not_found")
        }
    }

    @Test func `saved searches are put, listed and removed by their percent-encoded names`() async throws {
        try await RunningServer.run { server async throws in
            let path = "/v1/saved-searches/caf%C3%A9%20at%2050%25"
            let json = #"{"query":"a café","channel":"words","command":["/bin/true","{file}"]}"#
            let added = try await server.request("PUT", path, json: json)
            #expect(added.status == 201)
            let search = try added.decode(API.SavedSearch.self)
            #expect(search.name == "café at 50%" && search.channel == .words)
            #expect(search.command == ["/bin/true", "{file}"])
            #expect(try await server.request("PUT", path, json: json).status == 409)
            #expect(try await server.request("PUT", path, json: #"{"query":"q","replace":true}"#).status == 200)
            #expect(try await server.request("GET", path).decode(API.SavedSearch.self).query == "q")
            let list = try await server.request("GET", "/v1/saved-searches").decode(API.SavedSearches.self)
            #expect(list.savedSearches.map(\.name) == ["café at 50%"])
            #expect(try await server.request("DELETE", path).status == 204)
            #expect(try await server.request("DELETE", path).errorCode == "saved_search_not_found")
            for (path, body) in [
                ("%zz", #"{"query":"q"}"#), ("%FF", #"{"query":"q"}"#), ("a", #"{"query":"q","limit":3}"#), ("a", "{}"),
                ("a", #"{"query":"q","command":"rm"}"#), ("a", #"{"query":"q","filters":{"colour":"red"}}"#),
            ] {
                let answer = try await server.request("PUT", "/v1/saved-searches/\(path)", json: body)
                #expect(answer.errorCode == "invalid_request", "\(path) \(body)")
            }
            let wrong = try await server.request("POST", path, json: json)
            #expect(wrong.status == 405 && wrong.headers["allow"] == "GET, PUT, DELETE")
        }
    }

    @Test func `roots are added once, removed once, and scanned`() async throws {
        try await RunningServer.run { server async throws in
            let added = try await server.request("POST", "/v1/roots", json: #"{"path":"/videos"}"#)
            #expect(added.status == 201)
            let again = try await server.request("POST", "/v1/roots", json: #"{"path":"/videos"}"#)
            #expect(again.status == 200)
            let id = try added.decode(API.Root.self).id
            #expect(try await server.request("POST", "/v1/rescan").status == 202)
            let scan = try await server.request("POST", "/v1/rescan", json: #"{"root":\#(id)}"#)
            #expect(try scan.decode(API.RescanAccepted.self).roots == [id])
            #expect(try await server.request("DELETE", "/v1/roots/\(id)").status == 204)
            #expect(try await server.request("DELETE", "/v1/roots/\(id)").errorCode == "root_not_found")
        }
    }

    @Test func `missing files of a root are confirmed, unless the root is unknown or offline`() async throws {
        try await RunningServer.run { server async throws in
            let root = try await server.request("POST", "/v1/roots", json: #"{"path":"/videos"}"#).decode(API.Root.self)
            let path = "/v1/roots/\(root.id)/confirm"
            #expect(try await server.request("POST", path).decode(API.ConfirmedRemoval.self).removed == 3)
            #expect(try await server.request("GET", path).errorCode == "method_not_allowed")
            #expect(try await server.request("POST", "/v1/roots/99/confirm").errorCode == "root_not_found")
            #expect(try await server.request("POST", "/v1/roots/x/confirm").errorCode == "invalid_request")
            server.backend.setOffline(root.id)
            let offline = try await server.request("POST", path)
            #expect(offline.status == 409 && offline.errorCode == "root_offline")
        }
    }

    @Test func `ingest is paused with and without an end, and resumed`() async throws {
        try await RunningServer.run { server async throws in
            let paused = try await server.request("POST", "/v1/pause").decode(API.IngestState.self)
            #expect(paused.rest?.cause == .paused && paused.rest?.until == nil)
            let hour = try await server.request("POST", "/v1/pause", json: #"{"seconds":3600}"#)
            #expect(
                try hour.decode(API.IngestState.self).rest?.until == Date(timeIntervalSince1970: 1_767_225_600 + 3600))
            #expect(try await server.request("POST", "/v1/resume").decode(API.IngestState.self).rest == nil)
            for body in [
                #"{"seconds":0}"#, #"{"seconds":-1}"#, #"{"seconds":1e300}"#, #"{"seconds":"1h"}"#, #"{"hours":1}"#,
            ] {
                #expect(
                    try await server.request("POST", "/v1/pause", json: body).errorCode == "invalid_request", "\(body)")
            }
        }
    }

    @Test func `health says whether the daemon lives and whether it can answer`() async throws {
        try await RunningServer.run { server async throws in
            #expect(try await server.request("GET", "/v1/health/live").decode(API.Health.self) == API.Health())
            #expect(try await server.request("GET", "/v1/health/ready").status == 200)
            server.backend.fail("there is no index")
            let failing = try await server.request("GET", "/v1/health/ready")
            #expect(failing.status == 503)
            let health = try JSONDecoder().decode(API.Health.self, from: failing.body)
            #expect(health.status == .failing && health.problems == ["there is no index"])
            #expect(try await server.request("GET", "/v1/health/live").status == 200)
            #expect(try await server.request("GET", "/v1/health").errorCode == "unknown_route")
        }
    }

    @Test func `metrics are those of the library and of the requests before, whatever was asked`() async throws {
        try await RunningServer.run { server async throws in
            _ = try await server.request("GET", "/v1/status")
            for number in 0..<50 { _ = try await server.request("GET", "/v1/media/\(number)") }
            for number in 0..<50 { _ = try await server.request("GET", "/made-up-\(number)") }
            let answer = try await server.request("GET", "/metrics")
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let lines = Set(String(decoding: answer.body, as: UTF8.self).split(separator: "\n").map(String.init))
            #expect(lines.contains("saccade_index_clips 40"))
            #expect(lines.contains(#"saccade_http_requests_total{route="status",status="200"} 1"#))
            #expect(lines.contains(#"saccade_http_requests_total{route="media",status="404"} 49"#))
            #expect(lines.contains(#"saccade_http_requests_total{route="none",status="404"} 50"#))
            #expect(lines.contains(#"saccade_http_request_seconds_count{route="media"} 50"#))
            #expect(lines.count { $0.hasPrefix("saccade_http_requests_total") } == 4)
            let wrong = try await server.request("POST", "/metrics")
            #expect(wrong.status == 405 && wrong.headers["allow"] == "GET")
            #expect(try await server.request("GET", "/metrics/x").status == 404)
        }
    }

    @Test func `a model is used, given up, or refused with a status of its own`() async throws {
        try await RunningServer.run { server async throws in
            #expect(try await server.request("GET", "/v1/models").decode(API.Models.self) == Samples.models)
            let used = try await server.request("POST", "/v1/models/use", json: #"{"model":"/m/clip"}"#)
            #expect(used.status == 202)
            #expect(try used.decode(API.ModelChange.self) == Samples.modelChange)
            for body in [#"{"model":"/m/clip","dry_run":true}"#, #"{"model":"previous"}"#] {
                #expect(try await server.request("POST", "/v1/models/use", json: body).status == 200)
            }
            let full = try await server.request("POST", "/v1/models/use", json: #"{"model":"/full"}"#)
            #expect(full.status == 507 && full.errorCode == "insufficient_space")
            #expect(try await server.request("DELETE", "/v1/models/previous").status == 204)
            #expect(try await server.request("DELETE", "/v1/models/next").errorCode == "model_not_found")
        }
    }

    @Test func `a backup comes as it is made, one at a time, and a broken one is told from a whole one`() async throws {
        try await RunningServer.run { server async throws in
            let client = ServiceClient(socket: server.socket)
            func download(_ path: String) async throws -> String {
                var received: [UInt8] = []
                try await client.download(path) { bytes in
                    received += bytes
                    return true
                }
                return String(decoding: received, as: UTF8.self)
            }
            #expect(try await download("/v1/backup") == "part 0 true part 1 true part 2 true ")
            #expect(try await download("/v1/backup?rerank_features=false").hasPrefix("part 0 false"))
            let wrong = try await server.request("GET", "/v1/backup?rerank_features=perhaps")
            #expect(wrong.status == 400 && wrong.errorCode == "invalid_request")
            try await server.backend.backupsEnd(2)

            server.backend.backupBreaks(after: 2)
            var received: [UInt8] = []
            let error = await #expect(throws: ClientError.self) {
                try await client.download("/v1/backup") { bytes in
                    received += bytes
                    return true
                }
            }
            #expect(error?.code == .interrupted)
            #expect(String(decoding: received, as: UTF8.self) == "part 0 true part 1 true ")
            try await server.backend.backupsEnd(3)
        }
    }

    @Test(arguments: [
        ("GET", "/", 404, "unknown_route"), ("GET", "/v2/status", 404, "unknown_route"),
        ("GET", "/v1/clips/7/thumbnail.png", 404, "unknown_route"), ("GET", "/v1/search", 405, "method_not_allowed"),
        ("POST", "/v1/status", 405, "method_not_allowed"), ("PUT", "/v1/roots/1", 405, "method_not_allowed"),
        ("PATCH", "/v1/status", 405, "method_not_allowed"), ("GET", "/v1/media/x", 400, "invalid_request"),
        ("GET", "/v1/media/-1", 400, "invalid_request"),
        ("DELETE", "/v1/models/live", 404, "unknown_route"), ("GET", "/v1/models/use", 405, "method_not_allowed"),
        ("GET", "/v1/media/99999999999999999999", 400, "invalid_request"),
        ("GET", "/v1/media/3", 404, "media_not_found"), ("GET", "/v1/clips/3", 404, "clip_not_found"),
        ("GET", "/v1/clips/3/description", 404, "clip_not_found"),
        ("GET", "/v1/clips/8/description", 404, "no_description"),
        ("POST", "/v1/clips/7/description", 405, "method_not_allowed"),
        ("GET", "/v1/clips/8/thumbnail.jpg", 503, "media_offline"),
        ("GET", "/v1/clips/7/thumbnail.jpg?side=9999999", 400, "invalid_request"),
    ])
    func `what isn't there gets a JSON error with a stable code`(
        method: String, path: String, status: Int, code: String
    ) async throws {
        try await RunningServer.run { server async throws in
            let response = try await server.request(method, path)
            #expect(response.status == status)
            #expect(response.errorCode == code)
        }
    }

    @Test func `a wrong method is told the right one`() async throws {
        try await RunningServer.run { server async throws in
            #expect(try await server.request("GET", "/v1/search").headers["allow"] == "POST")
            #expect(try await server.request("GET", "/v1/roots/3").headers["allow"] == "DELETE")
        }
    }

    @Test func `what breaks inside is an internal error that tells no details`() async throws {
        try await RunningServer.run { server async throws in
            let response = try await server.request("POST", "/v1/search", json: #"{"query":"crash"}"#)
            #expect(response.status == 500)
            #expect(response.errorCode == "internal_error")
            #expect(!response.text.contains("Cocoa"))
        }
    }

    @Test func `successful GETs are logged at debug, other requests at info and faults at error`() async throws {
        let log = RecordingLog.Entries()
        try await RunningServer.run(logger: log.logger) { server async throws in
            _ = try await server.request("GET", "/v1/status")
            _ = try await server.request("GET", "/v1/clips/7/thumbnail.jpg")
            _ = try await server.request("GET", "/v1/clips/3")
            _ = try await server.request("POST", "/v1/search", json: #"{"query":"a dog"}"#)
            _ = try await server.request("POST", "/v1/search", json: #"{"query":"crash"}"#)
        }
        func level(_ message: String) -> Logger.Level? { log.all.first { $0.message == message }?.level }
        #expect(level("GET /v1/status 200") == .debug)
        #expect(level("GET /v1/clips/7/thumbnail.jpg 200") == .debug)
        #expect(level("GET /v1/clips/3 404") == .info)
        #expect(level("POST /v1/search 200") == .info)
        #expect(level("POST /v1/search 500") == .info)
        #expect(level("request failed") == .error)
    }

    @Test func `one connection serves many requests, also when they come at once`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            let request = RawClient.request("GET", "/v1/clips/7")
            try await client.send(request)
            #expect(try await client.response().status == 200)
            try await client.send(RawClient.request("POST", "/v1/search", body: Data("{}".utf8)))
            #expect(try await client.response().status == 400)
            try await client.send(request)
            #expect(try await client.response().status == 200)
        }
    }

    @Test func `a client that closes its sending half still gets its answer`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try await client.send(RawClient.request("GET", "/v1/clips/7"))
            client.closeSending()
            #expect(try await client.response().status == 200)
        }
    }

    @Test func `a client that asks whether to go on is told so`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            let body = Data(#"{"query":"a dog"}"#.utf8)
            try await client.send(
                "POST /v1/search HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(body.count)\r\n\r\n")
            #expect(try await client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
            try await client.send(body)
            #expect(try await client.response().status == 200)
        }
    }
}
