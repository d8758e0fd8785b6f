package import Foundation
import Basics

/// The cookies of browsers that were let in. Nothing is stored of them: a cookie names when it ends and carries proof that this daemon
/// wrote that (HMAC-SHA-256, RFC 2104), so that it outlives a restart.
package struct PageSessions: Sendable {
    /// How long a browser stays let in, in seconds.
    package static let lifetime: TimeInterval = 30 * 86_400
    /// Bytes of the secret; a hash's block is longer.
    package static let secretSize = 32

    private let secret: [UInt8]
    private let now: @Sendable () -> Date

    /// - Parameter secret: What proves a cookie; all cookies end with it. At most 64 bytes, the block of SHA-256.
    package init(secret: [UInt8], now: @escaping @Sendable () -> Date = { Date() }) {
        self.secret = secret
        self.now = now
    }

    package static func randomBytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// Begins the nonce of a browser that may only search; hexadecimal digits don't have it.
    private static let searchOnly = "s"

    /// The value of a new cookie: `EXPIRY.NONCE.PROOF`.
    package func begin(_ access: Access = .full) -> String {
        let expires = Int(now().timeIntervalSince1970 + Self.lifetime)
        let nonce = ContentHash.hexadecimal(Self.randomBytes(16))
        let claim = "\(expires).\(access == .search ? Self.searchOnly : "")\(nonce)"
        return "\(claim).\(proof(of: claim))"
    }

    /// What the browser may do that has the cookie; nil unless this daemon wrote the value, and its time isn't over.
    package func access(of value: some StringProtocol) -> Access? {
        let parts = value.split(separator: ".", omittingEmptySubsequences: false)
        guard value.utf8.count <= 200, parts.count == 3, Self.isSame(proof(of: "\(parts[0]).\(parts[1])"), parts[2]),
            let expires = Int(parts[0])
        else { return nil }
        guard Double(expires) > now().timeIntervalSince1970 else { return nil }
        return parts[1].hasPrefix(Self.searchOnly) ? .search : .full
    }

    private func proof(of claim: String) -> String {
        let block = secret + [UInt8](repeating: 0, count: max(0, 64 - secret.count))
        var inner = ContentHash()
        inner.update(block.map { $0 ^ 0x36 })
        inner.update(Array(claim.utf8))
        var outer = ContentHash()
        outer.update(block.map { $0 ^ 0x5C })
        outer.update(inner.finish())
        return ContentHash.hexadecimal(outer.finish())
    }

    /// Takes the same time wherever two texts of one length differ.
    static func isSame(_ known: some StringProtocol, _ shown: some StringProtocol) -> Bool {
        guard known.utf8.count == shown.utf8.count else { return false }
        return zip(known.utf8, shown.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
