import Daemon
import Catalog
import API
import Foundation
import Search
import Testing

/// What is wrong with a search that is good JSON.
struct RequestCheckTests {
    /// What the daemon answers to the body; nil when it would search.
    private func refusal(_ body: String) throws -> SearchError? {
        let request = try API.decoder().decode(API.SearchRequest.self, from: Data(body.utf8))
        do throws(SearchError) {
            _ = try Search.SearchRequest(request)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [#""""#, #"" \t\u2003\n""#, #""\u0000""#, #""\u200b""#])
    func `a query without anything to read is empty`(query: String) throws {
        #expect(try refusal(#"{"query":\#(query)}"#)?.code == .emptyQuery)
    }

    @Test(arguments: [
        (#""limit":0"#, "“limit” must be from 1 to 1000"), (#""limit":-1"#, "“limit” must be from 1 to 1000"),
        (#""offset":10001"#, "“offset” must be from 0 to 10000"),
        (#""offset":9007199254740993"#, "“offset” must be from 0 to 10000"),
        (#""rerank":{"depth":0}"#, "“rerank.depth” must be from 1 to 1000"),
        (#""rerank":{"depth":1001}"#, "“rerank.depth” must be from 1 to 1000"),
        (#""rerank":{"beta":-1e7}"#, "“rerank.beta” must be from -1000000 to 1000000"),
        (#""rerank":{"beta":1e308}"#, "“rerank.beta” must be from -1000000 to 1000000"),
        (#""rerank":{"deadline_ms":-0.5}"#, "“rerank.deadline_ms” must be from 0 to 60000"),
        (#""rerank":{"deadline_ms":60001}"#, "“rerank.deadline_ms” must be from 0 to 60000"),
        (#""min_probability":-0.1"#, "“min_probability” must be from 0 to 1"),
        (#""min_probability":1.1"#, "“min_probability” must be from 0 to 1"),
        (#""filters":{"min_duration":-1}"#, "“filters.min_duration” must be a number of seconds"),
        (#""filters":{"max_duration":-1}"#, "“filters.max_duration” must be a number of seconds"),
        (#""filters":{"min_duration":5,"max_duration":4}"#, "“filters.min_duration” is more than"),
        (
            #""filters":{"recorded_after":"2026-01-02","recorded_before":"2026-01-02"}"#,
            "“filters.recorded_after” is not"
        ),
        (#""filters":{"path_prefix":""}"#, "“filters.path_prefix” must be an absolute path"),
        (#""filters":{"path_prefix":"videos/"}"#, "“filters.path_prefix” must be an absolute path"),
        (#""filters":{"path_prefix":"/a\u0000b"}"#, "“filters.path_prefix” must be an absolute path"),
        (#""filters":{"path_glob":""}"#, "“filters.path_glob” must have 1 to 512 characters"),
        (#""like":[{"clip":1,"weight":0}]"#, "“like[0]” has a weight that is not"),
        (#""like":[{"file":"a.mp4","time":1}]"#, "“like[0]” must name a file by its absolute path"),
        (#""like":[{"file":"/a.mp4","time":-1}]"#, "“like[0]” has a time that is no number"),
        (#""like":[{"clip":1}],"channel":"words""#, "“like” compares pictures"),
        (#""like":[{"clip":1}],"min_probability":0.5"#, "“min_probability” is of words"),
        (#""not":["a",""]"#, "“not[1]” is empty"),
        (#""not":["1","2","3","4","5","6","7","8","9"]"#, "“not” must have at most 8 entries"),
        (#""fold":true,"offset":995"#, "“offset” and “limit” must be at most 1000 together"),
        (#""filters":{"path_glob":"["}"#, "“filters.path_glob” has a bracket that isn't closed"),
    ])
    func `a message names the field and what was expected`(fields: String, message: String) throws {
        let error = try refusal(#"{"query":"a",\#(fields)}"#)
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "none")")
    }

    @Test func `every field reaches the search`() throws {
        let body = #"""
            {"query":" a dog","limit":3,"offset":4,"group":"media","min_probability":0.5,
            "rerank":{"depth":5,"beta":-1,"deadline_ms":20},
            "filters":{"root":1,"path_prefix":"/v/","path_glob":"*.mp4","recorded_after":"2026-01-01",
            "recorded_before":"2026-01-02","min_duration":1,"max_duration":2}}
            """#
        let request = try Search.SearchRequest(
            API.decoder().decode(API.SearchRequest.self, from: Data(body.utf8)))
        #expect(request.query == "a dog" && request.limit == 3 && request.offset == 4 && request.group == .media)
        #expect(request.minProbability == 0.5)
        #expect(request.rerank?.depth == 5 && request.rerank?.beta == -1)
        #expect(request.rerank?.deadline == .milliseconds(20))
        let filter = request.filter
        #expect(filter.root == 1 && filter.pathPrefix == Array("/v/".utf8) && filter.pathGlob?.pattern == "*.mp4")
        #expect(filter.recordedAfter == 1_767_225_600 && filter.recordedBefore == 1_767_312_000)
        #expect(filter.minDuration == 1 && filter.maxDuration == 2)
    }
}
