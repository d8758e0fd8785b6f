internal import GRDB
package import SystemPackage

/// A path of a media item and whether it can be read.
package struct MediaPlace: Sendable, Equatable {
    package var root: RootID?
    package var path: FilePath
    /// Whether its root, and it in the root, was there at the last scan; true for a file that was indexed by name.
    package var isOnline: Bool

    package init(root: RootID?, path: FilePath, isOnline: Bool) {
        self.root = root
        self.path = path
        self.isOnline = isOnline
    }
}

/// A clip that was found, its media, and the place at which it is shown.
package struct ClipFinding: Sendable, Equatable {
    package var clip: Clip
    package var media: Media
    package var place: MediaPlace

    package init(clip: Clip, media: Media, place: MediaPlace) {
        self.clip = clip
        self.media = media
        self.place = place
    }
}

extension Catalog {
    /// Where a media item lies: those that can be read first, then in order of their files' ids. Empty for a tombstone.
    package func places(of media: MediaID) throws(CatalogError) -> [MediaPlace] {
        try read { try Self.places(of: media, $0) }
    }

    static func places(of media: MediaID, _ db: Database) throws -> [MediaPlace] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT root_id, files.path AS path,
                    roots.state IS NOT 'offline' AND files.problem_code IS NULL AS online
                FROM files LEFT JOIN roots ON roots.id = files.root_id
                WHERE media_id = ? AND deleted_at IS NULL ORDER BY online DESC, files.id
                """)
        return try Row.fetchAll(statement, arguments: [media]).map {
            MediaPlace(root: $0["root_id"], path: $0.path("path"), isOnline: $0["online"])
        }
    }

    /// The first `limit` of some clips that are still there, in the order given, with what an answer says about them.
    ///
    /// One snapshot of the catalog, so that a media item is either found for all of its clips or for none.
    ///
    /// - Parameter filter: says which of a media item's places may be shown; the first is. A media item without one is passed over.
    package func findings(
        for clips: some Sequence<ClipID>, limit: Int, where filter: MediaFilter
    ) throws(CatalogError) -> [ClipFinding] {
        try read { db in
            var shown: [MediaID: (media: Media, place: MediaPlace)] = [:]
            var passedOver: Set<MediaID> = []
            var found: [ClipFinding] = []
            let statement = try db.cachedStatement(sql: "SELECT * FROM clips WHERE id = ?")
            for id in clips {
                guard found.count < limit else { break }
                guard let clip = try Row.fetchOne(statement, arguments: [id]).map(Clip.init),
                    !passedOver.contains(clip.media)
                else { continue }
                guard let known = try shown[clip.media] ?? Self.shown(clip.media, where: filter, db) else {
                    passedOver.insert(clip.media)
                    continue
                }
                shown[clip.media] = known
                found.append(ClipFinding(clip: clip, media: known.media, place: known.place))
            }
            return found
        }
    }

    /// A media item and the first of its places that passes; nil when there is none.
    private static func shown(
        _ media: MediaID, where filter: MediaFilter, _ db: Database
    ) throws -> (media: Media, place: MediaPlace)? {
        let statement = try db.cachedStatement(
            sql: Media.selection + " WHERE media.id = ? AND deleted_at IS NULL")
        guard let row = try Row.fetchOne(statement, arguments: [media]),
            let place = try places(of: media, db).first(where: filter.admits)
        else { return nil }
        return (Media(row), place)
    }
}
