internal import Basics
package import Catalog
package import Search
internal import Synchronization
package import SystemPackage
internal import Threads

/// All that the nodes of a fleet have of one model, as a search asks for it: candidates and their filters in one statement, and what is looked up of
/// them. Ids of clips and media items are those of the shared database.
package final class FleetIndex: CandidateSource, ClipRows {
    /// What changes slowly, as it was a moment ago.
    private struct Known {
        var model: Int64?
        var clips = 0
        var lines = 0.0
        /// By the clock that nobody sets.
        var until = 0.0
    }

    /// Seconds for which the numbers of clips and lines are taken for what they were.
    private static let freshness = 10.0
    /// Words of a line, where its score wants to know how long lines are.
    private static let usualLength = 8.0
    /// Candidates that HNSW keeps at hand: pgvector's range for `hnsw.ef_search` ends at 1000.
    private static let searchWidth = 100...1000

    package let dimensions: Int
    private let digest: String
    private let database: FleetDatabase
    private let node: FleetNode
    private let clock: any WallClock
    private let known = Mutex(Known())

    /// - Parameter index: whose model is asked.
    init(_ index: IndexRecord, database: FleetDatabase, node: FleetNode, clock: any WallClock) {
        digest = index.digest
        dimensions = index.dimensions
        self.database = database
        self.node = node
        self.clock = clock
    }

    /// As it was some seconds ago.
    package var count: Int { known.withLock { $0.clips } }

    package func candidates(
        for vector: [Float], limit: Int, where filter: MediaFilter, group: SearchRequest.Group
    ) throws -> CandidateList {
        let began = ContinuousClock.now
        guard vector.allSatisfy(\.isFinite) else {
            throw SearchError(.unusableEmbedding, "The model gave no usable vector for the query.")
        }
        let entries = try asking { connection, model -> [CandidateList.Entry] in
            var wanted = limit
            while true {
                let found = try self.nearest(to: vector, limit: wanted, where: filter, model: model, connection)
                let entries = group == .media ? Self.bestOfEach(found) : found
                guard group == .media, entries.count < limit, found.count == wanted, wanted < SearchLimits.offset
                else { return Array(entries.prefix(limit)) }
                // So many were of one media item that there are too few of them.
                wanted *= 4
            }
        }
        let time = ContinuousClock.now - began
        return CandidateList(entries: entries, count: count, scanTime: time / .milliseconds(1))
    }

    private static func bestOfEach(_ entries: [CandidateList.Entry]) -> [CandidateList.Entry] {
        var seen: Set<MediaID> = []
        return entries.filter { seen.insert($0.media).inserted }
    }

    private func nearest(
        to vector: [Float], limit: Int, where filter: MediaFilter, model: Int64, _ connection: PostgresConnection
    ) throws -> [CandidateList.Entry] {
        let condition = FilterCondition(filter, media: "near.media", after: 2)
        let width = min(max(limit, Self.searchWidth.lowerBound), Self.searchWidth.upperBound)
        return try connection.transaction { () -> [CandidateList.Entry] in
            // Goes on until enough pass the filter, in the order of their distance.
            try connection.run(
                """
                SELECT set_config('hnsw.iterative_scan', 'strict_order', true),
                    set_config('hnsw.max_scan_tuples', '200000', true), set_config('hnsw.ef_search', $1, true)
                """, [.text("\(width)")])
            let rows = try connection.query(
                """
                SELECT near.clip, near.media, -(near.vector <#> $1) FROM vectors_\(model) AS near
                WHERE \(condition.sql) ORDER BY near.vector <#> $1 LIMIT $2
                """, [.half(vector), .integer(Int64(limit))] + condition.parameters)
            let entries = rows.compactMap { row -> CandidateList.Entry? in
                guard let clip = row.integer(0), let media = row.integer(1), let score = row.real(2) else { return nil }
                return CandidateList.Entry(clip: clip, media: media, score: score)
            }
            return entries.sorted { $0.score != $1.score ? $0.score > $1.score : $0.clip < $1.clip }
        }
    }

    package func embeddings(of clips: [ClipID]) throws -> [ClipID: [Float]] {
        guard !clips.isEmpty else { return [:] }
        return try asking { connection, model in
            try Self.byClip(
                connection.query("SELECT clip, vector FROM vectors_\(model) WHERE clip = ANY($1)", [.integers(clips)])
            ) { $0.vector(1) }
        }
    }

    package func rerankFeatures(of clips: [ClipID]) throws -> [ClipID: [UInt8]] {
        guard !clips.isEmpty else { return [:] }
        return try database.use { connection in
            try Self.byClip(
                connection.query("SELECT clip, bytes FROM features WHERE clip = ANY($1)", [.integers(clips)])
            ) { $0.bytes(1) }
        }
    }

    package func clips(_ ids: [ClipID]) throws -> [ClipID: Clip] {
        guard !ids.isEmpty else { return [:] }
        return try database.use { connection in
            try Self.byClip(
                connection.query(
                    "SELECT id, media, ordinal::int8, starts, ends, shot::int8 FROM clips WHERE id = ANY($1)",
                    [.integers(ids)]), Self.clip)
        }
    }

    private static func clip(_ row: PostgresRow) -> Clip? {
        guard let id = row.integer(0), let media = row.integer(1), let ordinal = row.integer(2),
            let start = row.real(3), let end = row.real(4), let shot = row.integer(5)
        else { return nil }
        return Clip(id: id, media: media, index: 0, ordinal: Int(ordinal), start: start, end: end, shot: Int(shot))
    }

    private static func byClip<Value>(
        _ rows: [PostgresRow], _ value: (PostgresRow) -> Value?
    ) -> [ClipID: Value] {
        var found: [ClipID: Value] = [:]
        for row in rows {
            if let clip = row.integer(0) { found[clip] = value(row) }
        }
        return found
    }

    package func findings(for clips: [ClipID], limit: Int, where filter: MediaFilter) throws -> [ClipFinding] {
        var found: [ClipFinding] = []
        var rest = clips[...]
        while found.count < limit, !rest.isEmpty {
            let some = Array(rest.prefix(limit - found.count + 16))
            rest = rest.dropFirst(some.count)
            let known = try self.clips(some)
            let items = try shown(Set(known.values.map(\.media)), where: filter)
            for id in some {
                guard found.count < limit, let clip = known[id], let (media, place) = items[clip.media] else {
                    continue
                }
                found.append(ClipFinding(clip: clip, media: media, place: place))
            }
        }
        return found
    }

    /// Media items, and of each the first place that passes: on this node before others, readable before others.
    private func shown(
        _ ids: Set<MediaID>, where filter: MediaFilter
    ) throws -> [MediaID: (media: Media, place: MediaPlace)] {
        let rows = try database.use { connection in
            try connection.query(
                """
                SELECT media.id, media.size, media.digest, duration, width, height, codec, container, recorded_at, added_at,
                    path, is_online
                FROM media JOIN places ON places.media = media.id WHERE media.id = ANY($1)
                ORDER BY is_online DESC, node <> $2, node, position
                """, [.integers(ids.sorted()), .text(node.id)])
        }
        var shown: [MediaID: (media: Media, place: MediaPlace)] = [:]
        for row in rows {
            guard let id = row.integer(0), shown[id] == nil, let size = row.integer(1), let digest = row.bytes(2),
                let path = row.bytes(10)
            else { continue }
            let place = MediaPlace(root: nil, path: FilePath(bytes: path), isOnline: row.flag(11) ?? false)
            guard filter.admits(place) else { continue }
            let properties = MediaProperties(
                duration: row.real(3), width: row.integer(4).map { Int($0) }, height: row.integer(5).map { Int($0) },
                codec: row.text(6), container: row.text(7), recordedAt: row.real(8))
            let media = Media(
                id: id, identity: ContentIdentity(size: size, digest: digest), properties: properties,
                addedAt: row.real(9) ?? 0)
            shown[id] = (media, place)
        }
        return shown
    }

    package func matches(of query: WordQuery, limit: Int, where filter: MediaFilter) throws -> WordMatches {
        guard !query.isEmpty else { return WordMatches() }
        let words = query.isQuoted ? query.plainPhrases : query.plainWords
        let condition = FilterCondition(filter, media: "lines.media", after: 5)
        return try asking { connection, model -> WordMatches in
            let rows = try connection.query(
                """
                WITH words AS (
                    SELECT place - 1 AS place, phraseto_tsquery('saccade.words', word) AS word
                    FROM unnest($1::text[]) WITH ORDINALITY AS t (word, place)
                ), asked AS (
                    SELECT string_agg('(' || word::text || ')', CASE WHEN $2 THEN ' & ' ELSE ' | ' END)::tsquery AS query
                    FROM words WHERE numnode(word) > 0
                )
                SELECT lines.media, kind, lines.starts, lines.ends, language, text, length(lines.words)::int8, clip.id,
                    (SELECT string_agg(place::text, ' ') FROM words WHERE lines.words @@ word)
                FROM asked JOIN lines ON lines.words @@ asked.query
                JOIN LATERAL (
                    SELECT id FROM clips WHERE clips.media = lines.media AND clips.model = $3::int8::int4
                        AND (clips.ordinal = 0 OR kind = ANY($4) AND clips.starts <= (lines.starts + lines.ends) / 2)
                    ORDER BY clips.ordinal DESC LIMIT 1
                ) AS clip ON true
                WHERE \(condition.sql) ORDER BY ts_rank_cd(lines.words, asked.query) DESC, clip.id LIMIT $5
                """,
                [
                    .texts(words), .flag(query.isQuoted), .integer(model),
                    .texts(Line.Kind.allCases.filter { !$0.isOfWholeMedia }.map(\.rawValue)), .integer(Int64(limit)),
                ] + condition.parameters)
            var found = WordMatches()
            guard !rows.isEmpty else { return found }
            let weights = try self.weights(of: words, connection)
            for row in rows {
                guard let media = row.integer(0), let kind = row.text(1).flatMap(Line.Kind.init(rawValue:)),
                    let start = row.real(2), let end = row.real(3), let text = row.text(5), let clip = row.integer(7)
                else { continue }
                let said = Set((row.text(8) ?? "").split(separator: " ").compactMap { Int($0) })
                // BM25 of words that occur once, with its usual constants.
                let length = 0.25 + 0.75 * Double(row.integer(6) ?? 0) / Self.usualLength
                let score = said.sorted().reduce(0) { $0 + weights[$1] * 2.2 / (1 + 1.2 * length) }
                found.matches.append(
                    WordMatch(
                        line: Line(kind: kind, start: start, end: end, language: row.text(4), text: text), media: media,
                        clip: clip, words: query.isQuoted ? [] : said, score: score))
            }
            found.matches.sort { $0.score != $1.score ? $0.score > $1.score : $0.clip < $1.clip }
            if !query.isQuoted { found.weights = weights }
            return found
        }
    }

    private func weights(of words: [String], _ connection: PostgresConnection) throws -> [Double] {
        let rows = try connection.query(
            """
            SELECT (SELECT count(*) FROM lines WHERE lines.words @@ phraseto_tsquery('saccade.words', word))
            FROM unnest($1::text[]) WITH ORDINALITY AS t (word, place) ORDER BY place
            """, [.texts(words)])
        let count = known.withLock { $0.lines }
        return rows.map { WordMatches.weight(lines: Double($0.integer(0) ?? 0), of: count) }
    }

    package func ids(of clip: Clip, in catalog: Catalog) throws -> (clip: ClipID, media: MediaID)? {
        guard let media = try catalog.media(clip.media) else { return nil }
        return try asking { connection, model -> (clip: ClipID, media: MediaID)? in
            let row = try connection.query(
                """
                SELECT clips.id, media.id FROM media JOIN clips ON clips.media = media.id
                WHERE media.size = $1 AND media.digest = $2 AND clips.model = $3::int8::int4 AND ordinal = $4::int8::int4
                """,
                [
                    .integer(media.identity.size), .bytes(media.identity.digest), .integer(model),
                    .integer(Int64(clip.ordinal)),
                ]
            ).first
            guard let clip = row?.integer(0), let media = row?.integer(1) else { return nil }
            return (clip, media)
        }
    }

    /// Which nodes can open media items: this one first, and those that are there before others.
    package func hosts(of media: [MediaID]) throws -> [MediaID: [FleetHost]] {
        let rows = try database.use { connection in
            try connection.query(
                """
                SELECT places.media, nodes.id, nodes.name, nodes.address, places.local, places.path,
                    is_online AND seen_at > clock_timestamp() - make_interval(secs => $3) AS online
                FROM places JOIN nodes ON nodes.id = places.node
                WHERE places.media = ANY($1) ORDER BY nodes.id <> $2, online DESC, nodes.name, nodes.id, position
                """, [.integers(Array(Set(media)).sorted()), .text(node.id), .real(FleetNode.lifetime)])
        }
        var hosts: [MediaID: [FleetHost]] = [:]
        for row in rows {
            guard let media = row.integer(0), let id = row.text(1), let name = row.text(2), let local = row.integer(4),
                let path = row.bytes(5)
            else { continue }
            hosts[media, default: []].append(
                FleetHost(
                    isThisNode: id == node.id, name: name, address: row.text(3), media: local,
                    path: FilePath(bytes: path), isOnline: row.flag(6) ?? false))
        }
        return hosts
    }

    /// Lends a connection with the number of the model, and learns what changes slowly.
    private func asking<Value>(_ body: (PostgresConnection, Int64) throws -> Value) throws -> Value {
        try database.use { connection in
            if known.withLock({ $0.model == nil || $0.until < clock.uptime }) {
                let row = try connection.query(
                    """
                    SELECT id::int8, (SELECT coalesce(sum(clips), 0)::int8 FROM indexed WHERE indexed.model = models.id),
                        (SELECT greatest(reltuples, 0)::float8 FROM pg_class WHERE oid = 'saccade.lines'::regclass)
                    FROM models WHERE digest = $1 AND dimensions = $2
                    """, [.text(digest), .integer(Int64(dimensions))]
                ).first
                guard let row, let model = row.integer(0) else {
                    throw PostgresError(
                        state: "02000", "No node has told the shared database of clips of the model that answers here.")
                }
                var lines = row.real(2) ?? 0
                // What was never analysed is small enough to be counted.
                if lines < 10_000 {
                    lines = try connection.query("SELECT count(*)::float8 FROM lines").first?.real(0) ?? 0
                }
                known.withLock { known in
                    known = Known(
                        model: model, clips: Int(row.integer(1) ?? 0), lines: lines,
                        until: clock.uptime + Self.freshness)
                }
            }
            return try body(connection, known.withLock { $0.model } ?? 0)
        }
    }
}

