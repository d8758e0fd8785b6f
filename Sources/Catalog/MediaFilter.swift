import Basics
internal import Foundation
internal import GRDB

/// Which media items may answer; what is absent lets everything through. All that is given must hold, what concerns paths for one and the
/// same path of the media item.
///
/// One that can't be asked doesn't exist: ``init(root:pathPrefix:pathGlob:recordedAfter:recordedBefore:minDuration:maxDuration:)`` checks.
package struct MediaFilter: Sendable, Equatable {
    /// Lets everything through.
    package static let all = MediaFilter()

    /// Found in this root.
    package let root: RootID?
    /// The path begins with these bytes.
    package let pathPrefix: [UInt8]?
    package let pathGlob: PathGlob?
    /// The container says that it was recorded at this time or later; a media item that doesn't say is left out.
    package let recordedAfter: Timestamp?
    /// The container says that it was recorded before this time.
    package let recordedBefore: Timestamp?
    /// It lasts at least this many seconds; one of unknown duration is left out.
    package let minDuration: Double?
    /// It lasts at most this many seconds.
    package let maxDuration: Double?
    /// It is one of these; nil lets all through. Nothing that requests can say.
    package private(set) var media: Set<MediaID>?

    private init() {
        (root, pathPrefix, pathGlob) = (nil, nil, nil)
        (recordedAfter, recordedBefore, minDuration, maxDuration) = (nil, nil, nil, nil)
    }

    /// - Parameters:
    ///   - pathPrefix: an absolute path or the beginning of one.
    ///   - pathGlob: see ``PathGlob``.
    /// - Throws: ``InvalidFilter`` for numbers that aren't numbers, empty ranges, unusable paths and patterns.
    package init(
        root: RootID? = nil, pathPrefix: [UInt8]? = nil, pathGlob: String? = nil, recordedAfter: Timestamp? = nil,
        recordedBefore: Timestamp? = nil, minDuration: Double? = nil, maxDuration: Double? = nil
    ) throws(InvalidFilter) {
        for (key, seconds) in [(InvalidFilter.Key.minDuration, minDuration), (.maxDuration, maxDuration)] {
            guard seconds.map({ $0.isFinite && $0 >= 0 }) ?? true else {
                throw InvalidFilter(key, "must be a number of seconds, 0 or more")
            }
        }
        if let minDuration, let maxDuration, minDuration > maxDuration {
            throw InvalidFilter(.minDuration, "is more than the longest duration: nothing can match")
        }
        for (key, time) in [(InvalidFilter.Key.recordedAfter, recordedAfter), (.recordedBefore, recordedBefore)] {
            guard time?.isFinite ?? true else { throw InvalidFilter(key, "must be a time") }
        }
        if let recordedAfter, let recordedBefore, recordedAfter >= recordedBefore {
            throw InvalidFilter(
                .recordedAfter, "is not before the end of the time that is asked for: nothing can match")
        }
        if let pathPrefix {
            guard pathPrefix.first == UInt8(ascii: "/"), pathPrefix.count <= Self.longestPath, !pathPrefix.contains(0)
            else {
                throw InvalidFilter(
                    .pathPrefix,
                    "must be an absolute path or the beginning of one, of at most \(Self.longestPath) bytes")
            }
        }
        self.root = root
        self.pathPrefix = pathPrefix
        self.pathGlob = if let pathGlob { try PathGlob(pathGlob) } else { nil }
        self.recordedAfter = recordedAfter
        self.recordedBefore = recordedBefore
        self.minDuration = minDuration
        self.maxDuration = maxDuration
    }

    /// Linux's own limit, in bytes.
    private static let longestPath = 4096

    /// The same of these media items alone.
    package func within(_ media: Set<MediaID>) -> MediaFilter {
        var filter = self
        filter.media = media
        return filter
    }

    /// The bytes that paths begin with which pass; empty where they may begin with any.
    ///
    /// The longer of the two, when prefix and pattern say some: the shorter is its beginning, or nothing matches, which `admits` finds out too.
    package var pathBeginning: [UInt8] {
        [pathPrefix ?? [], pathGlob?.literalPrefix ?? []].max { $0.count < $1.count } ?? []
    }

    /// The first path behind all that begin with some bytes; nil where none is: without its last 0xFF bytes, its last byte one greater.
    package static func end(ofBeginning beginning: [UInt8]) -> [UInt8]? {
        var end = beginning
        while end.last == 0xFF { end.removeLast() }
        return end.popLast().map { end + [$0 + 1] }
    }

    private var concernsPaths: Bool { root != nil || pathPrefix != nil || pathGlob != nil }

    /// Whether a media item that passes is shown by this path of it.
    package func admits(_ place: MediaPlace) -> Bool {
        if let root, place.root != root { return false }
        guard pathPrefix != nil || pathGlob != nil else { return true }
        return admits(path: place.path.bytes)
    }

    fileprivate func admits(path: [UInt8]) -> Bool {
        if let pathPrefix, !path.starts(with: pathPrefix) { return false }
        return pathGlob?.matches(path) ?? true
    }

    /// `FROM … WHERE …` and its arguments; without what only ``admits(_:)`` can tell.
    fileprivate var source: (sql: String, arguments: StatementArguments) {
        var terms = ["media.deleted_at IS NULL"]
        var arguments = StatementArguments()
        func require(_ term: String, _ value: (any DatabaseValueConvertible)?) {
            guard let value else { return }
            terms.append(term)
            arguments += [value]
        }
        if let media { terms.append("media.id IN (\(media.map(String.init).joined(separator: ", ")))") }
        require("recorded_at >= ?", recordedAfter)
        require("recorded_at < ?", recordedBefore)
        require("duration >= ?", minDuration)
        require("duration <= ?", maxDuration)
        guard concernsPaths else { return ("FROM media WHERE " + terms.joined(separator: " AND "), arguments) }
        terms.append("files.deleted_at IS NULL")
        require("root_id = ?", root)
        let beginning = pathBeginning
        if !beginning.isEmpty {
            require("path >= ?", Data(beginning))
            if let end = Self.end(ofBeginning: beginning) { require("path < ?", Data(end)) }
        }
        return ("FROM files JOIN media ON media.id = media_id WHERE " + terms.joined(separator: " AND "), arguments)
    }
}

