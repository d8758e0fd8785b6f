import API
import ArgumentParser
import Client
import Terminal

/// What a shell offers for values that only the daemon knows. Nothing, where no daemon runs.
enum Completions {
    /// Seconds that a shell waits at most.
    private static let patience = 1.0

    /// The ids of watched folders.
    static let rootIDs = CompletionKind.custom { words, _, _ in
        await roots(words).map { "\($0.id)" }
    }

    /// The paths of watched folders.
    static let rootPaths = CompletionKind.custom { words, _, _ in
        await roots(words).map(\.path.text)
    }

    private static func roots(_ words: [String]) async -> [API.Root] {
        let client = client(words)
        return (try? await client?.request(.get, "/v1/status", as: API.Status.self).roots) ?? []
    }

    /// The daemon that the words so far mean.
    private static func client(_ words: [String]) -> ServiceClient? {
        var places = PlaceOptions()
        func value(_ name: String) -> String? {
            guard let place = words.lastIndex(of: name), place + 1 < words.count else { return nil }
            return words[place + 1]
        }
        places.state = value("--state")
        places.socket = value("--socket")
        places.config = value("--config")
        guard let configuration = try? places.load() else { return nil }
        return ServiceClient(socket: places.socketToAsk(configuration), timeout: patience)
    }
}
