/// The tables of the shared database, as numbered steps that are never edited once published.
enum FleetSchema {
    /// What this program works with.
    static var version: Int { steps.count }

    /// Oldest pgvector whose index goes on while filters leave too little (`hnsw.iterative_scan`).
    static let vectorVersion = [0, 8, 0]

    /// Any number that nobody else takes: who holds this lock changes tables.
    private static let lock: Int64 = 0x5361_6363_6164_65

    /// Brings the database up to the last step, one node at a time.
    ///
    /// - Throws: ``PostgresError``, also where a newer version of the program has made the tables, or pgvector is missing.
    static func migrate(_ connection: PostgresConnection) throws {
        if try current(connection) == version { return }
        try connection.transaction {
            try connection.run("SELECT pg_advisory_xact_lock($1)", [.integer(lock)])
            let found = try current(connection)
            guard found <= version else {
                throw PostgresError(
                    state: "0A000",
                    """
                    The shared database was made by a newer version of Saccade (schema \(found), this one knows \(version)): \
                    install that version on this node, too.
                    """)
            }
            if found == 0 {
                try connection.runScript("CREATE EXTENSION IF NOT EXISTS vector; CREATE SCHEMA IF NOT EXISTS saccade")
            }
            for step in found..<version {
                try connection.runScript(steps[step])
                try connection.run(
                    "INSERT INTO saccade.schema_version (number) VALUES ($1)", [.integer(Int64(step + 1))])
            }
        }
    }

