import API
import Catalog
import Daemon
import Foundation
import Search
import SystemPackage
import Terminal

/// What is in a library more than once: as JSON, and as a table.
struct DuplicatesReport: Encodable {
    enum Kind: String, Encodable {
        /// Two files with the same bytes.
        case sameContent = "same_content"
        case whole
        case part
    }

    struct Pair: Encodable {
        var kind: Kind
        var first: File
        var second: File
        /// Where the second begins in the first, in seconds.
        var offset: Double
        /// Seconds that both share.
        var shared_seconds: Double
        var shots: Int
        var similarity: Double
    }

    struct File: Encodable {
        var media: Int64
        var path: String
        /// In base64, where the path is not UTF-8.
        var path_bytes: Data?
        var online: Bool
        var bytes: Int64
        var duration: Double?
        var width: Int?
        var height: Int?

        init(_ media: Media, at place: MediaPlace) {
            let path = API.Path(place.path)
            self.media = media.id
            self.path = path.text
            path_bytes = Array(path.text.utf8) == path.bytes ? nil : Data(path.bytes)
            online = place.isOnline
            bytes = media.identity.size
            duration = media.properties.duration
            width = media.properties.width
            height = media.properties.height
        }
    }

    var pairs: [Pair]
    var media: Int
    var clips: Int
    /// Of the model whose index was compared; absent where nothing is indexed yet.
    var model_digest: String?

    /// Blocks the calling thread.
    ///
    /// - Throws: `CatalogError`.
    init(of catalog: Catalog, leastSimilarity: Double?) throws {
        let live = try catalog.liveIndex()
        let timelines = try live.map { try catalog.timelines(of: $0.id) } ?? []
        (media, clips) = (timelines.count, timelines.reduce(0) { $0 + $1.entries.count })
        model_digest = live?.digest
        pairs = []
        for id in try catalog.mediaAtSeveralPlaces() {
            guard let media = try catalog.media(id) else { continue }
            let places = try catalog.places(of: id)
            for place in places.dropFirst() {
                let length = media.properties.duration ?? 0
                pairs.append(
                    Pair(
                        kind: .sameContent, first: File(media, at: places[0]), second: File(media, at: place),
                        offset: 0,
                        shared_seconds: length, shots: 0, similarity: 1))
            }
        }
        guard let live else { return }
        var bar = ProgressBar("Comparing")
        let copies = try CopyFinder(timelines, dimensions: live.dimensions).copies(leastSimilarity: leastSimilarity) {
            bar.update($0, Quantities.count(clips, "clip"))
        }
        bar.finish()
        for copy in copies {
            guard let first = try Self.file(copy.first, in: catalog),
                let second = try Self.file(copy.second, in: catalog)
            else { continue }
            // Of two that are the same from beginning to end, the one with more picture, or else more bytes, comes first.
            let isSwapped = copy.kind == .whole && first.quality < second.quality
            pairs.append(
                Pair(
                    kind: copy.kind == .whole ? .whole : .part, first: isSwapped ? second : first,
                    second: isSwapped ? first : second, offset: copy.kind == .whole ? 0 : copy.offset,
                    shared_seconds: copy.shared, shots: copy.shots, similarity: copy.similarity))
        }
    }

    private static func file(_ id: MediaID, in catalog: Catalog) throws -> File? {
        guard let media = try catalog.media(id), let place = try catalog.places(of: id).first else { return nil }
        return File(media, at: place)
    }

    /// Nil where there are no pairs.
    var table: Table? {
        guard !pairs.isEmpty else { return nil }
        var table = Table(("alike", .right), ("what", .left), ("first", .left), ("second", .left))
        for pair in pairs {
            table.add(
                Quantities.percent(pair.similarity), pair.what, pair.first.described, pair.second.described)
        }
        return table
    }

    var summary: String { "\(Quantities.count(clips, "clip")) of \(Quantities.count(media, "file"))" }
}

extension DuplicatesReport.Pair {
    fileprivate var what: String {
        switch kind {
        case .sameContent: "same content"
        case .whole: "whole"
        case .part: offset >= 0 ? "part, from \(Quantities.time(offset))" : "part, \(Quantities.time(-offset)) before"
        }
    }
}

extension DuplicatesReport.File {
    fileprivate var quality: (Int, Int64) { ((width ?? 0) * (height ?? 0), bytes) }

    fileprivate var described: String {
        let facts = [
            width.flatMap { width in height.map { "\(width)×\($0)" } }, Quantities.bytes(bytes),
            online ? nil : "offline",
        ]
        return
            "\(Terminal.printable(SearchReport.shortened(path))) (\(facts.compactMap(\.self).joined(separator: ", ")))"
    }
}
