/// A revision of the Model Context Protocol that is spoken.
///
/// Sources: modelcontextprotocol.io/specification, of each revision "Lifecycle" or, since 2026-07-28, "Versioning and Compatibility".
enum ProtocolRevision: String, CaseIterable {
    /// Stateless: every request names its revision.
    case of2026July = "2026-07-28"
    /// A handshake, `initialize`, agrees on the revision first.
    case of2025November = "2025-11-25"
    case of2025June = "2025-06-18"

    /// What a handshake may agree on, the newest first.
    static let byHandshake: [ProtocolRevision] = [.of2025November, .of2025June]

    var isStateless: Bool { self == .of2026July }
}
