import Basics
import Testing

struct MetricFamilyTests {
    @Test func `Values are written in Prometheus' text format, with labels of any text`() {
        var families = MetricFamily("saccade_root_files", .gauge, "Files\nof a \\root.")
        families.add(7, .init("root", "1"), .init("path", "a\"b\\c\nd"))
        families.add(0.5, .init("root", "2"))
        let text = MetricFamily.text([
            families, MetricFamily("saccade_clips_total", .counter, "Clips.", 3),
            MetricFamily("saccade_nothing", .gauge, "No values."),
        ])
        #expect(
            text == #"""
                # HELP saccade_root_files Files\nof a \\root.
                # TYPE saccade_root_files gauge
                saccade_root_files{root="1",path="a\"b\\c\nd"} 7
                saccade_root_files{root="2"} 0.5
                # HELP saccade_clips_total Clips.
                # TYPE saccade_clips_total counter
                saccade_clips_total 3

                """#)
    }

    @Test func `A histogram counts each value in all classes that it is not above`() {
        let histogram = LatencyHistogram(bounds: [0.1, 1])
        for seconds in [0.05, 0.1, 0.5, 2] { histogram.record(seconds) }
        #expect(histogram.snapshot.counts == [2, 3, 4] && abs(histogram.snapshot.sum - 2.65) < 1e-9)
        var family = MetricFamily("h", .histogram, "H.")
        family.add(histogram.snapshot, .init("stage", "scan"))
        let lines = MetricFamily.text([family]).split(separator: "\n").dropFirst(2)
        #expect(
            Array(lines.prefix(3)) == [
                #"h_bucket{stage="scan",le="0.1"} 2"#, #"h_bucket{stage="scan",le="1"} 3"#,
                #"h_bucket{stage="scan",le="+Inf"} 4"#,
            ])
        #expect(lines.last == #"h_count{stage="scan"} 4"#)
    }

    @Test func `Numbers that are none are written as Prometheus reads them`() {
        let text = MetricFamily.text([
            MetricFamily("a", .gauge, "", Double.nan), MetricFamily("b", .gauge, "", -Double.infinity),
        ])
        #expect(text.contains("a NaN\n") && text.contains("b -Inf\n"))
    }
}
