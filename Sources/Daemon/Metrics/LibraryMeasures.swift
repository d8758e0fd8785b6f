import API
import Basics
import Catalog
import Library

/// The library's numbers as metrics.
struct LibraryMeasures {
    var status: IngestStatus
    var queue: QueueStatistics
    var latencies: IngestLatencies
    /// Of the file system of the databases; nil when nobody knows.
    var freeBytes: Int64?
    /// When the numbers were taken.
    var now: Timestamp

    var families: [MetricFamily] { work + folders + store }

    private var work: [MetricFamily] {
        let rates = status.rates
        var states = MetricFamily("saccade_media", .gauge, "Media items by their state in the live index.")
        for state in Media.State.allCases {
            states.add(Double(status.statistics.media[state] ?? 0), .init("state", state.rawValue))
        }
        var failures = MetricFamily("saccade_failures", .gauge, "Media items and files that are not indexed, by why.")
        for (code, count) in queue.failures.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            failures.add(Double(count), .init("code", code.rawValue))
        }
        var rest = MetricFamily(
            "saccade_ingest_resting", .gauge,
            "1 for what keeps indexing from going on: trouble is what has to be put right.")
        rest.add(status.paused == nil ? 0 : 1, .init("cause", "trouble"))
        let cause = status.rest.map(API.Rest.Cause.init)
        for each in [API.Rest.Cause.paused, .quietHours, .battery] {
            rest.add(cause == each ? 1 : 0, .init("cause", each.rawValue))
        }
        var stages = MetricFamily(
            "saccade_stage_seconds_total", .counter, "Time that the stages of indexing have taken.")
        stages.add(rates.decodeSeconds, .init("stage", "decode"))
        stages.add(rates.encodeSeconds, .init("stage", "encode"))
        stages.add(rates.storeSeconds, .init("stage", "store"))
        var batches = MetricFamily("saccade_batch_seconds", .histogram, "Time that a batch of clips takes.")
        batches.add(latencies.encoding.snapshot, .init("stage", "encode"))
        batches.add(latencies.storing.snapshot, .init("stage", "store"))
        return [
            states, failures, rest,
            MetricFamily(
                "saccade_queue_waiting", .gauge, "Media items whose turn can come now, without those in work.",
                max(0, status.queueDepth - status.current.count)),
            MetricFamily("saccade_queue_working", .gauge, "Media items in work.", status.current.count),
            MetricFamily("saccade_files_settling", .gauge, "Files that are still being written.", status.settlingFiles),
            MetricFamily(
                "saccade_oldest_waiting_seconds", .gauge,
                "How long the oldest media item that can be indexed has waited.",
                queue.oldestWaiting.map { max(0, now - $0) } ?? 0),
            MetricFamily(
                "saccade_ingest_share", .gauge, "Part of the time that the encoder may work under pressure.",
                status.slowdown.share),
            MetricFamily(
                "saccade_indexed_video_seconds_total", .counter, "Video that was indexed since the start.",
                rates.videoSeconds),
            MetricFamily(
                "saccade_indexed_clips_total", .counter, "Clips that were indexed since the start.", rates.clips),
            MetricFamily(
                "saccade_indexed_frames_total", .counter, "Frames that were encoded since the start.", rates.frames),
            MetricFamily(
                "saccade_video_seconds_per_second", .gauge, "Video indexed a second, in the last minute of work.",
                rates.videoRate),
            stages, batches,
        ]
    }

    private var folders: [MetricFamily] {
        var online = MetricFamily("saccade_root_online", .gauge, "1 for a root that is there.")
        var files = MetricFamily("saccade_root_files", .gauge, "Files that are known in a root.")
        var missing = MetricFamily(
            "saccade_root_missing_files", .gauge, "Files of a root that are missing and kept until that is confirmed.")
        var polled = MetricFamily("saccade_root_polled", .gauge, "1 for a root of which at least a part is polled.")
        for root in status.roots {
            let label = MetricFamily.Label("root", "\(root.id)")
            online.add(root.state == .online ? 1 : 0, label)
            files.add(Double(root.fileCount), label)
            missing.add(Double(root.missingCount), label)
            polled.add(status.polled[root.id] == nil ? 0 : 1, label)
        }
        var scans = MetricFamily("saccade_scan_seconds", .histogram, "Time that a scan of whole roots takes.")
        scans.add(latencies.scanning.snapshot)
        var scanned = MetricFamily("saccade_last_scan_timestamp_seconds", .gauge, "When the last full scan ended.")
        if let time = status.scannedAt { scanned.add(time) }
        return [
            online, files, missing, polled,
            MetricFamily("saccade_watches", .gauge, "Directories that are watched.", status.watchedDirectories),
            scans, scanned,
        ]
    }

    private var store: [MetricFamily] {
        var databases = MetricFamily("saccade_database_bytes", .gauge, "Size of the databases.")
        databases.add(Double(status.statistics.catalogBytes), .init("database", "catalog"))
        databases.add(Double(status.statistics.featuresBytes), .init("database", "rerank_features"))
        var free = MetricFamily("saccade_state_free_bytes", .gauge, "Room that is left for the databases.")
        if let freeBytes { free.add(Double(freeBytes)) }
        return [
            MetricFamily("saccade_index_clips", .gauge, "Clips that can be found.", status.indexedClips),
            MetricFamily("saccade_index_memory_bytes", .gauge, "Size of the vectors in memory.", status.indexBytes),
            MetricFamily("saccade_index_file_bytes", .gauge, "Size of the vectors in a file.", status.indexFileBytes),
            databases, free,
        ]
    }
}
