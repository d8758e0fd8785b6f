import Foundation
import SystemPackage
import TestSupport
import Testing

struct EvaluateTests {
    private struct Report: Decodable {
        struct Metrics: Decodable {
            var recallAt1: Double
            var recallAt5: Double
            var recallAt10: Double
            var medianRank: Double
            var meanRank: Double
            var secondsPerQuery: Double

            enum CodingKeys: String, CodingKey {
                case recallAt1 = "R@1"
                case recallAt5 = "R@5"
                case recallAt10 = "R@10"
                case medianRank = "MedR"
                case meanRank = "MeanR"
                case secondsPerQuery = "seconds_per_query"
            }
        }

        var queries: Int
        var gallery: Int
        var textToVideo: [String: Metrics]
        var videoToText: [String: Metrics]

        enum CodingKeys: String, CodingKey {
            case queries, gallery
            case textToVideo = "text_to_video"
            case videoToText = "video_to_text"
        }
    }

    @Test func `evaluate prints one object with every metric of both directions`() async throws {
        let home = try TemporaryDirectory()
        for (name, scenes) in [("one.mp4", 1), ("two.mp4", 2)] {
            try await TestVideo(width: 160, height: 120, seconds: 2, scenes: scenes).write(
                to: home.path.appending(name))
        }
        try await TestVideo.ffmpeg([
            "-f", "lavfi", "-i", "smptehdbars=size=160x120", "-frames:v", "1", home.path.appending("bars.jpg").string,
        ])
        let items = """
            {"id": "a", "file": "one.mp4", "captions": ["a test picture", "a moving test picture"]}
            {"id": "b", "file": "two.mp4", "captions": ["a test picture, then blue"]}
            {"id": "c", "frames": ["bars.jpg"], "captions": ["coloured bars"]}
            """
        try home.write(Data(items.utf8), to: "items.jsonl")
        let outcome = try await saccade(
            ["evaluate", "--data", "items.jsonl", "--mode", "fast", "--json"], home: home.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.decoded(Report.self)
        #expect(report.queries == 4)
        #expect(report.gallery == 3)
        for metrics in [try #require(report.textToVideo["fast"]), try #require(report.videoToText["fast"])] {
            #expect((0...100).contains(metrics.recallAt1))
            #expect(metrics.recallAt1 <= metrics.recallAt5)
            #expect(metrics.recallAt10 == 100)
            #expect((1...4).contains(metrics.medianRank))
            #expect((1...4).contains(metrics.meanRank))
            #expect(metrics.secondsPerQuery >= 0)
        }
    }
}
