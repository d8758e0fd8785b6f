import API
import Client
import Terminal

/// A search that is made again as clips come into the index; what has not been among its results is new.
struct SearchWatch {
    private let client: ServiceClient
    private var known: Set<Int64> = []
    /// All that was shown, in the order in which it was: the numbers count in it.
    private(set) var shown: [API.SearchResult] = []

    init(_ client: ServiceClient) {
        self.client = client
    }

    /// What of an answer is new, numbered after what was shown before.
    mutating func news(of response: API.SearchResponse) -> (response: API.SearchResponse, offset: Int)? {
        let new = response.results.filter { known.insert($0.clip).inserted }
        guard !new.isEmpty else { return nil }
        let offset = shown.count
        shown += new
        var response = response
        response.results = new
        return (response, offset)
    }

    /// Something after which an answer may be another; several at once are one. Ends with an error when the daemon goes away.
    func changes() -> AsyncThrowingStream<Void, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(
            of: Void.self, throwing: (any Error).self, bufferingPolicy: .bufferingNewest(1))
        let reading = Task { [client] in
            do {
                try await client.events { event in
                    if Self.kinds.contains(event.kind) { continuation.yield() }
                    return !Task.isCancelled
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in reading.cancel() }
        return stream
    }

    /// Of a reader that was too slow nobody knows what it missed.
    private static let kinds: Set<String> = Set(
        [API.EventKind.mediaIndexed, .indexSwitched, .dropped].map(\.rawValue))
}
