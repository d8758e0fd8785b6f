package import API
package import Client

/// Where the tools' answers come from; only reads.
///
/// Every method throws an `ExplainedError` for what a person or a model can do something about.
package protocol MomentSource: Sendable {
    func search(_ request: API.SearchRequest) async throws -> API.SearchResponse
    func clip(_ id: Int64) async throws -> API.Clip
    /// - Parameter side: the longest side in pixels.
    /// - Returns: a JPEG file from the middle of the clip.
    func picture(ofClip id: Int64, side: Int) async throws -> [UInt8]
    func description(ofClip id: Int64) async throws -> API.ClipDescription
    func status() async throws -> API.Status
}

/// The daemon.
extension ServiceClient: MomentSource {
    package func search(_ request: API.SearchRequest) async throws -> API.SearchResponse {
        try await self.request(.post, "/v1/search", body: request, as: API.SearchResponse.self)
    }

    package func clip(_ id: Int64) async throws -> API.Clip {
        try await request(.get, "/v1/clips/\(id)", as: API.Clip.self)
    }

    package func picture(ofClip id: Int64, side: Int) async throws -> [UInt8] {
        try await send(.get, "/v1/clips/\(id)/thumbnail.jpg?side=\(side)")
    }

    package func description(ofClip id: Int64) async throws -> API.ClipDescription {
        try await request(.get, "/v1/clips/\(id)/description", as: API.ClipDescription.self)
    }

    package func status() async throws -> API.Status {
        try await request(.get, "/v1/status", as: API.Status.self)
    }
}
