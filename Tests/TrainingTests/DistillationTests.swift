import Differentiation
import Models
import Glibc
import SystemPackage
import Tensors
import TestSupport
import Testing
import Training

@Suite(.ownThread) struct DistillationTests {
    @Test func `The loss is the cross-entropy of the two rankings, with its gradient`() {
        let teacher: [[Float]] = [[-1, -2, -1.5], [-3, -1, -2]]
        let student = Tensor<Double>([1, 0.5, -0.2, 0.1, 0.9, 2], shape: [2, 3])
        let variable = Variable(parameter: student)
        let loss = distillationLoss(student: variable, teacher: teacher, temperature: 0.5)
        func softmax(_ x: [Double]) -> [Double] {
            let sum = x.reduce(0) { $0 + exp($1) }
            return x.map { exp($0) / sum }
        }
        var expected = 0.0
        var slopes: [Double] = []
        for row in 0..<2 {
            let p = softmax(teacher[row].map { Double($0) / 0.5 })
            let q = softmax(Array(student.scalars[(row * 3)..<(row * 3 + 3)]))
            expected -= zip(p, q).reduce(0) { $0 + $1.0 * log($1.1) } / 2
            slopes += zip(p, q).map { ($1 - $0) / 2 }
        }
        #expect(abs(loss.value.scalar - expected) < 1e-12)
        let gradient = gradients(of: loss, withRespectTo: [variable])[0].scalars
        for (found, slope) in zip(gradient, slopes) { #expect(abs(found - slope) < 1e-12) }
    }

    private func scores(_ sets: [FeatureSet], hard: Int = 2, teachers: Int = 1) throws -> TeacherScores {
        let fast = try TinyLearning.fastModel()
        return TeacherScores(
            teachers: try (0..<teachers).map { try TinyLearning.captioner(seed: UInt64(5 + $0)) }, sources: sets,
            embeddings: try sets.map {
                try FastEmbeddings(model: fast, features: $0, framesInUse: 2, encode: TinyLearning.encode)
            }, captionsPerItem: 2, hard: hard, seed: 4,
            encode: { caption, _ in TinyLearning.encode(caption) }, progress: { _, _ in })
    }

    @Test func `A caption's own clip comes first, then the hardest, and each has the teacher's score`() throws {
        let folder = try TemporaryDirectory()
        let sets = [
            try TinyLearning(items: 5, in: folder.path, name: "one").features,
            try TinyLearning(items: 4, in: folder.path, name: "two").features,
        ]
        let scores = try scores(sets)
        #expect(scores.clipsPerCaption == 5)
        let model = try TinyLearning.captioner().model
        let memories = sets.map { SlowMemories(model: model, features: $0, items: Array(0..<$0.count)) }
        let fast = try TinyLearning.fastModel()
        let embeddings = try sets.map {
            try FastEmbeddings(model: fast, features: $0, framesInUse: 2, encode: TinyLearning.encode)
        }
        for source in 0..<2 {
            for item in 0..<sets[source].count {
                for caption in 0..<2 {
                    let (clips, found) = scores.candidates(source: source, item: item, caption: caption)
                    #expect(clips[0] == .init(source: source, item: item))
                    #expect(Set(clips.map { "\($0)" }).count == 5)
                    let text = sets[source].dataset.items[item].captions[caption]
                    for (clip, score) in zip(clips, found) {
                        let expected = memories[clip.source].scores(
                            of: TinyLearning.encode(text), against: [clip.item])[0]
                        #expect(abs(score - expected) < 1e-4)
                    }
                    let query = embeddings[source].sentence(embeddings[source].firstSentences[item] + caption)
                    func cosine(_ clip: TeacherScores.Clip) -> Float {
                        zip(query, embeddings[clip.source].clip(clip.item)).reduce(0) { $0 + $1.0 * $1.1 }
                    }
                    let hardest = clips[1...2].map(cosine).min() ?? 0
                    #expect(clips[3...4].allSatisfy { cosine($0) <= hardest + 1e-5 })
                }
            }
        }
    }

    @Test func `Each of several teachers scores captions and clips of its own fold`() throws {
        let folder = try TemporaryDirectory()
        let sets = [
            try TinyLearning(items: 7, in: folder.path, name: "one").features,
            try TinyLearning(items: 6, in: folder.path, name: "two").features,
        ]
        let scores = try scores(sets, teachers: 2)
        let teachers = try [TinyLearning.captioner(seed: 5), TinyLearning.captioner(seed: 6)]
        let memories = teachers.map { teacher in
            sets.map { SlowMemories(model: teacher.model, features: $0, items: Array(0..<$0.count)) }
        }
        for source in 0..<2 {
            for item in 0..<sets[source].count {
                let (clips, found) = scores.candidates(source: source, item: item, caption: 1)
                #expect(clips.allSatisfy { Fold(index: item % 2, of: 2).contains($0.item) })
                #expect(Set(clips.map { "\($0)" }).count == 5)
                let words = TinyLearning.encode(sets[source].dataset.items[item].captions[1])
                for (clip, score) in zip(clips, found) {
                    let expected = memories[item % 2][clip.source].scores(of: words, against: [clip.item])[0]
                    #expect(abs(score - expected) < 1e-4)
                }
            }
        }
    }

    @Test func `A pool without a fold draws every other item and none of the fold`() throws {
        let folder = try TemporaryDirectory()
        let set = try TinyLearning(items: 7, in: folder.path).features
        let pool = TrainingPool(
            [.init(features: set)], leavingOut: Fold(index: 1, of: 3), batch: 1, seed: 2, encode: TinyLearning.encode)
        #expect(pool.stepsPerEpoch == 5)
        var random = SplitMix64(seed: 1)
        let drawn = (0..<5).flatMap { pool.draws(step: $0, random: &random).map(\.item) }
        #expect(drawn.sorted() == [0, 2, 3, 5, 6])
    }

    @Test func `Scores that were kept are read again, and not for other data`() throws {
        let folder = try TemporaryDirectory()
        let set = try TinyLearning(in: folder.path).features
        let scores = try scores([set])
        let path = folder.path.appending("teacher.safetensors")
        try scores.write(to: path, origin: "this")
        let kept = try #require(TeacherScores(path: path, origin: "this", sources: [set]))
        for item in 0..<set.count {
            let (one, other) = (
                scores.candidates(source: 0, item: item, caption: 1), kept.candidates(source: 0, item: item, caption: 1)
            )
            #expect(one.clips == other.clips && one.scores == other.scores)
        }
        #expect(TeacherScores(path: path, origin: "that", sources: [set]) == nil)
        let smaller = try TinyLearning(items: 3, in: folder.path, name: "smaller").features
        #expect(TeacherScores(path: path, origin: "this", sources: [smaller]) == nil)
    }

    @Test func `A student with a teacher has a loss with a gradient for every head`() throws {
        let folder = try TemporaryDirectory()
        let set = try TinyLearning(in: folder.path).features
        let model = try TinyLearning.fastModel()
        let task = FastTrainingTask(
            model: model,
            pool: TrainingPool([.init(features: set)], batch: 4, seed: 2, encode: TinyLearning.encode),
            teacher: try scores([set]), validation: [set], framesInUse: 2, settings: .init(),
            encode: TinyLearning.encode)
        var random = SplitMix64(seed: 1)
        let loss = try task.loss(step: 0, random: &random)
        #expect(loss.value.scalar.isFinite)
        let found = gradients(of: loss, withRespectTo: task.parameters.map(\.variable))
        for (parameter, gradient) in zip(task.parameters, found) {
            #expect(gradient.scalars.contains { $0 != 0 }, "\(parameter.name)")
        }
    }
}
