import Dispatch
import Synchronization
import TestSupport
import Testing
import VectorIndex

@Suite struct VectorIndexTests {
    @Test func `Inserted, replaced and removed clips are what a model expects`() throws {
        var random = SeededGenerator(state: 21)
        let dimensions = 20
        let index = try VectorIndex(dimensions: dimensions)
        var model: [Int64: ClipVector] = [:]
        for round in 0..<60 {
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let clips = (0..<Int.random(in: 1...900, using: &random)).map { _ in
                    ClipVector(
                        clip: .random(in: 1...12_000, using: &random), media: .random(in: 1...40, using: &random),
                        embedding: random.unitVector(dimensions))
                }
                try index.insert(clips)
                for clip in clips { model[clip.clip] = clip }
            case 1:
                let unwanted = Set((0..<4).map { _ in Int64.random(in: 1...40, using: &random) })
                model = model.filter { !unwanted.contains($0.value.media) }
                try index.insert([], replacing: unwanted)
            default:
                // A media item in place of what it was, with some of its clips under the numbers of others'.
                let media = Int64.random(in: 1...40, using: &random)
                let clips = (0..<Int.random(in: 1...300, using: &random)).map { _ in
                    ClipVector(
                        clip: .random(in: 1...12_000, using: &random), media: media,
                        embedding: random.unitVector(dimensions))
                }
                model = model.filter { $0.value.media != media }
                try index.insert(clips, replacing: [media])
                for clip in clips { model[clip.clip] = clip }
            }
            #expect(index.count == model.count)
            guard round % 6 == 0 else { continue }
            let everything = try index.search(random.unitVector(dimensions), limit: .max)
            #expect(Set(everything.map(\.clip)) == Set(model.keys))
            #expect(everything.allSatisfy { model[$0.clip]?.media == $0.media })
        }
    }

    @Test func `The last of a clip repeated in one batch stays`() throws {
        let index = try VectorIndex(dimensions: 2)
        try index.insert([
            ClipVector(clip: 1, media: 1, embedding: [1, 0]), ClipVector(clip: 1, media: 2, embedding: [0, 1]),
        ])
        let answer = try index.search([0, 1], limit: 5)
        #expect(answer.map(\.media) == [2])
        #expect(answer.allSatisfy { abs($0.score - 1) < 1e-2 })
    }

    @Test func `Memory is given back when most clips are removed`() throws {
        var random = SeededGenerator(state: 2)
        let index = try VectorIndex(dimensions: 32)
        try index.insert((1...20_000).map { ClipVector(clip: $0, media: $0 % 10, embedding: random.unitVector(32)) })
        let full = index.byteCount
        try index.insert([], replacing: Set(1...8))
        #expect(index.count == 4_000)
        #expect(index.byteCount < full / 3)
        try index.insert([], replacing: [0, 9])
        #expect(index.byteCount == 0)
    }

    @Test func `A snapshot stays as it was`() throws {
        let index = try VectorIndex(dimensions: 2)
        try index.insert([ClipVector(clip: 1, media: 1, embedding: [1, 0])])
        let before = index.snapshot()
        try index.insert([ClipVector(clip: 2, media: 1, embedding: [1, 0])])
        try index.insert([ClipVector(clip: 3, media: 2, embedding: [1, 0])], replacing: [1])
        #expect(try before.search([1, 0], limit: 5).map(\.clip) == [1])
        #expect(try index.search([1, 0], limit: 5).map(\.clip) == [3])
    }

    //  writer: +batch 1 … +batch n, each of ten clips of one media item, some removed again
    //  reader: every answer holds whole batches only, never fewer than those known to be in
    @Test func `Searches see whole batches while others insert and remove`() async throws {
        let index = try VectorIndex(dimensions: 8, workers: 2)
        let batches = 300
        let finished = Atomic<Int>(0)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            var random = SeededGenerator(state: UInt64(worker))
            if worker < 2 {
                for batch in 0..<batches {
                    let media = Int64(worker * batches + batch)
                    let clips = (0..<10).map {
                        ClipVector(clip: media * 10 + $0, media: media, embedding: random.unitVector(8))
                    }
                    do {
                        try index.insert(clips)
                        if batch % 3 == 2 { try index.insert([], replacing: [media - 1]) }
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                }
                finished.wrappingAdd(1, ordering: .sequentiallyConsistent)
            } else {
                while finished.load(ordering: .sequentiallyConsistent) < 2 {
                    let answer = (try? index.search(random.unitVector(8), limit: 20_000)) ?? []
                    var sizes: [Int64: Int] = [:]
                    for match in answer { sizes[match.media, default: 0] += 1 }
                    if !sizes.values.allSatisfy({ $0 == 10 }) {
                        failures.withLock { $0.append("a batch was seen in part") }
                    }
                }
            }
        }
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(index.count == 2 * (batches - batches / 3) * 10)
    }

    @Test(arguments: [
        [Int64.min, .max, 0], [1, 2, 3, 1_000], [5], [-70, -3, 64, 63], [1 << 40, 1 << 41],
    ])
    func `A selection contains its media and no others`(media: [Int64]) {
        let selection = MediaSelection(media)
        #expect(!selection.isEmpty)
        for identifier in media {
            #expect(selection.contains(identifier))
            for neighbour in [identifier &+ 1, identifier &- 1] {
                #expect(selection.contains(neighbour) == media.contains(neighbour))
            }
        }
        #expect(MediaSelection([]).isEmpty)
        #expect(!MediaSelection([]).contains(0))
    }
}