/// Why a filter can't be asked.
package struct InvalidFilter: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, by its name in requests.
    package enum Key: String, Sendable {
        case root
        case pathPrefix = "path_prefix"
        case pathGlob = "path_glob"
        case recordedAfter = "recorded_after"
        case recordedBefore = "recorded_before"
        case minDuration = "min_duration"
        case maxDuration = "max_duration"
    }

    package let key: Key
    /// Goes on after the key's name.
    package let problem: String

    init(_ key: Key, _ problem: String) {
        self.key = key
        self.problem = problem
    }

    package var description: String { "“\(key.rawValue)” \(problem)" }
}

extension Catalog {
    /// The media items that are no tombstones and that `filter` lets through, without repetitions.
    package func media(where filter: MediaFilter) throws(CatalogError) -> [MediaID] {
        try read { db in
            let (source, arguments) = filter.source
            guard filter.pathGlob != nil else {
                return try Int64.fetchAll(db, sql: "SELECT DISTINCT media.id \(source)", arguments: arguments)
            }
            let rows = try Row.fetchCursor(db, sql: "SELECT media.id, path \(source)", arguments: arguments)
            var admitted: Set<MediaID> = []
            while let row = try rows.next() {
                let id: MediaID = row[0]
                guard !admitted.contains(id) else { continue }
                let path = try row.withUnsafeData(atIndex: 1) { $0.map { [UInt8]($0) } ?? [] }
                if filter.admits(path: path) { admitted.insert(id) }
            }
            return Array(admitted)
        }
    }
}
