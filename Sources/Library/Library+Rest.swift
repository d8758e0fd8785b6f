import Basics
import Catalog
internal import Threads

extension Library {
    /// Indexes nothing until ``resume()``, or for some seconds, also after a restart. Folders are watched meanwhile, and queries answered.
    ///
    /// What is in work is given back within a batch, and resumes after its last committed clip.
    /// - Returns: why ingest rests now.
    /// - Throws: ``CatalogError`` `unreadable`; nothing has changed then.
    package func pause(seconds: Double? = nil) async throws -> RestCause? {
        try await BlockingExecutor.shared.run { [rest] in
            try rest.pause(seconds: seconds)
            return rest.cause
        }
    }

    /// Ends a pause.
    ///
    /// - Returns: why ingest rests still; nil when it goes on.
    /// - Throws: ``CatalogError`` `unreadable`; nothing has changed then.
    package func resume() async throws -> RestCause? {
        try await BlockingExecutor.shared.run { [rest] in
            try rest.resume()
            return rest.cause
        }
    }

    /// Rests by other rules from now on.
    package func setRest(_ settings: RestSettings) { rest.update(settings) }
}
