internal import Basics
internal import Catalog
internal import SystemPackage

/// What one node has told the shared database of, and how it tells more. Every method blocks, and is a transaction or part of one.
struct HoldingsStore {
    let connection: PostgresConnection
    let node: FleetNode

    /// Bytes of rerank features that are sent together.
    private static let chunk = 64

    /// Makes the node known, or keeps what has changed of it.
    ///
    /// - Throws: ``PostgresError``, also where another process is at work as this node, whose state folder is a copy of the other's.
    func join(roots: [FilePath]) throws(PostgresError) {
        // Held for as long as the connection is.
        let isAlone = try connection.query(
            "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", [.text("saccade " + node.id)])
        guard isAlone.first?.flag(0) == true else {
            throw PostgresError(
                state: "55006",
                """
                Another daemon is at work as this node: if its state folder was copied, remove the file fleet-node from the copy and restart \
                it.
                """)
        }
        try connection.run(
            """
            INSERT INTO nodes (id, name, address, roots) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, address = EXCLUDED.address, roots = EXCLUDED.roots,
                seen_at = now()
            """, [.text(node.id), .text(node.name), .text(node.address), .blobs(roots.map(\.bytes))])
    }

    /// The number of a model in the shared database, which has a table of vectors for it then.
    func model(digest: String, dimensions: Int) throws(PostgresError) -> Int64 {
        let rows = try connection.query(
            "SELECT model_number($1, $2::int8::int4)::int8", [.text(digest), .integer(Int64(dimensions))])
        return rows.first?.integer(0) ?? 0
    }

    /// What the node has told of, by the ids of its own media items: the signature of each.
    func signatures(after local: MediaID, through last: MediaID) throws(PostgresError) -> [MediaID: Int64] {
        let rows = try connection.query(
            "SELECT local, signature FROM holdings WHERE node = $1 AND local > $2 AND local <= $3",
            [.text(node.id), .integer(local), .integer(last)])
        var signatures: [MediaID: Int64] = [:]
        for row in rows {
            if let local = row.integer(0), let signature = row.integer(1) { signatures[local] = signature }
        }
        return signatures
    }

    /// Tells of media items, with their clips where nobody has told of them. The same may be told again: nothing is there twice.
    ///
    /// - Parameter model: of ``model(digest:dimensions:)``, for `index`.
    /// - Throws: ``PostgresError``, `CatalogError`; nothing of it is kept then.
    func tell(of held: [HeldMedia], in catalog: Catalog, index: IndexRecord, model: Int64) throws {
        guard !held.isEmpty else { return }
        // In one order, so that two nodes that tell of the same don't wait for each other.
        let held = held.sorted { one, other in
            let (one, other) = (one.identity, other.identity)
            return one.size != other.size ? one.size < other.size : one.digest.lexicographicallyPrecedes(other.digest)
        }
        try connection.transaction {
            let media = try put(held)
            let locals = held.map(\.id)
            let before = try connection.query(
                "SELECT media FROM holdings WHERE node = $1 AND local = ANY($2)", [.text(node.id), .integers(locals)])
            try connection.run(
                """
                INSERT INTO holdings (node, local, media, model, signature)
                SELECT $1, local, media, $2::int8::int4, signature
                FROM unnest($3::int8[], $4::int8[], $5::int8[]) AS held (local, media, signature)
                ON CONFLICT (node, local) DO UPDATE SET media = EXCLUDED.media, model = EXCLUDED.model,
                    signature = EXCLUDED.signature
                """,
                [
                    .text(node.id), .integer(model), .integers(locals), .integers(media),
                    .integers(held.map(\.signature)),
                ])
            try putPlaces(held, media)
            try putLines(held, media, catalog)
            for (item, media) in zip(held, media) {
                try putClips(item, media, in: catalog, index: index, model: model)
            }
            try forget(media: media + before.compactMap { $0.integer(0) })
            try connection.run(
                """
                DELETE FROM claims USING unnest($1::int8[], $2::bytea[]) AS done (size, digest)
                WHERE claims.size = done.size AND claims.digest = done.digest AND node = $3 AND model = $4
                """,
                [
                    .integers(held.map(\.identity.size)), .blobs(held.map(\.identity.digest)), .text(node.id),
                    .text(index.digest),
                ])
        }
    }

    /// Takes back what was told of media items that the node has no more, and contents that no other node has.
    func takeBack(_ locals: [MediaID]) throws {
        guard !locals.isEmpty else { return }
        try connection.transaction {
            let rows = try connection.query(
                "DELETE FROM holdings WHERE node = $1 AND local = ANY($2) RETURNING media",
                [.text(node.id), .integers(locals)])
            try forget(media: rows.compactMap { $0.integer(0) })
        }
    }

