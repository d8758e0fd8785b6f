import Foundation
import SystemPackage
import TestSupport
import Testing

/// The commands that make a model, on a handful of pictures.
struct LearningTests {
    static let colours = ["red", "green", "blue", "yellow", "white", "black"]

    /// Six walls, each a picture with three captions, listed in `walls.jsonl`.
    static func pictures(in home: TemporaryDirectory) async throws {
        var lines: [String] = []
        for colour in colours {
            try await TestVideo.ffmpeg([
                "-f", "lavfi", "-i", "color=color=\(colour):size=64x64", "-frames:v", "1",
                home.path.appending("\(colour).png").string,
            ])
            lines.append(
                "{\"id\": \"\(colour)\", \"frames\": [\"\(colour).png\"], \"captions\": [\"a \(colour) wall\", "
                    + "\"the wall is \(colour)\", \"a \(colour) wall and a \(colour) floor\"]}")
        }
        try home.write(Data(lines.joined(separator: "\n").utf8), to: "walls.jsonl")
    }

    /// Runs commands in a folder.
    struct Commands {
        let home: FilePath

        func callAsFunction(_ arguments: String, fails: Bool = false) async throws -> Outcome {
            let outcome = try await saccade(arguments.split(separator: " ").map(String.init), home: home)
            #expect((outcome.status == 0) != fails, "saccade \(arguments): \(outcome.errors)")
            return outcome
        }
    }

    struct Report: Decodable {
        struct Metrics: Decodable {
            var recallAt1: Double
            var secondsPerQuery: Double

            enum CodingKeys: String, CodingKey {
                case recallAt1 = "R@1"
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

    @Test func `a model is trained, taught, calibrated, packed, measured and asked`() async throws {
        let home = try TemporaryDirectory()
        try await Self.pictures(in: home)
        let run = Commands(home: home.path)
        let data = "--data walls.jsonl --validation walls.jsonl --cache features --name walls"
        _ = try await run(
            "train slow --new --width 32 --minimum-count 1 --batch 6 --epochs 150 --learning-rate 0.005 \(data) --output slow"
        )
        for file in ["config.json", "slow.safetensors", "slow-vocab.txt", "reranking.json", "training/plot.svg"] {
            #expect(FileManager.default.fileExists(atPath: home.path.appending("slow/\(file)").string), "\(file)")
        }
        let log = try String(contentsOfFile: home.path.appending("slow/training/log.jsonl").string, encoding: .utf8)
        #expect(log.contains("word_cost") && log.contains("gallery_R@1"))

        _ = try await run(
            "train distill --model slow --hard 2 --captions 2 --batch 6 --epochs 1 --text-learning-rate 0 \(data) --output taught"
        )
        let bank = try await run(
            "train querybank --model taught --data walls.jsonl --validation walls.jsonl --cache features")
        #expect(bank.text.contains("walls.jsonl: R@1"))
        #expect(
            bank.text.contains("Wrote")
                == FileManager.default.fileExists(atPath: home.path.appending("taught/querybank.safetensors").string))
        // Hardly anything of what was learned is left then.
        let kept = try await run(
            "train fast --model taught --batch 6 --epochs 1 --text-learning-rate 0 --start-weight 0.9999999 \(data) --output kept"
        )
        #expect(kept.text.contains("querybank was left out") == bank.text.contains("Wrote"))
        let query = "model embed --text wall --image red.png --json --model"
        let (before, after) = (try await run("\(query) taught"), try await run("\(query) kept"))
        func vector(_ outcome: Outcome) throws -> [Double] {
            struct Report: Decodable {
                struct Text: Decodable { var embedding: [Double] }
                var texts: [Text]
            }
            return try outcome.decoded(Report.self).texts[0].embedding
        }
        for (a, b) in zip(try vector(before), try vector(after)) { #expect(abs(a - b) < 1e-3) }
        for (wrong, words) in [("--size 1", "--size"), ("--size 16 --seed x", "--seed")] {
            let refused = try await run(
                "train querybank --model taught --data walls.jsonl --validation walls.jsonl \(wrong)", fails: true)
            #expect(refused.errors.contains(words))
        }
        let calibrated = try await run("calibrate --model taught --data walls.jsonl --cache features --plot curve.svg")
        #expect(calibrated.text.contains("expected calibration error"))
        #expect(FileManager.default.fileExists(atPath: home.path.appending("curve.svg").string))
        #expect(!(try await run("model info --model taught").text.contains("nothing is found")))
        try await absence(run)
        _ = try await run("train export --model taught --output packed")
        let info = try await run("model info --model packed")
        #expect(info.text.contains("calibrated, tells when nothing is found"))

        let measured = try await run(
            "evaluate --model packed --data walls.jsonl --cache features --mode fast,slow,fast+slow@4 --plot cost.svg --json"
        )
        let report = try measured.decoded(Report.self)
        #expect(Set(report.textToVideo.keys) == ["fast", "slow", "fast+slow@4"])
        #expect(Set(report.videoToText.keys) == ["fast", "slow", "fast+slow@4"])
        // Six walls that differ in nothing but their colour: a captioner that has seen them tells them apart.
        #expect(try #require(report.textToVideo["slow"]).recallAt1 >= 50)
        #expect(try #require(report.textToVideo["slow"]).secondsPerQuery > 0)
        let some = try await run(
            "evaluate --model packed --data walls.jsonl --cache features --mode slow,fast+slow@4 --queries 3 --json"
        ).decoded(Report.self)
        #expect(some.queries == 3 && some.gallery == 6 && some.videoToText.isEmpty)
        #expect(Set(some.textToVideo.keys) == ["slow", "fast+slow@4"])
        let plot = try String(contentsOfFile: home.path.appending("cost.svg").string, encoding: .utf8)
        #expect(plot.hasPrefix("<svg") && plot.contains("fast+slow@4"))
        for stored in ["full", "compact"] {
            _ = try await run(
                "evaluate --model packed --data walls.jsonl --cache features --mode fast+slow@4 --captions 1 --rerank-features \(stored)"
            )
        }

        let described = try await run("describe red.png --model packed")
        let words = described.text.split(whereSeparator: \.isWhitespace).dropFirst()
        #expect(
            !words.isEmpty
                && Set(words.map(String.init)).isSubset(
                    of: Set(Self.colours + ["a", "the", "wall", "is", "and", "floor"]))
        )
        let refused = try await run("evaluate --model packed --data walls.jsonl --mode slower", fails: true)
        #expect(refused.errors.contains("fast+slow@K"))
    }

