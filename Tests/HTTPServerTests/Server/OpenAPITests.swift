import API
import APISamples
import Foundation
import HTTPServer
import Settings
import SystemPackage
import Testing

/// The description of the API for programs, held to the routes and to what they answer.
struct OpenAPITests {
    private static let web = FilePath(#filePath).removingLastComponent().appending("../../../web").lexicallyNormalized()

    private var document: [String: Any] {
        get throws {
            let data = try Data(contentsOf: URL(filePath: Self.web.appending("openapi.json").string))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
    }

    private var schemas: [String: Any] {
        get throws {
            let components = try #require(try document["components"] as? [String: Any])
            return try #require(components["schemas"] as? [String: Any])
        }
    }

    /// Keys of a value that the schema doesn't have, and required ones that the value doesn't have.
    private func differences(_ value: Any, _ schema: [String: Any], at place: String) throws -> [String] {
        if let reference = schema["$ref"] as? String, let name = reference.split(separator: "/").last {
            let named = try #require(try schemas[String(name)] as? [String: Any])
            return try differences(value, named, at: "\(place)(\(name))")
        }
        if let values = value as? [Any] {
            let items = try #require(schema["items"] as? [String: Any], "\(place) is no list")
            return try values.flatMap { try differences($0, items, at: place + "[]") }
        }
        guard let object = value as? [String: Any] else { return [] }
        let properties = try #require(schema["properties"] as? [String: Any], "\(place) has no properties")
        let missing = (schema["required"] as? [String] ?? []).filter { object[$0] == nil }
        return try missing.map { "\(place).\($0) is missing" }
            + object.flatMap { key, value in
                guard let inner = properties[key] as? [String: Any] else { return ["\(place).\(key) is not described"] }
                return try differences(value, inner, at: "\(place).\(key)")
            }
    }

    @Test func `it has exactly the routes that the server has`() throws {
        let paths = try #require(try document["paths"] as? [String: [String: Any]])
        let described = paths.flatMap { path, operations in operations.keys.map { "\($0.uppercased()) \(path)" } }
        #expect(Set(described) == Set(HTTPServer.routes))
    }

    @Test func `it describes what the routes answer, and every error has the one shape`() async throws {
        let page = SearchPage(
            files: try PageFiles(folder: Self.web), settings: Configuration.HTTP(), sessions: PageSessions(secret: [1]))
        try await RunningServer.run(page: page) { server async throws in
            let saved = #"{"query":"a dog","filters":{"min_duration":2},"min_probability":0.5,"command":["/bin/true"]}"#
            let asked: [(method: String, path: String, body: String?, schema: String)] = [
                ("POST", "/v1/search", #"{"query":"a dog"}"#, "SearchResponse"), ("GET", "/v1/media/2", nil, "Media"),
                ("GET", "/v1/clips/7", nil, "Clip"), ("GET", "/v1/clips/7/description", nil, "ClipDescription"),
                ("GET", "/v1/status", nil, "Status"), ("POST", "/v1/rescan", "{}", "RescanAccepted"),
                ("POST", "/v1/roots", #"{"path":"/videos"}"#, "Root"), ("POST", "/v1/page", nil, "PageAddress"),
                ("PUT", "/v1/saved-searches/a%20dog", saved, "SavedSearch"),
                ("GET", "/v1/saved-searches/a%20dog", nil, "SavedSearch"),
                ("GET", "/v1/saved-searches", nil, "SavedSearches"),
                ("GET", "/v1/models", nil, "Models"), ("POST", "/v1/models/use", #"{"model":"/m"}"#, "ModelChange"),
                ("POST", "/v1/pause", #"{"seconds":60}"#, "IngestState"), ("POST", "/v1/resume", nil, "IngestState"),
                ("POST", "/v1/roots/1/confirm", nil, "ConfirmedRemoval"),
                ("GET", "/v1/health/live", nil, "Health"), ("GET", "/v1/health/ready", nil, "Health"),
                ("GET", "/v1/clips/3", nil, "Error"),
            ]
            for (method, path, body, schema) in asked {
                let answer = try await server.request(method, path, body: body.map { Data($0.utf8) })
                let value = try JSONSerialization.jsonObject(with: answer.body)
                let found = try differences(value, ["$ref": "#/components/schemas/\(schema)"], at: path)
                #expect(found == [])
            }
            let served = try await server.request("GET", "/v1/openapi.json")
            #expect(served.status == 200 && served.headers["content-type"] == "application/json")
            #expect(try served.body == Data(contentsOf: URL(filePath: Self.web.appending("openapi.json").string)))
        }
        try await RunningServer.run { server async throws in
            #expect(try await server.request("GET", "/v1/openapi.json").errorCode == "unavailable")
        }
    }
}