    /// Removes the node, its places, and contents that no other node has.
    ///
    /// - Returns: How many contents went, and how many stay because others have them.
    func leave() throws -> (removed: Int, kept: Int) {
        var (removed, held) = (0, 0)
        while true {
            let (count, gone) = try connection.transaction { () -> (Int, Int) in
                let rows = try connection.query(
                    """
                    DELETE FROM holdings WHERE (node, local) IN
                        (SELECT node, local FROM holdings WHERE node = $1 ORDER BY local LIMIT 500) RETURNING media
                    """, [.text(node.id)])
                return (rows.count, try forget(media: rows.compactMap { $0.integer(0) }))
            }
            guard count > 0 else { break }
            held += count
            removed += gone
        }
        try connection.run("DELETE FROM nodes WHERE id = $1", [.text(node.id)])
        return (removed, held - removed)
    }

    /// - Returns: The ids of media items by content, in their order.
    private func put(_ held: [HeldMedia]) throws -> [Int64] {
        let rows = try connection.query(
            """
            WITH told AS (
                SELECT * FROM unnest($1::int8[], $2::bytea[], $3::float8[], $4::int8[], $5::int8[], $6::text[], $7::text[],
                    $8::float8[], $9::float8[])
                WITH ORDINALITY AS t (size, digest, duration, width, height, codec, container, recorded_at, added_at, place)
            ), stored AS (
                INSERT INTO media (size, digest, duration, width, height, codec, container, recorded_at, added_at)
                SELECT size, digest, duration, width, height, codec, container, recorded_at, added_at FROM told ORDER BY place
                ON CONFLICT (size, digest) DO UPDATE SET
                    duration = coalesce(EXCLUDED.duration, media.duration),
                    width = coalesce(EXCLUDED.width, media.width), height = coalesce(EXCLUDED.height, media.height),
                    codec = coalesce(EXCLUDED.codec, media.codec),
                    container = coalesce(EXCLUDED.container, media.container),
                    recorded_at = coalesce(EXCLUDED.recorded_at, media.recorded_at)
                RETURNING id, size, digest
            )
            SELECT id FROM stored JOIN told USING (size, digest) ORDER BY place
            """,
            [
                .integers(held.map(\.identity.size)), .blobs(held.map(\.identity.digest)),
                .reals(held.map(\.properties.duration)), .integers(held.map { $0.properties.width.map(Int64.init) }),
                .integers(held.map { $0.properties.height.map(Int64.init) }), .texts(held.map(\.properties.codec)),
                .texts(held.map(\.properties.container)), .reals(held.map(\.properties.recordedAt)),
                .reals(held.map(\.addedAt)),
            ])
        let ids = rows.compactMap { $0.integer(0) }
        guard ids.count == held.count else {
            throw PostgresError(state: "XX000", "The shared database stored \(ids.count) of \(held.count) media items.")
        }
        return ids
    }

    private func putPlaces(_ held: [HeldMedia], _ media: [Int64]) throws {
        try connection.run(
            "DELETE FROM places WHERE node = $1 AND local = ANY($2)", [.text(node.id), .integers(held.map(\.id))])
        var rows: [(local: MediaID, media: Int64, position: Int64, place: HeldMedia.Place)] = []
        for (item, media) in zip(held, media) {
            for (position, place) in item.places.enumerated() { rows.append((item.id, media, Int64(position), place)) }
        }
        try connection.run(
            """
            INSERT INTO places (node, local, media, position, path, root, size, modified, is_online)
            SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::bytea[], $6::bytea[], $7::int8[], $8::int8[],
                $9::bool[])
            """,
            [
                .text(node.id), .integers(rows.map { $0.local }), .integers(rows.map { $0.media }),
                .integers(rows.map { $0.position }), .blobs(rows.map { $0.place.path.bytes }),
                .blobs(rows.map { $0.place.root?.bytes }), .integers(rows.map { $0.place.size }),
                .integers(rows.map { $0.place.modified }), .flags(rows.map { $0.place.isOnline }),
            ])
    }

    private func putLines(_ held: [HeldMedia], _ media: [Int64], _ catalog: Catalog) throws {
        try connection.run(
            "DELETE FROM lines WHERE node = $1 AND local = ANY($2)", [.text(node.id), .integers(held.map(\.id))])
        for (item, media) in zip(held, media) {
            let lines = try catalog.lines(of: item.id)
            guard !lines.isEmpty else { continue }
            try connection.run(
                """
                INSERT INTO lines (node, local, media, position, kind, starts, ends, language, text, words)
                SELECT $1, $2, $3, place, kind, starts, ends, language, text, to_tsvector('saccade.words', plain)
                FROM unnest($4::text[], $5::float8[], $6::float8[], $7::text[], $8::text[], $9::text[])
                    WITH ORDINALITY AS t (kind, starts, ends, language, text, plain, place)
                """,
                [
                    .text(node.id), .integer(item.id), .integer(media), .texts(lines.map(\.kind.rawValue)),
                    .reals(lines.map(\.start)), .reals(lines.map(\.end)), .texts(lines.map(\.language)),
                    .texts(lines.map(\.text)), .texts(lines.map(\.plainWords)),
                ])
        }
    }

