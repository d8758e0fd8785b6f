import CKernels
import TestSupport
import Testing
import VectorIndex

@Suite struct ScanTests {
    @Test(arguments: [1, 2, 3, 7, 8, 9, 16, 31, 100, 256, 300])
    func `Every instruction set gives the answers of a float scan`(dimensions: Int) throws {
        var random = SeededGenerator(state: UInt64(dimensions))
        for count in [1, 15, 16, 17, 300, 700] {
            let clips = (1...count).map {
                ClipVector(clip: Int64($0), media: Int64($0 / 3), embedding: random.unitVector(dimensions))
            }
            let query = random.unitVector(dimensions)
            let limit = Int.random(in: 1...40, using: &random)
            let expected = naiveSearch(clips, query, limit: limit)
            var answers: [[VectorMatch]] = []
            for level in everyLevel {
                let index = try VectorIndex(dimensions: dimensions, level: level)
                try index.insert(clips)
                answers.append(try index.search(query, limit: limit))
            }
            for answer in answers {
                #expect(answer == answers[0])
                #expect(answer.count == expected.count)
                for (found, wanted) in zip(answer, expected) {
                    #expect(abs(Double(found.score) - wanted.score) < scoreTolerance)
                }
                for found in answer {
                    let exact = dot(clips[Int(found.clip) - 1].embedding, query)
                    #expect(abs(Double(found.score) - exact) < scoreTolerance)
                }
            }
        }
    }

    /// Large enough for several threads to share each scan.
    @Test func `A large index recalls what a float scan finds`() throws {
        var random = SeededGenerator(state: 7)
        let clips = (1...50_000).map {
            ClipVector(clip: Int64($0), media: 1, embedding: random.unitVector(32))
        }
        let index = try VectorIndex(dimensions: 32, workers: 3)
        for start in stride(from: 0, to: clips.count, by: 5_000) {
            try index.insert(Array(clips[start..<start + 5_000]))
        }
        let alone = try VectorIndex(dimensions: 32, workers: 1)
        try alone.insert(clips)
        var recalled = 0
        for _ in 0..<3 {
            let query = random.unitVector(32)
            let answer = try index.search(query, limit: 100)
            #expect(try answer == alone.search(query, limit: 100))
            recalled += Set(naiveSearch(clips, query, limit: 100).map(\.clip)).intersection(answer.map(\.clip)).count
        }
        #expect(recalled >= 298, "\(recalled) of 300")
    }

    /// Embeddings in which a few elements carry most of the energy, or that share a direction, are where plain 4-bit codes fail.
    @Test(arguments: [256, 200]) func `Uneven embeddings are found as well`(dimensions: Int) throws {
        var random = SeededGenerator(state: 11)
        let shared = random.unitVector(dimensions)
        let clips = (1...5_000).map { identifier in
            var vector = random.unitVector(dimensions)
            for i in vector.indices { vector[i] = 0.3 * vector[i] + shared[i] }
            vector[3] += 4
            return ClipVector(clip: Int64(identifier), media: 1, embedding: vector)
        }
        let index = try VectorIndex(dimensions: dimensions)
        try index.insert(clips)
        for wanted in stride(from: 0, to: clips.count, by: 500) {
            // The query leaves the strong element out, so only the weak ones tell clips apart.
            var query = clips[wanted].embedding
            query[3] = 0
            for i in query.indices where i != 3 { query[i] -= shared[i] }
            let expected = naiveSearch(clips, query, limit: 1)
            #expect(try index.search(query, limit: 1).map(\.clip) == expected.map(\.clip))
        }
    }

    @Test func `Equal scores are ordered by clip`() throws {
        var random = SeededGenerator(state: 3)
        let vector = random.unitVector(40)
        let identifiers = (1...500).map(Int64.init).shuffled(using: &random)
        let index = try VectorIndex(dimensions: 40)
        try index.insert(identifiers.map { ClipVector(clip: $0, media: $0, embedding: vector) })
        #expect(try index.search(vector, limit: 60).map(\.clip) == Array(1...60))
        #expect(try index.search(vector, limit: 1_000).map(\.clip) == Array(1...500))
    }

    @Test func `More results than clips gives all of them`() throws {
        let index = try VectorIndex(dimensions: 2)
        #expect(try index.search([1, 0], limit: 10).isEmpty)
        try index.insert([
            ClipVector(clip: 5, media: 1, embedding: [0, 1]), ClipVector(clip: 6, media: 1, embedding: [1, 0]),
        ])
        #expect(try index.search([1, 0], limit: .max).map(\.clip) == [6, 5])
        #expect(try index.search([1, 0], limit: 0).isEmpty)
    }

    @Test func `Zero and tiny vectors score zero`() throws {
        let index = try VectorIndex(dimensions: 3)
        try index.insert([
            ClipVector(clip: 1, media: 1, embedding: [0, 0, 0]),
            ClipVector(clip: 2, media: 1, embedding: [.leastNonzeroMagnitude, 0, 0]),
            ClipVector(clip: 3, media: 1, embedding: [-1, 0, 0]),
        ])
        let answer = try index.search([1, 0, 0], limit: 3)
        #expect(answer.map(\.clip) == [1, 2, 3])
        #expect(answer.prefix(2).allSatisfy { $0.score == 0 })
        #expect(try index.search([0, 0, 0], limit: 3).map(\.clip) == [1, 2, 3])
    }

    @Test func `A large index with a filter only returns what is selected`() throws {
        var random = SeededGenerator(state: 5)
        let clips = (1...20_000).map {
            ClipVector(clip: Int64($0), media: Int64($0 / 7), embedding: random.unitVector(24))
        }
        let index = try VectorIndex(dimensions: 24, workers: 2)
        try index.insert(clips)
        for share in [1, 13, 400, 100_000] {
            let wanted = Set((0...3_000).map(Int64.init).filter { _ in Int.random(in: 0..<share, using: &random) == 0 })
            let query = random.unitVector(24)
            let expected = naiveSearch(clips, query, limit: 50) { wanted.contains($0.media) }
            let answer = try index.search(query, limit: 50, within: MediaSelection(wanted))
            #expect(answer.allSatisfy { wanted.contains($0.media) })
            #expect(answer.count == expected.count)
            for (found, wanted) in zip(answer, expected) {
                #expect(abs(Double(found.score) - wanted.score) < scoreTolerance)
            }
        }
    }

    @Test func `Unusable vectors are refused`() throws {
        #expect(throws: VectorIndexError.unusableDimensions(0)) { try VectorIndex(dimensions: 0) }
        let index = try VectorIndex(dimensions: 2)
        #expect(throws: VectorIndexError.wrongDimensions(expected: 2, found: 3)) {
            try index.search([1, 2, 3], limit: 1)
        }
        #expect(throws: VectorIndexError.notFinite(position: 1)) { try index.search([1, .nan], limit: 1) }
        #expect(throws: VectorIndexError.invalidLimit(-1)) { try index.search([1, 0], limit: -1) }
        #expect(throws: VectorIndexError.notFinite(position: 0)) {
            try index.insert([
                ClipVector(clip: 1, media: 1, embedding: [1, 0]),
                ClipVector(clip: 2, media: 1, embedding: [.infinity, 0]),
            ])
        }
        #expect(throws: VectorIndexError.tooLong(norm: 1e20)) { try index.search([1e20, 0], limit: 1) }
        #expect(index.count == 0)
    }
}
