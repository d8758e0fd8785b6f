/// What the query socket asks of the library: the seam between HTTP and everything else.
///
/// Every method may be called from many tasks at once, throws only `APIError` on purpose (anything else becomes
/// `internal_error`), and keeps what blocks off Swift's cooperative pool.
package protocol Backend: Sendable {
    /// The request has been checked: its query isn't empty and its numbers are within the limits.
    func search(_ request: API.SearchRequest) async throws -> API.SearchResponse

    /// - Throws: `media_not_found`.
    func media(_ id: Int64) async throws -> API.Media

    /// - Throws: `clip_not_found`.
    func clip(_ id: Int64) async throws -> API.Clip

    /// A picture from the middle of a clip.
    ///
    /// - Parameter side: The longest side in pixels; nil means the configured one.
    /// - Returns: A JPEG file.
    /// - Throws: `clip_not_found`, `media_offline`, `thumbnail_failed`.
    func thumbnail(ofClip id: Int64, side: Int?) async throws -> [UInt8]

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
}