    /// Tells of a content's clips, unless all of them are there.
    private func putClips(
        _ held: HeldMedia, _ media: Int64, in catalog: Catalog, index: IndexRecord, model: Int64
    ) throws {
        let known = try connection.query(
            "SELECT is_complete, clips::int8 FROM indexed WHERE media = $1 AND model = $2::int8::int4",
            [.integer(media), .integer(model)]
        ).first
        if let known {
            guard known.flag(0) == false, held.isComplete || known.integer(1) ?? 0 < Int64(held.clips) else { return }
            try connection.run(
                "DELETE FROM indexed WHERE media = $1 AND model = $2::int8::int4", [.integer(media), .integer(model)])
        }
        let clips = try catalog.clips(of: held.id, index: index.id)
        guard clips.count == held.clips, !clips.isEmpty else {
            throw FleetProblem.changed
        }
        try connection.run(
            """
            INSERT INTO indexed (media, model, clips, is_complete, has_features)
            VALUES ($1, $2::int8::int4, $3::int8::int4, $4, $5)
            """,
            [
                .integer(media), .integer(model), .integer(Int64(clips.count)), .flag(held.isComplete),
                .flag(index.storesRerankFeatures),
            ])
        let rows = try connection.query(
            """
            INSERT INTO clips (media, model, ordinal, starts, ends, shot)
            SELECT $1, $2::int8::int4, ordinal::int4, starts, ends, shot::int4
            FROM unnest($3::int8[], $4::float8[], $5::float8[], $6::int8[]) AS t (ordinal, starts, ends, shot)
            RETURNING id, ordinal::int8
            """,
            [
                .integer(media), .integer(model), .integers(clips.map { Int64($0.ordinal) }),
                .reals(clips.map(\.start)), .reals(clips.map(\.end)), .integers(clips.map { Int64($0.shot) }),
            ])
        var shared: [Int: Int64] = [:]
        for row in rows {
            if let id = row.integer(0), let ordinal = row.integer(1) { shared[Int(ordinal)] = id }
        }
        for start in stride(from: 0, to: clips.count, by: Self.chunk) {
            let some = clips[start..<min(start + Self.chunk, clips.count)]
            try putVectors(Array(some), shared, media, in: catalog, model: model)
        }
    }

    private func putVectors(
        _ clips: [Clip], _ shared: [Int: Int64], _ media: Int64, in catalog: Catalog, model: Int64
    ) throws {
        let ids = clips.map(\.id)
        let vectors = try catalog.embeddings(of: ids)
        let features = try catalog.rerankFeatures(of: ids)
        let known = clips.compactMap { clip in
            vectors[clip.id].flatMap { vector in shared[clip.ordinal].map { ($0, vector) } }
        }
        guard known.count == clips.count else { throw FleetProblem.changed }
        // The number is the database's own, and no text of anybody's.
        try connection.run(
            """
            INSERT INTO vectors_\(model) (clip, media, vector)
            SELECT clip, $1, vector FROM unnest($2::int8[], $3::halfvec[]) AS t (clip, vector)
            """, [.integer(media), .integers(known.map(\.0)), .halves(known.map(\.1))])
        let stored = clips.compactMap { clip in
            features[clip.id].flatMap { bytes in shared[clip.ordinal].map { ($0, bytes) } }
        }
        guard !stored.isEmpty else { return }
        try connection.run(
            "INSERT INTO features (clip, bytes) SELECT * FROM unnest($1::int8[], $2::bytea[])",
            [.integers(stored.map(\.0)), .blobs(stored.map(\.1))])
    }

    /// Removes of some contents what no node has or asks with any more.
    ///
    /// - Returns: How many contents went.
    @discardableResult
    private func forget(media: [Int64]) throws -> Int {
        let media = Array(Set(media)).sorted()
        guard !media.isEmpty else { return 0 }
        try connection.run(
            """
            DELETE FROM indexed WHERE media = ANY($1) AND NOT EXISTS (
                SELECT 1 FROM holdings WHERE holdings.media = indexed.media AND holdings.model = indexed.model)
            """, [.integers(media)])
        return try connection.run(
            """
            DELETE FROM media WHERE id = ANY($1)
                AND NOT EXISTS (SELECT 1 FROM holdings WHERE holdings.media = media.id)
            """, [.integers(media)])
    }
}

/// What ends a step that is made again.
enum FleetProblem: Error {
    /// The catalog has changed since it was looked at.
    case changed
}