    /// Checks that the vectors' extension is there and new enough.
    static func checkVectors(_ connection: PostgresConnection) throws {
        let rows = try connection.query("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        let text = rows.first?.text(0) ?? "none"
        let parts = text.split(separator: ".").map { Int($0) ?? 0 }
        guard !parts.lexicographicallyPrecedes(vectorVersion), connection.vectors.element != 0 else {
            throw PostgresError(
                state: "0A000",
                """
                The shared database has pgvector \(text), and Saccade needs 0.8.0 or newer in the schema `public`: install it, and \
                run `ALTER EXTENSION vector UPDATE`.
                """)
        }
    }

    /// The number of the last step that was made; 0 for a database without the tables.
    static func current(_ connection: PostgresConnection) throws(PostgresError) -> Int {
        let there = try connection.query("SELECT to_regclass('saccade.schema_version') IS NOT NULL")
        guard there.first?.flag(0) == true else { return 0 }
        return try Int(connection.query("SELECT max(number)::int8 FROM saccade.schema_version").first?.integer(0) ?? 0)
    }

    private static let steps = [
        """
        CREATE TABLE saccade.schema_version (number integer PRIMARY KEY);

        CREATE TABLE saccade.nodes (
            id text PRIMARY KEY,              -- made once, and kept in the node's state folder
            name text NOT NULL,
            address text,                     -- the URL under which others reach its HTTP listener
            roots bytea[] NOT NULL DEFAULT '{}',
            joined_at timestamptz NOT NULL DEFAULT now(),
            seen_at timestamptz NOT NULL DEFAULT now(),
            behind bigint NOT NULL DEFAULT 0  -- media items that it has still to tell of
        );

        CREATE TABLE saccade.models (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            digest text NOT NULL UNIQUE,
            dimensions integer NOT NULL
        );

        CREATE TABLE saccade.media (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            size bigint NOT NULL,
            digest bytea NOT NULL,
            duration float8,
            width bigint,
            height bigint,
            codec text,
            container text,
            recorded_at float8,               -- seconds since 1970
            added_at float8 NOT NULL,
            UNIQUE (size, digest)
        );

        -- What each node has, and what it has told of it.
        CREATE TABLE saccade.holdings (
            node text NOT NULL REFERENCES saccade.nodes ON DELETE CASCADE,
            local bigint NOT NULL,            -- the media item's id on that node
            media bigint NOT NULL REFERENCES saccade.media,
            model integer NOT NULL REFERENCES saccade.models,
            signature bigint NOT NULL,
            PRIMARY KEY (node, local)
        );
        CREATE INDEX holdings_media ON saccade.holdings (media);

        CREATE TABLE saccade.places (
            node text NOT NULL,
            local bigint NOT NULL,
            media bigint NOT NULL,
            position integer NOT NULL,
            path bytea NOT NULL,
            root bytea,
            size bigint NOT NULL,
            modified bigint NOT NULL,         -- nanoseconds since 1970
            is_online boolean NOT NULL,
            PRIMARY KEY (node, local, position),
            FOREIGN KEY (node, local) REFERENCES saccade.holdings ON DELETE CASCADE
        );
        CREATE INDEX places_media ON saccade.places (media);

        -- A content's clips by one model; whichever node made them.
        CREATE TABLE saccade.indexed (
            media bigint NOT NULL REFERENCES saccade.media ON DELETE CASCADE,
            model integer NOT NULL REFERENCES saccade.models,
            clips integer NOT NULL,
            is_complete boolean NOT NULL,
            has_features boolean NOT NULL,
            PRIMARY KEY (media, model)
        );

        CREATE TABLE saccade.clips (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            media bigint NOT NULL,
            model integer NOT NULL,
            ordinal integer NOT NULL,
            starts float8 NOT NULL,
            ends float8 NOT NULL,
            shot integer NOT NULL,
            UNIQUE (media, model, ordinal),
            FOREIGN KEY (media, model) REFERENCES saccade.indexed ON DELETE CASCADE
        );

        CREATE TABLE saccade.features (
            clip bigint PRIMARY KEY REFERENCES saccade.clips ON DELETE CASCADE,
            bytes bytea NOT NULL
        );
        -- They don't get smaller, and are read whole.
        ALTER TABLE saccade.features ALTER bytes SET STORAGE EXTERNAL;

        -- Stems of words as each node's own index has them: no word is left out, and any kind of token is a word.
        CREATE TEXT SEARCH DICTIONARY saccade.stems (TEMPLATE = snowball, Language = english);
        CREATE TEXT SEARCH CONFIGURATION saccade.words (COPY = pg_catalog.simple);
        ALTER TEXT SEARCH CONFIGURATION saccade.words
            ALTER MAPPING FOR asciiword, word, numword, asciihword, hword, numhword, hword_asciipart, hword_part,
                hword_numpart WITH saccade.stems;

        CREATE TABLE saccade.lines (
            node text NOT NULL,
            local bigint NOT NULL,
            position integer NOT NULL,
            media bigint NOT NULL,
            kind text NOT NULL,
            starts float8 NOT NULL,
            ends float8 NOT NULL,
            language text,
            text text NOT NULL,
            words tsvector NOT NULL,
            PRIMARY KEY (node, local, position),
            FOREIGN KEY (node, local) REFERENCES saccade.holdings ON DELETE CASCADE
        );
        CREATE INDEX lines_words ON saccade.lines USING gin (words);

        -- Who is making a content's clips. By the clock of the database, since those of nodes differ.
        CREATE TABLE saccade.claims (
            size bigint NOT NULL,
            digest bytea NOT NULL,
            model text NOT NULL,
            node text NOT NULL REFERENCES saccade.nodes ON DELETE CASCADE,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (size, digest, model)
        );
        CREATE INDEX claims_node ON saccade.claims (node);

        -- Vectors have a table for each model, whose numbers they are made of: an index of pgvector is for one length.
        CREATE FUNCTION saccade.model_number(wanted text, length integer) RETURNS integer LANGUAGE plpgsql AS $$
        DECLARE number integer;
        BEGIN
            SELECT id INTO number FROM saccade.models WHERE digest = wanted;
            IF FOUND THEN RETURN number; END IF;
            PERFORM pg_advisory_xact_lock(0x53616363);
            SELECT id INTO number FROM saccade.models WHERE digest = wanted;
            IF FOUND THEN RETURN number; END IF;
            INSERT INTO saccade.models (digest, dimensions) VALUES (wanted, length) RETURNING id INTO number;
            EXECUTE format('CREATE TABLE saccade.vectors_%s (
                clip bigint PRIMARY KEY REFERENCES saccade.clips ON DELETE CASCADE, media bigint NOT NULL,
                vector halfvec(%s) NOT NULL)', number, length);
            EXECUTE format('CREATE INDEX vectors_%s_nearest ON saccade.vectors_%s USING hnsw (vector halfvec_ip_ops)',
                number, number);
            RETURN number;
        END $$;
        """
    ]
}
