internal import Foundation
internal import GRDB
package import SystemPackage

extension Catalog {
    /// Begins to watch a directory.
    ///
    /// - Parameters:
    ///   - path: absolute, without symbolic links.
    ///   - device: its `st_dev`, when it is there.
    ///   - isConfigured: whether it is the configuration that asks; a root that somebody adds by hand stays theirs.
    /// - Returns: the root; the one that is there already when it has this path.
    /// - Throws: ``CatalogError`` `overlappingRoot` when the directory lies in a root or a root in it.
    package func addRoot(
        _ path: FilePath, device: UInt64?, isConfigured: Bool = false, at now: Timestamp
    ) throws(CatalogError) -> Root {
        defer { keepChoices() }
        return try write { db in
            for root in try Self.roots(db) {
                if root.path == path {
                    guard root.isConfigured, !isConfigured else { return root }
                    try db.execute(sql: "UPDATE roots SET is_configured = 0 WHERE id = ?", arguments: [root.id])
                    var root = root
                    root.isConfigured = false
                    return root
                }
                if path.starts(with: root.path) {
                    throw CatalogError(.overlappingRoot, "\(path) is watched already, as a part of \(root.path).")
                }
                if root.path.starts(with: path) {
                    throw CatalogError(
                        .overlappingRoot,
                        "\(root.path), which lies in \(path), is watched already: remove that root first.")
                }
            }
            try db.execute(
                sql: "INSERT INTO roots (path, state, device, added_at, is_configured) VALUES (?, 'online', ?, ?, ?)",
                arguments: [path.data, device.map { Int64(bitPattern: $0) }, now, isConfigured])
            let id = db.lastInsertedRowID
            guard let root = try Self.roots(db).first(where: { $0.id == id }) else {
                throw CatalogError(.notFound, "There is no root \(id).")
            }
            return root
        }
    }

    /// Stops watching a directory; its files become tombstones.
    ///
    /// - Throws: ``CatalogError`` `notFound`.
    package func removeRoot(_ id: RootID, at now: Timestamp) throws(CatalogError) {
        defer { keepChoices() }
        try write { db in
            let files = try FileID.fetchAll(
                db, sql: "SELECT id FROM files WHERE root_id = ? AND deleted_at IS NULL", arguments: [id])
            try Self.removeFiles(files, at: now, db)
            try db.execute(sql: "DELETE FROM roots WHERE id = ?", arguments: [id])
            guard db.changesCount == 1 else {
                throw CatalogError(.notFound, "There is no root \(id): see `saccade watch list`.")
            }
        }
    }

    /// Keeps whether a root can be read, and why not.
    package func setRoot(
        _ id: RootID, state: Root.State, reason: String?, device: UInt64?
    ) throws(CatalogError) {
        try write { db in
            try db.execute(
                sql: "UPDATE roots SET state = ?, reason = ?, device = coalesce(?, device) WHERE id = ?",
                arguments: [state.rawValue, reason, device.map { Int64(bitPattern: $0) }, id])
        }
    }

    /// Keeps that a full scan of the root has ended.
    package func recordScan(of id: RootID, at now: Timestamp) throws(CatalogError) {
        try write { try $0.execute(sql: "UPDATE roots SET scanned_at = ? WHERE id = ?", arguments: [now, id]) }
    }

    /// Keeps that the file system with its top at `top` has another number since it was mounted again, or ``MediaFile/noDevice`` while it is
    /// away.
    ///
    /// What lies below `top` and was on another file system, which had that number before and is away, keeps none.
    package func changeDevice(
        of id: RootID, below top: FilePath, from before: UInt64, to device: UInt64
    ) throws(CatalogError) {
        let (start, end) = top.dataBelow
        let (old, new) = (Int64(bitPattern: before), Int64(bitPattern: device))
        try write { db in
            try db.execute(
                sql: """
                    UPDATE files SET device = CASE device WHEN ? THEN ? ELSE ? END
                    WHERE root_id = ? AND device IN (?, ?) AND path >= ? AND path < ?
                    """,
                arguments: [
                    old, new, Int64(bitPattern: MediaFile.noDevice), id, old, new, start, end,
                ])
        }
    }
}
