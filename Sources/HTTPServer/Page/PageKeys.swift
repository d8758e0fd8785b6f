package import Foundation
import Basics
import Synchronization

/// Keys that each let one browser in, once and soon: what `saccade open` puts into the address.
package final class PageKeys: Sendable {
    /// How long a key is taken, in seconds.
    package static let lifetime: TimeInterval = 300
    /// Keys that may wait to be used; the oldest is forgotten for one more.
    private static let maximum = 64

    private let waiting = Mutex<[(key: String, access: Access, expires: Date)]>([])
    private let now: @Sendable () -> Date

    package init(now: @escaping @Sendable () -> Date = { Date() }) {
        self.now = now
    }

    /// A new key: 128 random bits as hexadecimal digits.
    /// - Parameter access: what the browser that it lets in may do.
    package func make(_ access: Access = .full) -> (key: String, expires: Date) {
        let made = (ContentHash.hexadecimal(PageSessions.randomBytes(16)), access, now() + Self.lifetime)
        waiting.withLock { waiting in
            if waiting.count == Self.maximum { waiting.removeFirst() }
            waiting.append(made)
        }
        return (made.0, made.2)
    }

    /// What the browser may do that the key lets in, nil for none; it never lets another in.
    package func use(_ key: some StringProtocol) -> Access? {
        let now = now()
        return waiting.withLock { waiting in
            waiting.removeAll { $0.expires <= now }
            guard let place = waiting.firstIndex(where: { PageSessions.isSame($0.key, key) }) else { return nil }
            return waiting.remove(at: place).access
        }
    }
}
