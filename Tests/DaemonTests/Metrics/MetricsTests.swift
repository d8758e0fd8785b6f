import API
import Basics
import Daemon
import Foundation
import Library
import Search
import Testing

struct MetricsTests {
    @Test func `the library's numbers are metrics, one line for each`() async throws {
        let indexed = try await IndexedLibrary()
        _ = try await indexed.backend.search(API.SearchRequest(query: "grey"))
        let text = MetricFamily.text(try await indexed.backend.metrics())
        let lines = text.split(separator: "\n").map(String.init)
        let clips = indexed.library.live?.count ?? 0
        #expect(clips > 0)
        for line in [
            "saccade_index_clips \(clips)", #"saccade_media{state="indexed"} 1"#, #"saccade_media{state="failed"} 0"#,
            "saccade_queue_waiting 0", "saccade_oldest_waiting_seconds 0", "saccade_ingest_share 1",
            #"saccade_ingest_resting{cause="paused"} 0"#, "# TYPE saccade_indexed_clips_total counter",
            #"saccade_search_seconds_count{stage="total"} 1"#, "# TYPE saccade_search_seconds histogram",
            "process_start_time_seconds 0",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix(#"saccade_build_info{version="1",model="c0ffee""#) })
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_max_fds", "saccade_watches_allowed"]
        {
            #expect(lines.contains { $0.hasPrefix(name + " ") }, "\(name)")
        }
        let names = lines.filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != " " } }
        #expect(Set(names).count == names.count)
        _ = try await indexed.backend.pause(seconds: nil)
        let paused = MetricFamily.text(try await indexed.backend.metrics())
        #expect(paused.contains(#"saccade_ingest_resting{cause="paused"} 1"#))
        indexed.library.close()
    }

    @Test func `a library that doesn't run isn't ready, and says why`() async throws {
        let indexed = try await IndexedLibrary()
        let health = await indexed.backend.readiness()
        #expect(health.status == .failing && health.problems.count == 1)
        #expect(health.problems.first?.contains("not watched") == true)
        indexed.library.close()
    }

    private struct Files: SystemFiles {
        var texts: [String: String] = [:]
        var descriptors = 0

        func text(of file: String) -> String? { texts[file] }
        func names(in directory: String) -> [String] {
            directory == "/proc/self/fd" ? (0..<descriptors).map { "\($0)" } : []
        }
    }

    @Test(arguments: [(79, false), (80, false), (81, true), (100, true)])
    func `descriptors that run out are a shortage`(open: Int, isShort: Bool) {
        let limits = """
            Limit                     Soft Limit           Hard Limit           Units
            Max cpu time              unlimited            unlimited            seconds
            Max open files            100                  1048576              files
            """
        let measures = ProcessMeasures(
            Files(
                texts: [
                    "/proc/self/limits": limits,
                    "/proc/self/status": "Name:\tsaccade\nVmRSS:\t  2048 kB\nThreads:\t7\n",
                    "/proc/sys/fs/inotify/max_user_watches": "65536\n",
                ], descriptors: open))
        #expect(measures.maximumDescriptors == 100 && measures.residentBytes == 2 << 20 && measures.threads == 7)
        #expect(measures.maximumWatches == 65_536)
        #expect((measures.shortage != nil) == isShort)
    }

    @Test(arguments: [
        [:], ["/proc/self/limits": "Max open files", "/proc/self/status": "VmRSS:\nThreads: x"],
        [
            "/proc/self/limits": "Max open files  unlimited unlimited files",
            "/proc/sys/fs/inotify/max_user_watches": "\n",
        ],
    ])
    func `what the kernel doesn't say is left out`(texts: [String: String]) {
        let measures = ProcessMeasures(Files(texts: texts, descriptors: 5))
        #expect(measures.maximumDescriptors == nil && measures.residentBytes == nil && measures.shortage == nil)
        #expect(MetricFamily.text(measures.families).contains("process_open_fds 5"))
    }
}
