internal import Foundation
internal import GRDB

/// A media item's clips in the order of time, with their vectors.
package struct MediaTimeline: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var clip: ClipID
        /// In seconds from the media's start.
        package var start: Double
        package var end: Double
        /// Number of the shot, from 0.
        package var shot: Int
        /// Unit length.
        package var vector: [Float]

        package init(clip: ClipID, start: Double, end: Double, shot: Int, vector: [Float]) {
            self.clip = clip
            self.start = start
            self.end = end
            self.shot = shot
            self.vector = vector
        }
    }

    package var media: MediaID
    /// At least one.
    package var entries: [Entry]

    package init(media: MediaID, entries: [Entry]) {
        self.media = media
        self.entries = entries
    }

    package var end: Double { entries.last?.end ?? 0 }
}

extension Catalog {
    /// All media items that are no tombstones and have clips in an index, by ascending id. One snapshot of the catalog; takes the memory of all
    /// vectors.
    package func timelines(of index: IndexID) throws(CatalogError) -> [MediaTimeline] {
        try read { db in
            let cursor = try Row.fetchCursor(
                db,
                sql: """
                    SELECT clips.media_id, clip_id, start, end, shot, vector FROM clips
                    JOIN embeddings ON clip_id = clips.id
                    JOIN media ON media.id = clips.media_id AND media.deleted_at IS NULL
                    WHERE clips.generation_id = ? ORDER BY clips.media_id, ordinal
                    """, arguments: [index])
            var timelines: [MediaTimeline] = []
            while let row = try cursor.next() {
                let vector = try row.withUnsafeData(atIndex: 5) { data in
                    unsafe data?.withUnsafeBytes { unsafe VectorBlob.decode($0) } ?? []
                }
                let entry = MediaTimeline.Entry(clip: row[1], start: row[2], end: row[3], shot: row[4], vector: vector)
                if timelines.last?.media != row[0] { timelines.append(MediaTimeline(media: row[0], entries: [])) }
                timelines[timelines.count - 1].entries.append(entry)
            }
            return timelines
        }
    }

    /// Media items that lie at more than one path, by ascending id.
    package func mediaAtSeveralPlaces() throws(CatalogError) -> [MediaID] {
        try read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT media_id FROM files JOIN media ON media.id = media_id AND media.deleted_at IS NULL
                    WHERE files.deleted_at IS NULL GROUP BY media_id HAVING count(*) > 1 ORDER BY media_id
                    """)
        }
    }
}
