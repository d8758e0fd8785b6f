import API
import Foundation
import SystemPackage
import TestSupport
import Testing

/// A Slow part for a published checkpoint, from the training of both to a daemon that re-ranks by it.
struct ImportedLearningTests {
    @Test(.timeLimit(.minutes(4)))
    func `an imported model gets a Slow part, is taught, calibrated and measured, and a daemon re-ranks by it`()
        async throws
    {
        let home = try TemporaryDirectory()
        try await LearningTests.pictures(in: home)
        try DrawnCheckpoint(.clip).write(to: home.path.appending("downloaded"))
        let run = LearningTests.Commands(home: home.path)
        _ = try await run("model import downloaded --output imported")
        let data = "--data walls.jsonl --validation walls.jsonl --cache features --name walls"
        let slow = "--layers 0,0,2 --width 32 --minimum-count 1 --batch 6 --learning-rate 0.005"
        _ = try await run("train slow --model imported --epochs 150 \(slow) \(data) --output slow")
        _ = try await run("train slow --model slow --epochs 1 --batch 6 \(data) --output more")
        let without = try await run("model info --model imported").text
        #expect(try await run("model info --model more").text.contains("Slow") && !without.contains("Slow"))

        // The text tower learns, with the Slow part as its teacher; the image tower and the Slow part stay.
        let text = "--batch 6 --epochs 2 --text-learning-rate 0.5 \(data)"
        _ = try await run("train distill --model slow --hard 2 --captions 2 \(text) --output taught")
        _ = try await run("train fast --model slow \(text) --output contrasted")
        func content(_ path: String) -> Data? { try? Data(contentsOf: URL(filePath: home.path.appending(path).string)) }
        for file in ["image.safetensors", "slow.safetensors", "slow-vocab.txt", "merges.txt"] {
            #expect(content("taught/\(file)") != nil && content("taught/\(file)") == content("slow/\(file)"), "\(file)")
        }
        #expect(content("taught/text.safetensors") != content("slow/text.safetensors"))
        #expect(content("contrasted/text.safetensors") != content("taught/text.safetensors"))

        #expect(
            try await run("calibrate --model taught --data walls.jsonl --cache features").text.contains("Wrote"))
        _ = try await run("train export --model taught --output packed")
        let measured = try await run(
            "evaluate --model packed --data walls.jsonl --cache features --mode fast,slow,fast+slow@4 --json"
        ).decoded(LearningTests.Report.self)
        #expect(Set(measured.textToVideo.keys) == ["fast", "slow", "fast+slow@4"])
        #expect(try #require(measured.textToVideo["slow"]).recallAt1 >= 50)
        for measure in ["--order", "--concepts --concept-items 1"] {
            _ = try await run("evaluate --model packed --data walls.jsonl --cache features \(measure)")
        }
        for (wrong, words) in [
            ("train fast --model slow --backbone-blocks 1 \(data) --output none", "--backbone-blocks"),
            ("train fast --model slow --text-learning-rate 0 \(data) --output none", "nothing would learn"),
            ("train slow --new --vocabulary walls.jsonl \(data) --output none", "--vocabulary"),
            ("train slow --model imported --vocabulary walls.jsonl \(data) --output none", "BERT"),
            ("train distill --model imported \(data) --output none", "has no Slow part"),
            ("train distill --model packed --teacher imported \(data) --output none", "has no Slow part"),
        ] {
            let refused = try await run(wrong, fails: true)
            #expect(refused.errors.contains(words), "\(refused.errors)")
        }

        let daemon = try await RunningDaemon(in: home.path, model: home.path.appending("packed"))
        for colour in LearningTests.colours {
            try FileManager.default.copyItem(
                atPath: home.path.appending("\(colour).png").string,
                toPath: daemon.footage.appending("\(colour).png").string)
        }
        try await daemon.waitUntilIndexed(LearningTests.colours.count)
        let answer = try await daemon.search("a red wall")
        #expect(answer.stage == .slow && answer.reranked == LearningTests.colours.count)
        let fast = try await daemon.search("a red wall", rerank: .off)
        #expect(fast.stage == .fast && fast.results.count == LearningTests.colours.count)
        let described = try await run("describe red.png --model packed")
        #expect(described.text.contains("wall"), "\(described.text)")
    }
}