    /// Calibrates the model “taught” with queries that no wall answers, and measures and asks it.
    private func absence(_ run: Commands) async throws {
        let home = run.home
        func write(_ text: String, to name: String) throws {
            try Data(text.utf8).write(to: URL(filePath: home.appending(name).string))
        }
        try write("a volcano\n\n two dogs \nan old man reads a newspaper in a park\n", to: "absent.txt")
        try write("a red wall\nblue\n", to: "present.txt")
        try write("\n \n", to: "empty.txt")
        let calibrated = try await run(
            "calibrate --model taught --data walls.jsonl --cache features --absent absent.txt")
        #expect(calibrated.text.contains("counts as found"))
        #expect(calibrated.text.contains("captions against absent queries"))

        struct Report: Decodable {
            struct Answer: Decodable {
                var query: String
                var item: String
                var probability: Double
            }
            var area: Double
            var fast_area: Double
            var threshold: Double
            var present: [Answer]
            var absent: [Answer]
        }
        let command = "evaluate --model taught --data walls.jsonl --cache features --absent absent.txt"
        let report = try await run("\(command) --json").decoded(Report.self)
        #expect(report.absent.map(\.query) == ["a volcano", "two dogs", "an old man reads a newspaper in a park"])
        #expect(report.present.map(\.query) == Self.colours.map { "a \($0) wall" })
        #expect((0...1).contains(report.area) && (0...1).contains(report.fast_area))
        #expect((0.1...0.5).contains(report.threshold))
        for answer in report.present + report.absent {
            #expect(Self.colours.contains(answer.item) && (0...1).contains(answer.probability))
        }
        let listed = try await run("\(command) --present present.txt")
        #expect(listed.text.contains("2 queries that something answers, 3 that nothing does"))
        #expect(listed.text.contains("Area under the curve"))

        for (wrong, words) in [
            ("evaluate --model taught --data walls.jsonl --present present.txt", "--present needs --absent"),
            ("evaluate --model taught --data walls.jsonl --cache features --absent empty.txt", "has no queries"),
            ("evaluate --model taught --data walls.jsonl --cache features --absent none.txt", "can't be read"),
            ("evaluate --model slow --data walls.jsonl --cache features --absent absent.txt", "saccade calibrate"),
        ] {
            let refused = try await run(wrong, fails: true)
            #expect(refused.errors.contains(words), "\(refused.errors)")
        }
    }

