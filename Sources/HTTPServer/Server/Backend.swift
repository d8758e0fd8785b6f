package import API
package import Basics

/// A backup as it is made.
package struct BackupStream: Sendable {
    /// The next bytes; nil when there are no more.
    package var next: @Sendable () async throws -> [UInt8]?
    /// Is called when no more are wanted, whether or not there are any.
    package var end: @Sendable () -> Void

    package init(next: @escaping @Sendable () async throws -> [UInt8]?, end: @escaping @Sendable () -> Void) {
        self.next = next
        self.end = end
    }
}

/// What the query socket asks of the library: the seam between HTTP and everything else.
///
/// Every method may be called from many tasks at once, throws only `APIError` on purpose (anything else becomes
/// `internal_error`), and keeps what blocks off Swift's cooperative pool.
package protocol Backend: Sendable {
    /// The request has been checked: its query isn't empty and its numbers are within the limits.
    ///
    /// - Parameter isWanted: asked before the search begins and while it goes on, from any thread; when it says no, the search ends with an error.
    func search(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) async throws -> API.SearchResponse

    /// As ``search(_:)``, with answers before the final one: the Fast model's, and one after each batch that is re-ranked.
    ///
    /// A reader that is slow misses improvements, but never the final answer, the only one whose `isFinal` is true, nor the error.
    /// The stream ends when the work has: who wants no more answers and must know of the end reads on.
    ///
    /// - Parameter isWanted: asked before each answer, from any thread; when it says no, the search ends with an error.
    func searchStream(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) -> AsyncThrowingStream<API.SearchResponse, any Error>

    /// - Throws: `media_not_found`.
    func media(_ id: Int64) async throws -> API.Media

    /// - Throws: `clip_not_found`.
    func clip(_ id: Int64) async throws -> API.Clip

    /// The most likely sentence about a clip, from what the index keeps of it.
    ///
    /// - Throws: `clip_not_found`, `no_description`.
    func description(ofClip id: Int64) async throws -> API.ClipDescription

    /// A picture from the middle of a clip.
    ///
    /// - Parameter side: The longest side in pixels; nil means the configured one.
    /// - Returns: A JPEG file.
    /// - Throws: `clip_not_found`, `media_offline`, `thumbnail_failed`.
    func thumbnail(ofClip id: Int64, side: Int?) async throws -> [UInt8]

    /// Some seconds of a clip as small WebM without sound, for browsers that can't play the file.
    ///
    /// - Throws: `clip_not_found`, `media_offline`, `preview_failed`.
    func preview(ofClip id: Int64) async throws -> ServedFile

    /// A file of a media item, for players.
    ///
    /// - Throws: `media_not_found`, `media_offline`; also when the file has another content than the one that was indexed.
    func file(ofMedia id: Int64) async throws -> ServedFile

    func status() async throws -> API.Status

    /// Starts a scan of one root, or of all of them, and returns at once.
    ///
    /// - Throws: `root_not_found`.
    func rescan(root: Int64?) async throws -> API.RescanAccepted

    /// - Returns: The root, and whether it is new.
    /// - Throws: `invalid_root`.
    func addRoot(path: API.Path) async throws -> (root: API.Root, isNew: Bool)

    /// - Throws: `root_not_found`.
    func removeRoot(_ id: Int64) async throws

    /// Removes the files of a root from the index that are missing and held.
    ///
    /// - Throws: `root_not_found`, `root_offline`.
    func confirmRemoval(of root: Int64) async throws -> API.ConfirmedRemoval

    /// Indexes nothing until ``resume()``, or for some seconds.
    func pause(seconds: Double?) async throws -> API.IngestState

    func resume() async throws -> API.IngestState

    /// Whether queries can be answered.
    func readiness() async -> API.Health

    /// What is measured, but for requests.
    func metrics() async throws -> [MetricFamily]

    func savedSearches() async throws -> API.SavedSearches

    /// - Throws: `saved_search_not_found`.
    func savedSearch(_ name: String) async throws -> API.SavedSearch

    /// Who asks may set a command: that was checked.
    ///
    /// - Returns: the saved search, and whether it is new.
    /// - Throws: `saved_search_exists`, `invalid_request`, `forbidden` where commands are not allowed, and what a search throws.
    func save(_ search: API.SaveSearch, as name: String) async throws -> (search: API.SavedSearch, isNew: Bool)

    /// - Throws: `saved_search_not_found`.
    func removeSavedSearch(_ name: String) async throws

    /// A backup of the library as it is now.
    ///
    /// - Parameter hasRerankFeatures: whether those are wanted, most of its bytes.
    func backup(withRerankFeatures hasRerankFeatures: Bool) async throws -> BackupStream

    /// The models with an index, and which is to be used.
    func models() async throws -> API.Models

    /// Uses a model from now on; its index is built in the background.
    ///
    /// - Throws: `invalid_model`, `model_not_found`, `insufficient_space`, `overloaded`.
    func useModel(_ request: API.UseModel) async throws -> API.ModelChange

    /// Gives up the index of the previous model, or of the next one.
    ///
    /// - Throws: `model_not_found`, `invalid_model`, `overloaded`.
    func forgetModel(_ role: API.Models.Role) async throws
}
