internal import Foundation
internal import GRDB

package import SystemPackage

/// Which media a search is restricted to; absent conditions hold for all.
package struct MediaConditions: Sendable, Equatable {
    package var root: RootID?
    package var pathPrefix: [UInt8]?
    /// In seconds since 1970, by what the container says.
    package var recordedFrom: Timestamp?
    package var recordedBefore: Timestamp?
    /// In seconds.
    package var minDuration: Double?
    package var maxDuration: Double?

    package init(
        root: RootID? = nil, pathPrefix: [UInt8]? = nil, recordedFrom: Timestamp? = nil,
        recordedBefore: Timestamp? = nil, minDuration: Double? = nil, maxDuration: Double? = nil
    ) {
        self.root = root
        self.pathPrefix = pathPrefix
        self.recordedFrom = recordedFrom
        self.recordedBefore = recordedBefore
        self.minDuration = minDuration
        self.maxDuration = maxDuration
    }

    private var concernsFiles: Bool { root != nil || pathPrefix != nil }

    /// `FROM … WHERE …` and its arguments.
    fileprivate func source(needingFiles: Bool) -> (sql: String, arguments: StatementArguments) {
        var terms = ["media.deleted_at IS NULL"]
        var arguments = StatementArguments()
        func require(_ term: String, _ value: (any DatabaseValueConvertible)?) {
            guard let value else { return }
            terms.append(term)
            arguments += [value]
        }
        require("recorded_at >= ?", recordedFrom)
        require("recorded_at < ?", recordedBefore)
        require("duration >= ?", minDuration)
        require("duration <= ?", maxDuration)
        guard needingFiles || concernsFiles else {
            return ("FROM media WHERE " + terms.joined(separator: " AND "), arguments)
        }
        terms.append("files.deleted_at IS NULL")
        require("root_id = ?", root)
        if let pathPrefix, !pathPrefix.isEmpty {
            require("path >= ?", Data(pathPrefix))
            // The first path behind all that begin so: the prefix without its last 0xFF bytes, its last byte one greater.
            var end = pathPrefix
            while end.last == 0xFF { end.removeLast() }
            if let last = end.popLast() { require("path < ?", Data(end + [last + 1])) }
        }
        return ("FROM files JOIN media ON media.id = media_id WHERE " + terms.joined(separator: " AND "), arguments)
    }
}

/// A path of a media and whether it can be read.
package struct MediaPlace: Sendable, Equatable {
    package var root: RootID?
    package var path: FilePath
    /// Whether its root was there at the last scan; true for a file that was indexed by name.
    package var isOnline: Bool
}

/// A clip that was found, its media, and the place at which it is shown.
package struct ClipFinding: Sendable, Equatable {
    package var clip: Clip
    package var media: Media
    package var place: MediaPlace
}

extension Catalog {
    /// The media that are no tombstones and fulfil the conditions, without repetitions.
    ///
    /// - Parameter admitsPath: asked about the bytes of each path that fulfils them; one admitted path is enough. Runs inside of the
    ///   database's read. All are admitted when nil.
    package func media(
        fulfilling conditions: MediaConditions, admitsPath: (([UInt8]) -> Bool)? = nil
    ) throws(CatalogError) -> [MediaID] {
        try read { db in
            let (source, arguments) = conditions.source(needingFiles: admitsPath != nil)
            guard let admitsPath else {
                return try Int64.fetchAll(db, sql: "SELECT DISTINCT media.id \(source)", arguments: arguments)
            }
            let rows = try Row.fetchCursor(db, sql: "SELECT media.id, path \(source)", arguments: arguments)
            var admitted: Set<MediaID> = []
            while let row = try rows.next() {
                let id: MediaID = row[0]
                guard !admitted.contains(id) else { continue }
                let path = try row.withUnsafeData(atIndex: 1) { $0.map { [UInt8]($0) } ?? [] }
                if admitsPath(path) { admitted.insert(id) }
            }
            return Array(admitted)
        }
    }

    /// Where a media lies: those that can be read first, then in order of their files' ids. Empty for a tombstone.
    package func places(of media: MediaID) throws(CatalogError) -> [MediaPlace] {
        try read { try Self.places(of: media, $0) }
    }

    private static func places(of media: MediaID, _ db: Database) throws -> [MediaPlace] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT root_id, files.path AS path, roots.state IS NOT 'offline' AS online
                FROM files LEFT JOIN roots ON roots.id = files.root_id
                WHERE media_id = ? AND deleted_at IS NULL ORDER BY online DESC, files.id
                """)
        return try Row.fetchAll(statement, arguments: [media]).map {
            MediaPlace(root: $0["root_id"], path: $0.path("path"), isOnline: $0["online"])
        }
    }

    /// The first `limit` of some clips that are still there, in the order given, with what an answer says about them.
    ///
    /// One snapshot of the catalog, so that a media is either found for all of its clips or for none.
    ///
    /// - Parameter admits: which of a media's places may be shown; the first is. A media without one is passed over.
    package func findings(
        for clips: some Sequence<ClipID>, limit: Int, admits: (MediaPlace) -> Bool
    ) throws(CatalogError) -> [ClipFinding] {
        try read { db in
            var known: [MediaID: (Media, MediaPlace)?] = [:]
            var found: [ClipFinding] = []
            let clipStatement = try db.cachedStatement(sql: "SELECT * FROM clips WHERE id = ?")
            let mediaStatement = try db.cachedStatement(
                sql: Media.selection + " WHERE media.id = ? AND deleted_at IS NULL")
            for id in clips {
                guard found.count < limit else { break }
                guard let clip = try Row.fetchOne(clipStatement, arguments: [id]).map(Clip.init) else { continue }
                if known[clip.media] == nil {
                    let row = try Row.fetchOne(mediaStatement, arguments: [clip.media]).map(Media.init)
                    let place = try row.flatMap { _ in try Self.places(of: clip.media, db).first(where: admits) }
                    known[clip.media] = .some(row.flatMap { row in place.map { (row, $0) } })
                }
                guard case .some(.some(let (media, place))) = known[clip.media] else { continue }
                found.append(ClipFinding(clip: clip, media: media, place: place))
            }
            return found
        }
    }
}
