internal import Foundation
internal import GRDB
internal import SystemPackage

/// The tables of one database file, as numbered steps that are never edited once published.
struct Schema: Sendable {
    /// Written to the file's header, so that `file` and other programs can tell what it is.
    let applicationID: Int32
    /// Step i brings a file from `user_version` i to i + 1.
    let steps: [String]

    /// Brings a database up to the last step.
    ///
    /// Each step and its number are one transaction.
    ///
    /// - Throws: ``CatalogError`` `foreign` when the file is another program's, `newerSchema` when it is from a later
    ///   version of this one; the file is not touched then.
    /// - Parameter last: the version to stop at; nil means the newest.
    func migrate(_ writer: some DatabaseWriter, file: FilePath, upTo last: Int? = nil) throws {
        try writer.writeWithoutTransaction { db in
            let version = try check(db, file: file)
            for step in version..<max(version, last ?? steps.count) {
                try db.inTransaction {
                    try db.execute(sql: steps[step])
                    try db.execute(sql: "PRAGMA application_id = \(applicationID)")
                    try db.execute(sql: "PRAGMA user_version = \(step + 1)")
                    return .commit
                }
            }
        }
    }

    /// Has an empty file give pages back that are free, which can't be chosen later without writing all of it again.
    func prepareNew(_ file: FilePath) throws {
        guard DatabaseFile.size(file) == 0 else { return }
        let queue = try DatabaseQueue(path: file.string)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = OFF; PRAGMA auto_vacuum = INCREMENTAL")
            try db.execute(sql: "PRAGMA application_id = \(applicationID)")
        }
        try queue.close()
    }

    /// A connection beside which the write-ahead log isn't empty, for as long as it is open.
    ///
    /// Where that is empty, GRDB makes a table and drops it, and a file that gives free pages back has others moved about for it: where one of
    /// those is damaged the file couldn't be opened.
    func begunLog(of file: FilePath) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        let queue = try DatabaseQueue(path: file.string, configuration: configuration)
        try queue.writeWithoutTransaction { db in
            let version = try check(db, file: file)
            try db.execute(
                sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA user_version = \(version)")
        }
        return queue
    }

    /// The file's version, if it is one that this program can work with.
    ///
    /// - Throws: as ``migrate(_:file:)``.
    @discardableResult
    func check(_ db: Database, file: FilePath) throws -> Int {
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        try refuse(version: version, application: application, isEmpty: tables == 0, file: file)
        return version
    }

    /// Refuses a file by its header, before SQLite is let near it, since opening one already writes to it.
    ///
    /// The header may be older than what the write-ahead log says, so ``check(_:file:)`` looks again.
    func checkHeader(of file: FilePath) throws {
        guard let handle = FileHandle(forReadingAtPath: file.string) else { return }
        defer { try? handle.close() }
        guard let header = try handle.read(upToCount: 100), header.count == 100, header.starts(with: Self.magic) else {
            return
        }
        // Big-endian numbers at 60 and 68: SQLite's file format, 1.3.
        let number = { (offset: Int) in (0..<4).reduce(Int32(0)) { $0 << 8 | Int32(header[offset + $1]) } }
        try refuse(version: Int(number(60)), application: number(68), isEmpty: number(68) == 0, file: file)
    }

    private static let magic = Array("SQLite format 3\0".utf8)

    private func refuse(version: Int, application: Int32, isEmpty: Bool, file: FilePath) throws {
        if application != applicationID, application != 0 || !isEmpty {
            throw CatalogError(
                .foreign, "\(file) is another program's database: choose another state folder with --state.")
        }
        if version > steps.count {
            throw CatalogError(
                .newerSchema,
                """
                \(file) was written by a newer version of Saccade (schema \(version), this one knows \(steps.count)): \
                install that version again, or choose another state folder with --state.
                """)
        }
    }

    /// The tables of `catalog.sqlite`.
    static let catalog = Schema(
        applicationID: 0x5343_4354,  // "SCCT"
        steps: [
            """
            CREATE TABLE store (
                id BLOB NOT NULL              -- random; memories.sqlite carries the same one
            );
            INSERT INTO store (id) VALUES (randomblob(16));

            CREATE TABLE roots (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                path BLOB NOT NULL UNIQUE,
                state TEXT NOT NULL,
                reason TEXT,
                device INTEGER,
                added_at REAL NOT NULL,
                scanned_at REAL
            );

            CREATE TABLE media (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                size INTEGER NOT NULL,
                digest BLOB NOT NULL,
                duration REAL,
                width INTEGER,
                height INTEGER,
                codec TEXT,
                container TEXT,
                recorded_at REAL,
                added_at REAL NOT NULL,
                deleted_at REAL,
                UNIQUE (size, digest)
            );
            CREATE INDEX media_deleted ON media (deleted_at) WHERE deleted_at IS NOT NULL;

            CREATE TABLE files (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                root_id INTEGER REFERENCES roots (id) ON DELETE SET NULL,
                path BLOB NOT NULL UNIQUE,    -- absolute, any bytes
                directory BLOB NOT NULL,
                media_id INTEGER REFERENCES media (id) ON DELETE CASCADE,
                size INTEGER NOT NULL,
                modified INTEGER NOT NULL,    -- nanoseconds since 1970
                device INTEGER NOT NULL,
                inode INTEGER NOT NULL,
                problem_code TEXT,
                problem TEXT,
                attempts INTEGER NOT NULL DEFAULT 0,
                retry_at REAL,
                deleted_at REAL
            );
            CREATE INDEX files_directory ON files (directory);
            CREATE INDEX files_media ON files (media_id);
            CREATE INDEX files_root ON files (root_id, directory);
            CREATE INDEX files_inode ON files (inode, device);
            CREATE INDEX files_problem ON files (retry_at) WHERE problem_code IS NOT NULL;
            CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL;

            CREATE TABLE generations (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                digest TEXT NOT NULL UNIQUE,
                dimensions INTEGER NOT NULL,
                state TEXT NOT NULL,
                has_memories INTEGER NOT NULL,
                model BLOB,
                created_at REAL NOT NULL
            );
            CREATE UNIQUE INDEX generations_one_live ON generations (state) WHERE state = 'live';
            CREATE UNIQUE INDEX generations_one_building ON generations (state) WHERE state = 'building';

            CREATE TABLE jobs (
                media_id INTEGER NOT NULL REFERENCES media (id) ON DELETE CASCADE,
                generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
                state TEXT NOT NULL,
                attempts INTEGER NOT NULL DEFAULT 0,
                problem_code TEXT,
                problem TEXT,
                retry_at REAL,
                finished_at REAL,
                PRIMARY KEY (generation_id, media_id)
            ) WITHOUT ROWID;
            CREATE INDEX jobs_state ON jobs (generation_id, state, media_id);
            CREATE INDEX jobs_media ON jobs (media_id);

            CREATE TABLE clips (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                media_id INTEGER NOT NULL REFERENCES media (id) ON DELETE CASCADE,
                generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
                ordinal INTEGER NOT NULL,
                start REAL NOT NULL,
                end REAL NOT NULL,
                shot INTEGER NOT NULL,
                UNIQUE (generation_id, media_id, ordinal)
            );
            CREATE INDEX clips_media ON clips (media_id);

            CREATE TABLE embeddings (
                clip_id INTEGER PRIMARY KEY REFERENCES clips (id) ON DELETE CASCADE,
                generation_id INTEGER NOT NULL,
                vector BLOB NOT NULL          -- little-endian binary32
            );
            """,
            """
            CREATE TABLE left_memories (
                clip_id INTEGER PRIMARY KEY   -- of a clip that is gone, for what memories.sqlite still has of it
            );
            CREATE TRIGGER clips_leave_memories AFTER DELETE ON clips BEGIN
                INSERT OR IGNORE INTO left_memories (clip_id) VALUES (old.id);
            END;

            -- How often the program ended while it had the media in work, since it last came to an end with it.
            ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
            -- Its clips answer until its turn comes, and are then made anew.
            ALTER TABLE jobs ADD COLUMN is_stale INTEGER NOT NULL DEFAULT 0;
            -- Whether the configuration alone asks for it.
            ALTER TABLE roots ADD COLUMN is_configured INTEGER NOT NULL DEFAULT 0;
            """,
            """
            -- Media items whose clips in an index are not what they were, other than by new clips: the newest change of each.
            CREATE TABLE index_changes (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                index_id INTEGER NOT NULL,
                media_id INTEGER NOT NULL,
                UNIQUE (index_id, media_id)
            );
            -- Who has followed to a change before this one can't follow any more: those between were forgotten.
            ALTER TABLE generations ADD COLUMN changes_from INTEGER NOT NULL DEFAULT 0;
            CREATE TRIGGER clips_leave_index AFTER DELETE ON clips
            WHEN EXISTS (SELECT 1 FROM media WHERE id = old.media_id AND deleted_at IS NULL)
                AND EXISTS (SELECT 1 FROM generations WHERE id = old.generation_id AND state <> 'retired')
            BEGIN
                INSERT OR REPLACE INTO index_changes (index_id, media_id) VALUES (old.generation_id, old.media_id);
            END;
            CREATE TRIGGER media_change_index AFTER UPDATE OF deleted_at ON media
            WHEN (old.deleted_at IS NULL) <> (new.deleted_at IS NULL)
            BEGIN
                INSERT OR REPLACE INTO index_changes (index_id, media_id)
                    SELECT id, new.id FROM generations WHERE state <> 'retired';
            END;
            """,
            words,
            savedSearches,
            models,
            """
            -- How many clips it had when it was indexed: fewer mean that some were lost.
            ALTER TABLE jobs ADD COLUMN clips INTEGER;
            UPDATE jobs SET clips = (SELECT count(*) FROM clips
                WHERE clips.generation_id = jobs.generation_id AND clips.media_id = jobs.media_id) WHERE state = 'indexed';
            """,
        ])

    /// Lines of text, and the index of their words.
    private static let words = """
        -- Where the lines of a media item come from, and whether they have been read.
        CREATE TABLE text_sources (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            media_id INTEGER NOT NULL REFERENCES media (id) ON DELETE CASCADE,
            kind TEXT NOT NULL,           -- names, media, subtitles
            path BLOB NOT NULL,           -- of a file of subtitles; empty for the others
            directory BLOB,               -- likewise
            language TEXT,
            size INTEGER,                 -- of the file of subtitles that is to be read
            modified INTEGER,
            inode INTEGER,
            state TEXT NOT NULL,          -- waiting (for the media item to be indexed), pending, read, failed
            attempts INTEGER NOT NULL DEFAULT 0,
            problem_code TEXT,
            problem TEXT,
            retry_at REAL,
            UNIQUE (media_id, kind, path)
        );
        CREATE INDEX text_sources_directory ON text_sources (directory) WHERE directory IS NOT NULL;
        CREATE INDEX text_sources_open ON text_sources (kind) WHERE state IN ('pending', 'failed');

        CREATE TABLE lines (
            id INTEGER PRIMARY KEY,
            source_id INTEGER NOT NULL REFERENCES text_sources (id) ON DELETE CASCADE,
            media_id INTEGER NOT NULL,
            kind TEXT NOT NULL,
            start REAL NOT NULL,
            end REAL NOT NULL,
            language TEXT,
            text TEXT NOT NULL,
            indexed TEXT                  -- what the index has of it, where that isn't the text
        );
        CREATE INDEX lines_source ON lines (source_id);
        CREATE VIEW indexed_lines AS SELECT id, coalesce(indexed, text) AS text FROM lines;
        CREATE VIRTUAL TABLE words USING fts5 (
            text, content = 'indexed_lines', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
        );
        CREATE TRIGGER lines_enter_words AFTER INSERT ON lines BEGIN
            INSERT INTO words (rowid, text) VALUES (new.id, coalesce(new.indexed, new.text));
        END;
        CREATE TRIGGER lines_leave_words AFTER DELETE ON lines BEGIN
            INSERT INTO words (words, rowid, text) VALUES ('delete', old.id, coalesce(old.indexed, old.text));
        END;

        CREATE TRIGGER media_have_text AFTER INSERT ON media BEGIN
            INSERT INTO text_sources (media_id, kind, path, state)
                VALUES (new.id, 'names', X'', 'pending'), (new.id, 'media', X'', 'waiting');
        END;
        -- A still picture carries no text.
        CREATE TRIGGER jobs_release_text AFTER UPDATE OF state ON jobs WHEN new.state = 'indexed' BEGIN
            UPDATE text_sources SET state =
                CASE WHEN (SELECT duration FROM media WHERE id = new.media_id) = 0 THEN 'read' ELSE 'pending' END
                WHERE media_id = new.media_id AND kind = 'media' AND state = 'waiting';
        END;
        CREATE TRIGGER files_name_media AFTER INSERT ON files WHEN new.media_id IS NOT NULL BEGIN
            UPDATE text_sources SET state = 'pending' WHERE media_id = new.media_id AND kind = 'names';
        END;
        CREATE TRIGGER files_rename_media AFTER UPDATE OF path, root_id, media_id, deleted_at ON files
        WHEN old.path <> new.path OR old.root_id IS NOT new.root_id OR old.media_id IS NOT new.media_id
            OR old.deleted_at IS NOT new.deleted_at
        BEGIN
            UPDATE text_sources SET state = 'pending' WHERE media_id IN (old.media_id, new.media_id) AND kind = 'names';
        END;
        -- Files of subtitles belong to a media item for as long as a file of it lies beside them.
        CREATE TRIGGER files_leave_subtitles AFTER UPDATE OF directory, media_id, deleted_at ON files
        WHEN old.media_id IS NOT NULL BEGIN
            DELETE FROM text_sources WHERE directory = old.directory AND media_id = old.media_id
                AND NOT EXISTS (SELECT 1 FROM files WHERE media_id = old.media_id AND directory = old.directory
                    AND deleted_at IS NULL);
        END;

        INSERT INTO text_sources (media_id, kind, path, state) SELECT id, 'names', X'', 'pending' FROM media;
        INSERT INTO text_sources (media_id, kind, path, state)
            SELECT id, 'media', X'', CASE
                WHEN NOT EXISTS (SELECT 1 FROM jobs WHERE media_id = media.id AND state = 'indexed') THEN 'waiting'
                WHEN duration = 0 THEN 'read' ELSE 'pending' END
            FROM media;
        """

    /// Searches that are asked of all that comes, and what they have still to be asked of.
    private static let savedSearches = """
        CREATE TABLE saved_searches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            request TEXT NOT NULL,        -- JSON, as /v1/search takes it
            command TEXT,                 -- a JSON array: the program and its arguments
            created_at REAL NOT NULL,
            after_clip INTEGER NOT NULL   -- the newest clip there was: this one and earlier ones are not told
        );
        -- Whether it was complete once, with its text, in an index of whatever model: saved searches are asked of it that one time.
        ALTER TABLE media ADD COLUMN has_arrived INTEGER NOT NULL DEFAULT 0;
        UPDATE media SET has_arrived = 1
            WHERE EXISTS (SELECT 1 FROM jobs WHERE media_id = media.id AND state = 'indexed');
        -- What saved searches have still to be asked of.
        CREATE TABLE arrivals (
            search_id INTEGER NOT NULL REFERENCES saved_searches (id) ON DELETE CASCADE,
            media_id INTEGER NOT NULL REFERENCES media (id) ON DELETE CASCADE,
            PRIMARY KEY (search_id, media_id)
        ) WITHOUT ROWID;
        CREATE INDEX arrivals_media ON arrivals (media_id);
        CREATE TRIGGER media_arrive AFTER UPDATE OF has_arrived ON media WHEN new.has_arrived > old.has_arrived BEGIN
            INSERT OR IGNORE INTO arrivals (search_id, media_id) SELECT id, new.id FROM saved_searches;
        END;
        -- A job that has ended lets the text be read; with the last of the text the media item is complete.
        CREATE TRIGGER text_completes_media AFTER UPDATE OF state ON text_sources
        WHEN new.state IN ('read', 'failed') AND old.state IN ('waiting', 'pending') BEGIN
            UPDATE media SET has_arrived = 1 WHERE id = new.media_id AND has_arrived = 0 AND NOT EXISTS (
                SELECT 1 FROM text_sources WHERE media_id = new.media_id AND state IN ('waiting', 'pending'));
        END;
        CREATE TRIGGER text_leaves_media AFTER DELETE ON text_sources WHEN old.state = 'pending' BEGIN
            UPDATE media SET has_arrived = 1 WHERE id = old.media_id AND has_arrived = 0 AND NOT EXISTS (
                SELECT 1 FROM text_sources WHERE media_id = old.media_id AND state IN ('waiting', 'pending'));
        END;
        -- What was found and whose command has not run.
        CREATE TABLE saved_matches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            search_id INTEGER NOT NULL REFERENCES saved_searches (id) ON DELETE CASCADE,
            media_id INTEGER NOT NULL REFERENCES media (id) ON DELETE CASCADE,
            clip_id INTEGER NOT NULL,
            start REAL NOT NULL,
            end REAL NOT NULL,
            probability REAL
        );
        CREATE INDEX saved_matches_search ON saved_matches (search_id);
        CREATE INDEX saved_matches_media ON saved_matches (media_id);
        """

    /// The model that was chosen, and the index that is kept beside the live one.
    private static let models = """
        CREATE UNIQUE INDEX generations_one_previous ON generations (state) WHERE state = 'previous';
        -- At most one row; none means the model of the configuration.
        CREATE TABLE chosen_model (
            folder BLOB NOT NULL
        );
        """

    /// The tables of `memories.sqlite`.
    static let features = Schema(
        applicationID: 0x5343_4D45,  // "SCME"
        steps: [
            """
            CREATE TABLE store (
                id BLOB NOT NULL
            );
            CREATE TABLE memories (
                clip_id INTEGER PRIMARY KEY,
                generation TEXT NOT NULL,
                memory BLOB NOT NULL
            );
            """,
            """
            -- The first 8 bytes of the memory's SHA-256; NULL for what an earlier version wrote.
            ALTER TABLE memories ADD COLUMN checksum BLOB;
            """,
        ])
}
