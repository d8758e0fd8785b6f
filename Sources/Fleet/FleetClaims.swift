package import Catalog
package import Library
internal import Synchronization
internal import Threads

/// Claims on contents, so that of several nodes that see the same file one decodes it, and the others take its clips over.
///
/// A claim is a lease by the database's clock, which is renewed for as long as this process lives and the database is there. It ends when the content's
/// clips are in the database. While the database is away every node works for itself.
package final class FleetClaims: SharedContents {
    private struct Claim: Hashable {
        var content: ContentIdentity
        var model: String
    }

    /// Seconds after which a claim ends that nobody renews.
    static let lease = 60.0
    /// Seconds after which a content that another node has is asked for again.
    private static let patience = 10.0

    private let node: FleetNode
    private let database: FleetDatabase
    private let held = Mutex<Set<Claim>>([])

    init(node: FleetNode, database: FleetDatabase) {
        self.node = node
        self.database = database
    }

    package func claim(_ content: ContentIdentity, for index: IndexRecord) -> ContentClaim {
        let answer = try? database.use { connection -> ContentClaim in
            // What is there is looked for again with the claim in hand: it may have come between the two.
            if let clips = try madeClips(content, index, connection) { return .made(clips) }
            guard try take(content, index, connection) else { return .elsewhere(seconds: Self.patience) }
            guard let clips = try madeClips(content, index, connection) else { return .own }
            try giveBack(content, index, connection)
            return .made(clips)
        }
        guard let answer else { return .own }
        if case .own = answer { held.withLock { _ = $0.insert(Claim(content: content, model: index.digest)) } }
        return answer
    }

    package func release(_ content: ContentIdentity, for index: IndexRecord) {
        guard held.withLock({ $0.remove(Claim(content: content, model: index.digest)) }) != nil else { return }
        // One that can't be given back ends by itself.
        try? database.use { try giveBack(content, index, $0) }
    }

    /// Has the claims go on, and forgets those whose content is in the database. Blocks the calling thread.
    ///
    /// - Throws: ``PostgresError``.
    func renew() throws {
        let claims = held.withLock { Array($0) }
        guard !claims.isEmpty else { return }
        let kept = try database.use { connection in
            try connection.query(
                """
                UPDATE claims SET expires_at = clock_timestamp() + make_interval(secs => $2)
                WHERE node = $1 RETURNING size, digest, model
                """, [.text(node.id), .real(Self.lease)])
        }
        let there = Set(
            kept.compactMap { row -> Claim? in
                guard let size = row.integer(0), let digest = row.bytes(1), let model = row.text(2) else { return nil }
                return Claim(content: ContentIdentity(size: size, digest: digest), model: model)
            })
        held.withLock { held in held.subtract(claims.filter { !there.contains($0) }) }
    }

    /// - Returns: whether nobody else has it.
    private func take(
        _ content: ContentIdentity, _ index: IndexRecord, _ connection: PostgresConnection
    ) throws(PostgresError) -> Bool {
        try connection.run(
            "INSERT INTO nodes (id, name, address) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [.text(node.id), .text(node.name), .text(node.address)])
        return try connection.run(
            """
            INSERT INTO claims (size, digest, model, node, expires_at)
            VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
            ON CONFLICT (size, digest, model) DO UPDATE SET node = EXCLUDED.node, expires_at = EXCLUDED.expires_at
            WHERE claims.node = EXCLUDED.node OR claims.expires_at < clock_timestamp()
            """,
            [
                .integer(content.size), .bytes(content.digest), .text(index.digest), .text(node.id),
                .real(Self.lease),
            ]) == 1
    }

    private func giveBack(
        _ content: ContentIdentity, _ index: IndexRecord, _ connection: PostgresConnection
    ) throws(PostgresError) {
        try connection.run(
            "DELETE FROM claims WHERE size = $1 AND digest = $2 AND model = $3 AND node = $4",
            [.integer(content.size), .bytes(content.digest), .text(index.digest), .text(node.id)])
    }

    /// The clips of a content, where all of them are there with what this node stores of clips.
    private func madeClips(
        _ content: ContentIdentity, _ index: IndexRecord, _ connection: PostgresConnection
    ) throws -> SharedClips? {
        let found = try connection.query(
            """
            SELECT media.id, models.id::int8, media.duration, media.width, media.height, media.codec, media.container,
                media.recorded_at, indexed.clips::int8
            FROM media JOIN indexed ON indexed.media = media.id AND is_complete AND has_features >= $4
            JOIN models ON models.id = indexed.model
            WHERE media.size = $1 AND media.digest = $2 AND models.digest = $3
            """,
            [
                .integer(content.size), .bytes(content.digest), .text(index.digest),
                .flag(index.storesRerankFeatures),
            ]
        ).first
        guard let found, let media = found.integer(0), let model = found.integer(1), let count = found.integer(8) else {
            return nil
        }
        let rows = try connection.query(
            """
            SELECT clips.ordinal::int8, clips.starts, clips.ends, clips.shot::int8, vectors.vector, features.bytes
            FROM clips JOIN vectors_\(model) AS vectors ON vectors.clip = clips.id
            LEFT JOIN features ON features.clip = clips.id AND $3
            WHERE clips.media = $1 AND clips.model = $2::int8::int4 ORDER BY clips.ordinal
            """, [.integer(media), .integer(model), .flag(index.storesRerankFeatures)])
        var clips: [NewClip] = []
        for (place, row) in rows.enumerated() {
            guard row.integer(0) == Int64(place), let start = row.real(1), let end = row.real(2),
                let shot = row.integer(3), let vector = row.vector(4), vector.count == index.dimensions,
                row.bytes(5) != nil || !index.storesRerankFeatures
            else { return nil }
            clips.append(
                NewClip(
                    media: 0, ordinal: place, start: start, end: end, shot: Int(shot), embedding: vector,
                    rerankFeatures: row.bytes(5)))
        }
        // What is being taken back meanwhile is decoded.
        guard clips.count == count, !clips.isEmpty else { return nil }
        return SharedClips(
            properties: MediaProperties(
                duration: found.real(2), width: found.integer(3).map { Int($0) },
                height: found.integer(4).map { Int($0) }, codec: found.text(5), container: found.text(6),
                recordedAt: found.real(7)),
            clips: clips)
    }
}
