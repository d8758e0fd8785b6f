/// A set of media that a search is restricted to, made once for a query and asked once for a run of clips.
///
/// A bitmap over the identifiers where they lie close together, as a database's row identifiers do; a set otherwise.
package struct MediaSelection: Sendable {
    private enum Storage {
        case bitmap(first: Int64, words: [UInt64])
        case set(Set<Int64>)
    }

    /// 2^26 identifiers, 8 MB.
    private static let widestBitmap: UInt64 = 1 << 26

    private let storage: Storage
    package let isEmpty: Bool

    package init(_ media: some Collection<Int64>) {
        guard let first = media.min(), let last = media.max() else {
            storage = .set([])
            isEmpty = true
            return
        }
        isEmpty = false
        let span = UInt64(bitPattern: last &- first)
        guard span < Self.widestBitmap else {
            storage = .set(Set(media))
            return
        }
        var words = [UInt64](repeating: 0, count: Int(span / 64) + 1)
        for identifier in media {
            let offset = Int(identifier - first)
            words[offset / 64] |= 1 << UInt64(offset % 64)
        }
        storage = .bitmap(first: first, words: words)
    }

    package func contains(_ media: Int64) -> Bool {
        switch storage {
        case .bitmap(let first, let words):
            let offset = UInt64(bitPattern: media &- first)
            guard media >= first, offset < UInt64(words.count * 64) else { return false }
            return words[Int(offset / 64)] >> (offset % 64) & 1 == 1
        case .set(let set):
            return set.contains(media)
        }
    }
}
