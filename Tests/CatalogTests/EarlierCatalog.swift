import Foundation
import GRDB
import SystemPackage

/// A state folder as an earlier version of the program left it.
enum EarlierCatalog {
    /// One root with a video of two clips, a tombstone with one, and another model's index that is being built. The live index is of the model
    /// `old`, and the first clip has rerank features.
    ///
    /// - Parameter version: of the schema: 2 or 3.
    static func write(_ version: Int, to state: FilePath) throws {
        let catalog = try DatabaseQueue(path: state.appending("catalog.sqlite").string)
        try catalog.write { try $0.execute(sql: schema + (version > 2 ? changes : "") + content) }
        try catalog.close()
        let memories = try DatabaseQueue(path: state.appending("memories.sqlite").string)
        try memories.write { try $0.execute(sql: features) }
        try memories.close()
    }

    private static let schema = """
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
        PRAGMA application_id = 1396917076;
        PRAGMA user_version = 2;

        """

    /// What schema 3 added.
    private static let changes = """
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
        PRAGMA user_version = 3;

        """

    private static let content = """
        UPDATE store SET id = x'00112233445566778899aabbccddeeff';
        INSERT INTO roots (id, path, state, added_at, is_configured) VALUES (1, CAST('/v' AS BLOB), 'online', 1, 0);
        INSERT INTO media (id, size, digest, duration, added_at, deleted_at) VALUES
            (1, 100, x'01010101010101010101010101010101', 20, 1, NULL),
            (2, 100, x'02020202020202020202020202020202', 10, 1, 5);
        INSERT INTO files (root_id, path, directory, media_id, size, modified, device, inode, deleted_at) VALUES
            (1, CAST('/v/a.mp4' AS BLOB), CAST('/v' AS BLOB), 1, 100, 5, 1, 1, NULL),
            (1, CAST('/v/b.mp4' AS BLOB), CAST('/v' AS BLOB), 2, 100, 5, 1, 2, 5);
        INSERT INTO generations (id, digest, dimensions, state, has_memories, created_at) VALUES
            (1, 'old', 4, 'live', 1, 1), (2, 'other', 4, 'building', 0, 2);
        INSERT INTO jobs (media_id, generation_id, state) VALUES
            (1, 1, 'indexed'), (2, 1, 'indexed'), (1, 2, 'pending'), (2, 2, 'pending');
        INSERT INTO clips (id, media_id, generation_id, ordinal, start, end, shot) VALUES
            (3, 1, 1, 0, 0, 10, 0), (4, 1, 1, 1, 10, 20, 1), (5, 2, 1, 0, 0, 10, 0);
        INSERT INTO embeddings (clip_id, generation_id, vector) VALUES
            (3, 1, x'0000803f000000000000000000000000'), (4, 1, x'000000000000803f0000000000000000'),
            (5, 1, x'00000000000000000000803f00000000');
        """

    private static let features = """
        CREATE TABLE store (
            id BLOB NOT NULL
        );
        CREATE TABLE memories (
            clip_id INTEGER PRIMARY KEY,
            generation TEXT NOT NULL,
            memory BLOB NOT NULL
        );
        INSERT INTO store (id) VALUES (x'00112233445566778899aabbccddeeff');
        INSERT INTO memories (clip_id, generation, memory) VALUES (3, 'old', x'0708');
        PRAGMA application_id = 1396919621;
        PRAGMA user_version = 1;
        """
}