/// A node that has a media item.
package struct FleetHost: Sendable, Equatable {
    package var isThisNode: Bool
    package var name: String
    /// The URL of its HTTP listener; nil where it has none for others.
    package var address: String?
    /// The media item's id on that node.
    package var media: MediaID
    package var path: FilePath
    /// Whether the node is there and can read the file.
    package var isOnline: Bool
}

/// A ``MediaFilter`` as the shared database is asked: SQL of fixed parts, and the values apart.
private struct FilterCondition {
    private(set) var sql = "true"
    private(set) var parameters: [PostgresValue] = []

    /// - Parameters:
    ///   - media: the column with the media item's id.
    ///   - after: how many parameters the statement has before these.
    init(_ filter: MediaFilter, media: String, after: Int) {
        var (ofMedia, ofPlaces): ([String], [String]) = ([], [])
        func parameter(_ value: PostgresValue) -> String {
            parameters.append(value)
            return "$\(after + parameters.count)"
        }
        if let time = filter.recordedAfter { ofMedia.append("recorded_at >= \(parameter(.real(time)))") }
        if let time = filter.recordedBefore { ofMedia.append("recorded_at < \(parameter(.real(time)))") }
        if let seconds = filter.minDuration { ofMedia.append("duration >= \(parameter(.real(seconds)))") }
        if let seconds = filter.maxDuration { ofMedia.append("duration <= \(parameter(.real(seconds)))") }
        let beginning = filter.pathBeginning
        if !beginning.isEmpty {
            ofPlaces.append("path >= \(parameter(.bytes(beginning)))")
            if let end = MediaFilter.end(ofBeginning: beginning) {
                ofPlaces.append("path < \(parameter(.bytes(end)))")
            }
        }
        if let glob = filter.pathGlob {
            ofPlaces.append("convert_from(path, 'LATIN1') ~ \(parameter(.text(glob.wideExpression)))")
        }
        var terms: [String] = []
        if !ofMedia.isEmpty {
            terms.append(
                "EXISTS (SELECT 1 FROM media WHERE media.id = \(media) AND \(ofMedia.joined(separator: " AND ")))")
        }
        if !ofPlaces.isEmpty {
            terms.append(
                "EXISTS (SELECT 1 FROM places WHERE places.media = \(media) AND \(ofPlaces.joined(separator: " AND ")))"
            )
        }
        if !terms.isEmpty { sql = terms.joined(separator: " AND ") }
    }
}
