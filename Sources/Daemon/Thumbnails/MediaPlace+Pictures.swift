import API
import Catalog
import DecodeProtocol
import SystemPackage

extension [MediaPlace] {
    /// What is made of the first place that can be opened.
    ///
    /// - Parameters:
    ///   - seconds: that it may take at each place.
    ///   - failure: the code for a file that nothing can be made of.
    ///   - make: throws `DecodeError` of a file.
    /// - Throws: `media_offline`, `failure`.
    func firstPicture(
        within seconds: Double, failure: APIError.Code, _ make: @escaping @Sendable (FilePath) async throws -> [UInt8]
    ) async throws -> [UInt8] {
        for place in self where place.isOnline {
            do {
                return try await Self.withDeadline(seconds, failure) { try await make(place.path) }
            } catch let error as DecodeError {
                switch error.code {
                case .notFound, .unreadable, .readError: continue
                default: throw APIError(failure, error.message)
                }
            }
        }
        let path = first.map { API.Path($0.path).text } ?? "the file"
        throw APIError(.mediaOffline, "\(path) can't be read now; connect its disk, or rescan if it was moved")
    }

    private static func withDeadline(
        _ seconds: Double, _ failure: APIError.Code, _ body: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw APIError(failure, "it was not made within \(seconds) s; try again later")
            }
            defer { group.cancelAll() }
            guard let bytes = try await group.next() else {
                throw APIError(failure, "nothing was made; try again later")
            }
            return bytes
        }
    }
}
