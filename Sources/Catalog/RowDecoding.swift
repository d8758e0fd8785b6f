internal import Basics
internal import Foundation
internal import GRDB
internal import SystemPackage

extension FilePath {
    var data: Data { Data(bytes) }

    /// What the paths of all that lies below this directory are not before, and what they are before.
    var dataBelow: (start: Data, end: Data) {
        let name = bytes == [UInt8(ascii: "/")] ? [] : bytes
        return (Data(name + [UInt8(ascii: "/")]), Data(name + [UInt8(ascii: "/") + 1]))
    }
}

extension Row {
    func path(_ column: String) -> FilePath { FilePath(bytes: self[column] as Data) }

    func problem() -> Problem? {
        guard let code = self["problem_code"] as String? else { return nil }
        return Problem(code: .init(rawValue: code), message: self["problem"] ?? "", retryAt: self["retry_at"])
    }
}

extension Root {
    init(_ row: Row) {
        id = row["id"]
        path = row.path("path")
        state = State(rawValue: row["state"]) ?? .offline
        reason = row["reason"]
        device = (row["device"] as Int64?).map { UInt64(bitPattern: $0) }
        addedAt = row["added_at"]
        scannedAt = row["scanned_at"]
        isConfigured = row["is_configured"] ?? false
        fileCount = row["file_count"] ?? 0
        missingCount = row["missing_count"] ?? 0
    }

    /// The columns that ``init(_:)`` wants.
    static let selection = """
        SELECT roots.*, (SELECT count(*) FROM files WHERE root_id = roots.id AND deleted_at IS NULL) AS file_count,
            -- The plus has SQLite go through the few files with a problem, and not through all of the root.
            (SELECT count(*) FROM files WHERE +root_id = roots.id AND deleted_at IS NULL AND problem_code = 'missing')
            AS missing_count
        FROM roots
        """
}

extension Media {
    /// Of a row with the columns of `media` and, from `jobs`, `state`, `attempts`, `problem_code`, `problem`, `retry_at`.
    init(_ row: Row) {
        id = row["id"]
        identity = ContentIdentity(size: row["size"], digest: [UInt8](row["digest"] as Data))
        properties = MediaProperties(
            duration: row["duration"], width: row["width"], height: row["height"], codec: row["codec"],
            container: row["container"], recordedAt: row["recorded_at"])
        addedAt = row["added_at"]
        deletedAt = row["deleted_at"]
        state = (row["state"] as String?).flatMap(State.init(rawValue:))
        problem = row.problem()
        attempts = row["attempts"] ?? 0
    }

    /// The columns that ``init(_:)`` wants, joined with the live index's job.
    static let selection = """
        SELECT media.*, jobs.state, jobs.attempts, jobs.problem_code, jobs.problem, jobs.retry_at
        FROM media LEFT JOIN jobs ON jobs.media_id = media.id
            AND jobs.generation_id = (SELECT id FROM generations WHERE state = 'live')
        """
}

extension MediaFile {
    init(_ row: Row) {
        id = row["id"]
        root = row["root_id"]
        path = row.path("path")
        media = row["media_id"]
        stamp = FileStamp(
            size: row["size"], modified: row["modified"], device: UInt64(bitPattern: row["device"] as Int64),
            inode: UInt64(bitPattern: row["inode"] as Int64))
        problem = row.problem()
        attempts = row["attempts"]
        deletedAt = row["deleted_at"]
    }
}

extension Clip {
    init(_ row: Row) {
        id = row["id"]
        media = row["media_id"]
        index = row["generation_id"]
        ordinal = row["ordinal"]
        start = row["start"]
        end = row["end"]
        shot = row["shot"]
    }
}

extension IndexRecord {
    init(_ row: Row) {
        id = row["id"]
        digest = row["digest"]
        dimensions = row["dimensions"]
        state = State(rawValue: row["state"]) ?? .retired
        storesRerankFeatures = row["has_memories"]
        model = (row["model"] as Data?).map { FilePath(bytes: $0) }
        createdAt = row["created_at"]
    }
}

/// Vectors as they are stored: little-endian binary32, one after the other.
enum VectorBlob {
    static func encode(_ vector: [Float]) -> Data {
        var data = Data(capacity: vector.count * 4)
        for value in vector {
            let bits = value.bitPattern
            data.append(contentsOf: [
                UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8),
                UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 24),
            ])
        }
        return data
    }

    /// Loads 100,000 vectors at start, so it copies instead of assembling bytes; the supported processors are
    /// little-endian.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> [Float] {
        let count = bytes.count / 4
        return unsafe [Float](unsafeUninitializedCapacity: count) { target, initialized in
            unsafe UnsafeMutableRawBufferPointer(target).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[..<(count * 4)]))
            initialized = count
        }
    }
}
