import Foundation
package import SystemPackage

/// A named list of captioned items, read from one of the field's formats.
package struct CaptionedDataset: Sendable {
    /// The formats that are read.
    package enum Format: String, Sendable, CaseIterable {
        /// One object a line: `id`, `frames` (paths) or `file` (path), `captions`.
        case lines = "jsonl"
        /// VATEX's array of objects with `videoID` (`KEY_START_END`, seconds in six digits) and `enCap`.
        case vatex
        /// Karpathy's split of COCO and Flickr: `images` with `filename`, `split`, `sentences` with `raw`.
        case karpathy
    }

    package var name: String
    package var items: [CaptionedItem]

    package init(name: String, items: [CaptionedItem]) {
        self.name = name
        self.items = items
    }

    /// Reads a data set.
    ///
    /// - Parameters:
    ///   - path: the annotations. Paths in them are relative to `mediaFolder`, or to the annotations' own folder.
    ///   - format: nil asks the content.
    ///   - split: for Karpathy's format, the split to take (`test` by default, `train` includes `restval`).
    ///   - ids: for a split that is published as a list of ids: the items to take, in this order.
    ///   - needsCaptions: whether an item without captions is an error; false for a gallery that is asked for other sentences.
    /// - Throws: ``DatasetError``; an id of `ids` that the file doesn't have is an error, as is an item without pixels.
    package init(
        path: FilePath, format: Format? = nil, mediaFolder: FilePath? = nil, split: String? = nil,
        ids: [String]? = nil, needsCaptions: Bool = true
    ) throws {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path.string))
        } catch {
            throw DatasetError("\(path): can't be read; check that the file exists and is readable")
        }
        let folder = mediaFolder ?? path.removingLastComponent()
        let reader = AnnotationReader(path: path, folder: folder)
        switch format ?? reader.guessFormat(data) {
        case .lines: items = try reader.lines(data)
        case .vatex: items = try reader.vatex(data)
        case .karpathy: items = try reader.karpathy(data, split: split ?? "test")
        }
        name = path.stem ?? path.string
        if let ids { try select(ids: ids, from: path) }
        if items.isEmpty { throw DatasetError("\(path): has no items; nothing can be done with it") }
        if needsCaptions, let bare = items.first(where: \.captions.isEmpty) {
            throw DatasetError("\(path): the item \(bare.id) has no captions; give it one, or take it out")
        }
    }

    private mutating func select(ids: [String], from path: FilePath) throws {
        let byID = Dictionary(items.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let missing = ids.filter { byID[$0] == nil }
        if let first = missing.first {
            throw DatasetError(
                "\(path): \(missing.count) of \(ids.count) listed ids are not in it, \(first) among them; "
                    + "use the annotations that the list was made for")
        }
        items = ids.compactMap { byID[$0] }
    }

    /// Reads a list of ids, one a line; blank lines don't count.
    package static func identifiers(path: FilePath) throws -> [String] {
        guard let data = FileManager.default.contents(atPath: path.string) else {
            throw DatasetError("\(path): can't be read; check that the file exists and is readable")
        }
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// A digest of the items' ids in order, that names a split on record: FNV-1a, 64 bits, in hex.
    package var identifierDigest: String { Self.digest(items.map(\.id)) }

    /// A digest of where the items' pixels come from.
    package var sourceDigest: String { Self.digest(items.map { "\($0.source)" }) }

    /// A digest of the captions, item by item.
    package var captionDigest: String { Self.digest(items.flatMap { [$0.id] + $0.captions }) }

    private static func digest(_ strings: [String]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for string in strings {
            for byte in string.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 10) &* 0x100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