    @Test func `blocks of the backbone learn, and the model that is written has them and no Slow part`() async throws {
        let home = try TemporaryDirectory()
        try await Self.pictures(in: home)
        let run = Commands(home: home.path)
        let data = "--data walls.jsonl --validation walls.jsonl --cache features --name walls --batch 6"
        _ = try await run("train slow --new --width 32 --minimum-count 1 --epochs 1 \(data) --output slow")
        let tuned = "--text-learning-rate 0 --backbone-warm-up 0 --crop 0.75 \(data)"
        for (command, blocks) in [("train fast", 1), ("train distill --hard 1 --captions 2 --taught 2", 7)] {
            let written = try await run(
                "\(command) --model slow --backbone-blocks \(blocks) --epochs 2 --average 0.9 \(tuned) --output tuned\(blocks)"
            )
            #expect(written.text.contains("train another") || written.text.contains("train one"), "\(written.text)")
            func content(_ path: String) -> Data? {
                try? Data(contentsOf: URL(filePath: home.path.appending(path).string))
            }
            #expect(
                content("tuned\(blocks)/slow.safetensors") == nil && content("tuned\(blocks)/reranking.json") == nil)
            let (old, new) = (content("slow/backbone.safetensors"), content("tuned\(blocks)/backbone.safetensors"))
            #expect(new != nil && new != old && new?.count == old?.count)
        }
        let stores = try FileManager.default.contentsOfDirectory(atPath: home.path.appending("features").string)
        #expect(
            stores.contains { $0.contains("input-20-mirrored") } && stores.contains { $0.contains("input-14-plain") })
        _ = try await run("evaluate --model tuned7 --data walls.jsonl --cache features --mode fast")
        let mixed = try await run(
            "train distill --model tuned1 --teacher slow --epochs 1 \(data) --output none", fails: true)
        #expect(mixed.errors.contains("different backbones"), "\(mixed.errors)")
        let early = try await run("train fast --model slow --backbone-blocks 21 \(data) --output none", fails: true)
        #expect(early.errors.contains("the backbone has 21"), "\(early.errors)")
    }

    @Test func `teachers that each left out a part teach a student together`() async throws {
        let home = try TemporaryDirectory()
        try await Self.pictures(in: home)
        let run = Commands(home: home.path)
        let data = "--data walls.jsonl --validation walls.jsonl --cache features --name walls"
        for part in 1...2 {
            _ = try await run(
                "train slow --new --width 32 --minimum-count 1 --batch 6 --epochs 1 --leaving-out \(part)/2 \(data) --output part\(part)"
            )
        }
        let student = "train distill --hard 1 --captions 2 --batch 6 --epochs 1 --text-learning-rate 0 \(data)"
        _ = try await run("\(student) --model part1 --teacher part1 --teacher part2 --output taught")
        // The student keeps --model's Slow part, whichever teachers it had.
        let (kept, written) = ("part1/slow-vocab.txt", "taught/slow-vocab.txt")
        #expect(
            FileManager.default.contentsEqual(
                atPath: home.path.appending(kept).string, andPath: home.path.appending(written).string))
        let refused = try await run(
            "\(student) --model part1 --teacher part1 --teacher part1 --teacher part1 --teacher part1 --output none",
            fails: true)
        #expect(refused.errors.contains("4 teachers are too many"))
        let fold = try await run("train slow --leaving-out 3/2 \(data) --output none", fails: true)
        #expect(fold.errors.contains("leaving-out"))
        let other = try await run(
            "train slow --new --width 32 --minimum-count 1 --batch 6 --epochs 1 --leaving-out 2/2 \(data) --output part1",
            fails: true)
        #expect(other.errors.contains("--output"), "part1 was trained without another part: \(other.errors)")
        let walls = try String(contentsOfFile: home.path.appending("walls.jsonl").string, encoding: .utf8)
        try home.write(Data(walls.prefix { $0 != "\n" }.utf8), to: "one.jsonl")
        let empty = try await run(
            "train slow --new --width 32 --minimum-count 1 --epochs 1 --leaving-out 1/2 --data one.jsonl "
                + "--validation walls.jsonl --cache features --output none", fails: true)
        #expect(empty.errors.contains("no item to learn from"), "\(empty.errors)")
    }

    @Test func `a run that was broken off goes on from its checkpoint to the same weights`() async throws {
        let home = try TemporaryDirectory()
        try await Self.pictures(in: home)
        func train(_ output: String, epochs: Int) async throws {
            let outcome = try await saccade(
                [
                    "train", "slow", "--new", "--width", "32", "--minimum-count", "1", "--batch", "3", "--epochs",
                    "\(epochs)", "--data", "walls.jsonl", "--validation", "walls.jsonl", "--cache", "features",
                    "--output",
                    output,
                ], home: home.path)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        try await train("one", epochs: 4)
        try await train("one", epochs: 4)
        try await train("other", epochs: 4)
        let weights = { (folder: String) in
            FileManager.default.contents(atPath: home.path.appending("\(folder)/slow.safetensors").string)
        }
        #expect(weights("one") != nil && weights("one") == weights("other"))
        let changed = try await saccade(
            [
                "train", "slow", "--new", "--width", "32", "--minimum-count", "1", "--batch", "3", "--epochs", "5",
                "--data", "walls.jsonl", "--validation", "walls.jsonl", "--cache", "features", "--output", "one",
            ], home: home.path)
        #expect(changed.status != 0)
        #expect(changed.errors.contains("--output"))
    }
}
