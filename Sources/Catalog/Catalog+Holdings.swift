internal import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

/// What a catalog has of one media item that can be found: as much as others are told of it.
package struct HeldMedia: Sendable, Equatable {
    /// A path of it.
    package struct Place: Sendable, Equatable {
        package var path: FilePath
        /// Of the root that it was found in; nil for a file that was indexed by name.
        package var root: FilePath?
        package var size: Int64
        /// Nanoseconds since 1970.
        package var modified: Int64
        /// Whether it can be read.
        package var isOnline: Bool
    }

    package var id: MediaID
    package var identity: ContentIdentity
    package var properties: MediaProperties
    package var addedAt: Timestamp
    package var places: [Place]
    /// How many clips it has in the index.
    package var clips: Int
    /// Whether those are all of it; a file that is damaged at its end has fewer.
    package var isComplete: Bool
    /// Changes with all of this, with its clips and with its text: what others were told is as it is here where they have the same.
    package var signature: Int64
}

extension Catalog {
    /// The media items of an index that can be found, in the order of their ids. One snapshot of the catalog.
    ///
    /// - Parameters:
    ///   - ids: of which ids.
    ///   - limit: so many media items are looked at.
    /// - Returns: and the last id that was looked at, behind which the next call begins; nil at the end.
    package func holdings(
        of index: IndexRecord, ids: ClosedRange<MediaID>, limit: Int
    ) throws(CatalogError) -> (media: [HeldMedia], last: MediaID?) {
        try read { db in
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT media.*, jobs.state, jobs.clips, jobs.retry_at,
                            (SELECT id FROM clips WHERE generation_id = jobs.generation_id AND media_id = media.id
                                ORDER BY ordinal DESC LIMIT 1) AS last_clip
                        FROM media LEFT JOIN jobs ON jobs.media_id = media.id AND jobs.generation_id = ?
                        WHERE media.id BETWEEN ? AND ? AND media.deleted_at IS NULL ORDER BY media.id LIMIT ?
                        """), arguments: [index.id, ids.lowerBound, ids.upperBound, limit])
            guard let first = rows.first?["id"] as MediaID?, let last = rows.last?["id"] as MediaID? else {
                return ([], nil)
            }
            let places = try Self.heldPlaces(first...last, db)
            let sources = try Self.textSources(first...last, db)
            var held: [HeldMedia] = []
            for row in rows {
                guard let media = try Self.held(row, places, sources, of: index, db) else { continue }
                held.append(media)
            }
            return (held, rows.count < limit ? nil : last)
        }
    }

    /// - Returns: nil for one that can't be found, or whose clips are still to come.
    private static func held(
        _ row: Row, _ places: [MediaID: [HeldMedia.Place]], _ sources: [MediaID: [String]], of index: IndexRecord,
        _ db: Database
    ) throws -> HeldMedia? {
        let id: MediaID = row["id"]
        guard let lastClip = row["last_clip"] as ClipID?, let places = places[id], let state = row["state"] as String?
        else { return nil }
        let whole = row["clips"] as Int?
        // Clips that were made of a damaged file are all that there will be of it.
        let isGivenUp = state == Media.State.failed.rawValue && row["retry_at"] as Timestamp? == nil
        guard whole != nil || isGivenUp else { return nil }
        let clips = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT count(*) FROM clips WHERE generation_id = ? AND media_id = ?"),
            arguments: [index.id, id])
        let media = Media(row)
        var held = HeldMedia(
            id: id, identity: media.identity, properties: media.properties, addedAt: media.addedAt, places: places,
            clips: clips ?? 0, isComplete: whole != nil, signature: 0)
        held.signature = held.signature(index: index.digest, lastClip: lastClip, text: sources[id] ?? [])
        return held
    }

    private static func heldPlaces(
        _ ids: ClosedRange<MediaID>, _ db: Database
    ) throws -> [MediaID: [HeldMedia.Place]] {
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT files.media_id, files.path AS path, roots.path AS root_path, files.size, files.modified,
                        roots.state IS NOT 'offline' AND files.problem_code IS NULL AS online
                    FROM files LEFT JOIN roots ON roots.id = files.root_id
                    WHERE media_id BETWEEN ? AND ? AND deleted_at IS NULL ORDER BY media_id, files.id
                    """), arguments: [ids.lowerBound, ids.upperBound])
        var places: [MediaID: [HeldMedia.Place]] = [:]
        while let row = try rows.next() {
            places[row["media_id"], default: []].append(
                HeldMedia.Place(
                    path: row.path("path"), root: (row["root_path"] as Data?).map { FilePath(bytes: $0) },
                    size: row["size"], modified: row["modified"], isOnline: row["online"]))
        }
        return places
    }

    /// What tells whether the lines of media items are what they were.
    private static func textSources(_ ids: ClosedRange<MediaID>, _ db: Database) throws -> [MediaID: [String]] {
        guard try db.tableExists("text_sources") else { return [:] }
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT media_id, id || ' ' || state || ' ' || coalesce(size, 0) || ' ' || coalesce(modified, 0)
                        || ' ' || coalesce(inode, 0)
                    FROM text_sources WHERE media_id BETWEEN ? AND ? ORDER BY media_id, id
                    """), arguments: [ids.lowerBound, ids.upperBound])
        var sources: [MediaID: [String]] = [:]
        while let row = try rows.next() { sources[row[0], default: []].append(row[1]) }
        return sources
    }
}

extension HeldMedia {
    /// The first 8 bytes of SHA-256 over all that is told of it.
    fileprivate func signature(index: String, lastClip: ClipID, text: [String]) -> Int64 {
        // Each part ends in a NUL, which no path and none of the other parts has.
        var bytes: [UInt8] = []
        func add(_ part: some Collection<UInt8>) {
            bytes += part
            bytes.append(0)
        }
        let numbers = [
            "\(identity.size)", ContentHash.hexadecimal(identity.digest), index, "\(lastClip)", "\(clips)",
            "\(isComplete)",
        ]
        let said = [
            properties.duration.map { "\($0)" }, properties.width.map { "\($0)" }, properties.height.map { "\($0)" },
            properties.codec, properties.container, properties.recordedAt.map { "\($0)" },
        ]
        for part in numbers + said.map({ $0 ?? "" }) + text { add(part.utf8) }
        for place in places {
            add(place.path.bytes)
            add(place.root?.bytes ?? [])
            add("\(place.size) \(place.modified) \(place.isOnline)".utf8)
        }
        var hash = ContentHash()
        hash.update(bytes)
        return hash.finish().prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }
}
