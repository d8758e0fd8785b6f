package import Catalog

/// How what a node has and what the shared database was told of it differ.
package struct FleetComparison: Sendable, Equatable {
    /// Media items that can be found here, and their clips.
    package var media = 0
    package var clips = 0
    /// Media items that the shared database was told of by this node, and the clips that it has of them for this node's model.
    package var told = 0
    package var toldClips = 0
    /// Media items that it was not told of.
    package var missing = 0
    /// Media items of which it was told something else.
    package var outdated = 0
    /// Media items that are gone here.
    package var surplus = 0
    /// Media items of which it has fewer clips, or vectors, than it says.
    package var broken = 0

    package var isSame: Bool { missing + outdated + surplus + broken == 0 }
}

extension FleetMembership {
    /// Media items that are compared at a time.
    private static let page = 1000

    /// Compares all that the catalog has with what the shared database was told. Blocks the calling thread.
    ///
    /// - Throws: ``PostgresError``, `CatalogError`.
    package func compare(_ catalog: Catalog) throws -> FleetComparison {
        var comparison = FleetComparison()
        guard let index = try catalog.liveIndex() else { return comparison }
        try asking.use { connection in
            comparison = FleetComparison()
            let store = HoldingsStore(connection: connection, node: node)
            var after: MediaID = 0
            while true {
                let (held, last) = try catalog.holdings(of: index, ids: (after + 1)...MediaID.max, limit: Self.page)
                var told = try store.signatures(after: after, through: last ?? .max)
                comparison.told += told.count
                for media in held {
                    comparison.media += 1
                    comparison.clips += media.clips
                    switch told.removeValue(forKey: media.id) {
                    case nil: comparison.missing += 1
                    case media.signature?: break
                    default: comparison.outdated += 1
                    }
                }
                comparison.surplus += told.count
                guard let last else { break }
                after = last
            }
            let models = try connection.query("SELECT id::int8 FROM models WHERE digest = $1", [.text(index.digest)])
            guard let model = models.first?.integer(0) else { return }
            let row = try connection.query(
                """
                WITH told AS (
                    SELECT indexed.clips AS wanted, count(clips.id) AS clips, count(vectors.clip) AS vectors
                    FROM holdings JOIN indexed ON indexed.media = holdings.media AND indexed.model = holdings.model
                    LEFT JOIN clips ON clips.media = indexed.media AND clips.model = indexed.model
                    LEFT JOIN vectors_\(model) AS vectors ON vectors.clip = clips.id
                    WHERE holdings.node = $1 AND holdings.model = $2::int8::int4
                    GROUP BY holdings.local, indexed.clips
                )
                SELECT coalesce(sum(clips), 0)::int8, count(*) FILTER (WHERE clips <> wanted OR vectors <> wanted) FROM told
                """, [.text(node.id), .integer(model)]
            ).first
            comparison.toldClips = Int(row?.integer(0) ?? 0)
            comparison.broken = Int(row?.integer(1) ?? 0)
        }
        return comparison
    }

    /// Removes this node from the shared database, with what no other node has. Blocks the calling thread.
    ///
    /// - Returns: How many contents went, and how many stay because others have them.
    /// - Throws: ``PostgresError``.
    package func leave() throws -> (removed: Int, kept: Int) {
        try asking.use { connection in try HoldingsStore(connection: connection, node: node).leave() }
    }
}
