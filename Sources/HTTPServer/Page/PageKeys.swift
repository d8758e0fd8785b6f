package import Foundation
import Basics
import Synchronization

/// Keys that each let one browser in, once and soon: what `saccade open` puts into the address.
package final class PageKeys: Sendable {
    /// How long a key is taken, in seconds.
    package static let lifetime: TimeInterval = 300
    /// Keys that may wait to be used; the oldest is forgotten for one more.
    private static let maximum = 64

    private let waiting = Mutex<[(key: String, expires: Date)]>([])
    private let now: @Sendable () -> Date

    package init(now: @escaping @Sendable () -> Date = { Date() }) {
        self.now = now
    }

    /// A new key: 128 random bits as hexadecimal digits.
    package func make() -> (key: String, expires: Date) {
        let made = (key: ContentHash.hexadecimal(PageSessions.randomBytes(16)), expires: now() + Self.lifetime)
        waiting.withLock { waiting in
            if waiting.count == Self.maximum { waiting.removeFirst() }
            waiting.append(made)
        }
        return made
    }

    /// Whether the key may let somebody in; it never does again.
    package func use(_ key: some StringProtocol) -> Bool {
        let now = now()
        return waiting.withLock { waiting in
            waiting.removeAll { $0.expires <= now }
            guard let place = waiting.firstIndex(where: { PageSessions.isSame($0.key, key) }) else { return false }
            waiting.remove(at: place)
            return true
        }
    }
}
