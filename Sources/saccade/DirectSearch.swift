import Service

enum DirectSearch {
    static func answer(_ request: API.SearchRequest, configuration: Configuration) async throws -> [UInt8]? { nil }
}
