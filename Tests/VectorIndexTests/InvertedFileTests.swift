import CKernels
import Foundation
import SystemPackage
import TestSupport
import Testing
import VectorIndex

/// Vectors around some centres, as those of real media are.
struct GatheredVectors {
    let dimensions: Int
    private var random: SeededGenerator
    private let centres: [[Float]]

    init(_ dimensions: Int, centres: Int = 40, seed: UInt64 = 5) {
        self.dimensions = dimensions
        var random = SeededGenerator(state: seed)
        self.centres = (0..<centres).map { _ in random.unitVector(dimensions) }
        self.random = random
    }

    mutating func next() -> [Float] {
        let centre = centres[Int.random(in: 0..<centres.count, using: &random)]
        let noise = random.unitVector(dimensions)
        let vector = zip(centre, noise).map { $0 + 0.6 * $1 }
        let norm = dot(vector, vector).squareRoot()
        return vector.map { $0 / Float(norm) }
    }

    mutating func clips(_ numbers: ClosedRange<Int64>) -> [ClipVector] {
        numbers.map { ClipVector(clip: $0, media: $0 / 10, embedding: next()) }
    }
}

@Suite struct InvertedFileTests {
    private let folder: TemporaryDirectory
    private var path: FilePath { folder.path.appending("vectors") }
    private static let origin = InvertedFile.Origin(store: [1, 2, 3], index: 7, clip: 8, change: -9)

    init() throws {
        folder = try TemporaryDirectory()
    }

    /// An index of what is in memory in another.
    private func filed(
        _ index: VectorIndex, recall: Double = 1, level: saccade_simd_level = saccade_simd_detected()
    ) throws -> VectorIndex {
        try index.snapshot().write(to: path, origin: Self.origin)
        return try VectorIndex(
            dimensions: index.dimensions, file: InvertedFile(path, level: level), recall: recall, level: level)
    }

    @Test(arguments: [1, 8, 33, 256])
    func `With all lists read, a file finds what the scan finds`(dimensions: Int) throws {
        var vectors = GatheredVectors(dimensions)
        let index = try VectorIndex(dimensions: dimensions)
        try index.insert(vectors.clips(1...3_000))
        let filed = try filed(index)
        #expect(filed.count == 3_000 && filed.byteCount == 0)
        for round in 0..<5 {
            let query = vectors.next()
            let media = round % 2 == 0 ? nil : MediaSelection((0..<300).filter { $0 % 3 == 1 })
            let limit = [1, 10, 100, 999, 5_000][round]
            let found = try filed.search(query, limit: limit, within: media)
            #expect(found.map(\.score) == (try index.search(query, limit: limit, within: media)).map(\.score))
        }
        #expect(try filed.search(vectors.next(), limit: 0).isEmpty)
        #expect(try filed.search(vectors.next(), limit: 9, within: MediaSelection([])).isEmpty)
    }

    @Test(arguments: everyLevel)
    func `Every level finds the same`(level: saccade_simd_level) throws {
        var vectors = GatheredVectors(40)
        let index = try VectorIndex(dimensions: 40)
        try index.insert(vectors.clips(1...1_500))
        let filed = try filed(index, level: level)
        let query = vectors.next()
        #expect(try filed.search(query, limit: 50) == index.search(query, limit: 50))
    }

    @Test(arguments: [0.9, 0.98])
    func `As much of the answer is found as was asked for, with filters too, and not all is read`(
        recall: Double
    ) throws {
        var vectors = GatheredVectors(64, centres: 200)
        let index = try VectorIndex(dimensions: 64)
        try index.insert(vectors.clips(1...20_000))
        let filed = try filed(index, recall: recall)
        for media in [nil, MediaSelection((0...2_000).filter { $0 % 20 == 3 }), MediaSelection([5, 900])] {
            var found = 0
            var wanted = 0
            for _ in 0..<20 {
                let query = vectors.next()
                let truth = Set(try index.search(query, limit: 50, within: media).map(\.clip))
                found += truth.intersection(try filed.search(query, limit: 50, within: media).map(\.clip)).count
                wanted += truth.count
            }
            #expect(Double(found) >= recall * Double(wanted), "\(found) of \(wanted)")
        }
    }

    @Test func `What enters, leaves and is written again is what a model expects`() throws {
        var random = SeededGenerator(state: 3)
        var vectors = GatheredVectors(24)
        var index = try VectorIndex(dimensions: 24)
        var model: [Int64: Int64] = [:]
        for round in 0..<24 {
            let unwanted = Set((0..<3).map { _ in Int64.random(in: 0...400, using: &random) })
            let first = Int64.random(in: 1...4_000, using: &random)
            let clips = vectors.clips(first...first + .random(in: 0...(round < 12 ? 40 : 900), using: &random))
            try index.insert(clips, replacing: unwanted)
            model = model.filter { !unwanted.contains($0.value) }
            for clip in clips { model[clip.clip] = clip.media }
            if round % 3 == 2 { index = try filed(index) }
            let found = try index.search(vectors.next(), limit: .max)
            #expect(index.count == model.count)
            #expect(found.count == model.count)
            #expect(Set(found.map(\.clip)) == Set(model.keys))
            #expect(found.allSatisfy { model[$0.clip] == $0.media })
        }
        #expect(try InvertedFile(path).header.origin == Self.origin)
    }

    @Test func `The same vectors make the same file`() throws {
        var vectors = GatheredVectors(16)
        let index = try VectorIndex(dimensions: 16)
        try index.insert(vectors.clips(1...2_000))
        _ = try filed(index)
        let first = try Data(contentsOf: URL(filePath: path.string))
        _ = try filed(index)
        #expect(try Data(contentsOf: URL(filePath: path.string)) == first)
        // Written from the file itself, with its lists kept.
        let again = try VectorIndex(dimensions: 16, file: InvertedFile(path))
        _ = try filed(again)
        #expect(try Data(contentsOf: URL(filePath: path.string)) == first)
    }

    @Test func `A file that is not finished is no file, and the one before stays`() throws {
        var vectors = GatheredVectors(16)
        let index = try VectorIndex(dimensions: 16)
        try index.insert(vectors.clips(1...500))
        #expect(throws: InvertedFileError.stopped) {
            try index.snapshot().write(to: path, origin: Self.origin, isStopped: { true })
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path.string) == [])
        _ = try filed(index)
        try index.insert(vectors.clips(501...900))
        var asked = 0
        #expect(throws: InvertedFileError.stopped) {
            try index.snapshot().write(
                to: path, origin: Self.origin,
                isStopped: {
                    asked += 1
                    return asked > 30
                })
        }
        #expect(try InvertedFile(path).header.count == 500)
        #expect(throws: InvertedFileError.self) {
            try index.snapshot().write(to: "/nonexistent/vectors", origin: Self.origin)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path.string) == ["vectors"])
    }

    @Test func `A file of another length, kind, version or model is refused`() throws {
        var vectors = GatheredVectors(16)
        let index = try VectorIndex(dimensions: 16)
        try index.insert(vectors.clips(1...100))
        _ = try filed(index)
        let whole = try Data(contentsOf: URL(filePath: path.string))
        #expect(throws: VectorIndexError.self) { try VectorIndex(dimensions: 8, file: try InvertedFile(path)) }
        for count in Array(stride(from: 0, to: whole.count, by: 997)) + [whole.count - 1] {
            try folder.write(whole.prefix(count), to: "vectors")
            #expect(throws: InvertedFileError.self) { try InvertedFile(path) }
        }
        try folder.write(whole + [0], to: "vectors")
        #expect(throws: InvertedFileError.self) { try InvertedFile(path) }
        for place in 0..<200 where place < 8 * 16 {
            var mutated = whole
            mutated[place] ^= 1 << UInt8(place % 8)
            try folder.write(mutated, to: "vectors")
            #expect(throws: InvertedFileError.self) { try InvertedFile(path) }
        }
        #expect(throws: InvertedFileError.unreadable(.noSuchFileOrDirectory)) {
            try InvertedFile(folder.path.appending("none"))
        }
        #expect(throws: InvertedFileError.self) { try InvertedFile(folder.path) }
    }

    @Test(
        arguments: [(2, 0), (2, 4_097), (3, 0), (4, 0), (4, .max), (5, 0), (5, .max), (6, 0), (6, .max)]
            as [(Int, UInt64)])
    func `A header with numbers that can't be is refused though its checksum fits`(word: Int, number: UInt64) throws {
        var vectors = GatheredVectors(16)
        let index = try VectorIndex(dimensions: 16)
        try index.insert(vectors.clips(1...100))
        _ = try filed(index)
        var bytes = Array(try Data(contentsOf: URL(filePath: path.string)))
        func put(_ number: UInt64, at word: Int) {
            for byte in 0..<8 { bytes[word * 8 + byte] = UInt8(truncatingIfNeeded: number >> UInt64(8 * byte)) }
        }
        put(number, at: word)
        put(saccade_checksum(bytes, 15 * 8), at: 15)
        try folder.write(Data(bytes), to: "vectors")
        #expect(throws: InvertedFileError.self) { try InvertedFile(path) }
    }

    @Test func `Whatever bytes change, nothing but what they hold is lost, and it is noticed`() throws {
        var random = SeededGenerator(state: 11)
        var vectors = GatheredVectors(16)
        let index = try VectorIndex(dimensions: 16)
        try index.insert(vectors.clips(1...400))
        _ = try filed(index)
        let whole = try Data(contentsOf: URL(filePath: path.string))
        let truth = try index.search(vectors.next(), limit: 400)
        let scores = Dictionary(uniqueKeysWithValues: truth.map { ($0.clip, $0.media) })
        for _ in 0..<150 {
            var mutated = whole
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                mutated[Int.random(in: 0..<mutated.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            try folder.write(mutated, to: "vectors")
            guard let file = try? InvertedFile(path) else { continue }
            let damaged = try VectorIndex(dimensions: 16, file: file)
            let found = try damaged.search(vectors.next(), limit: 400)
            #expect(found.allSatisfy { scores[$0.clip] == $0.media })
            #expect(found.count == 400 || file.isDamaged)
            // It can leave, and be written again, or not.
            try damaged.insert(vectors.clips(350...420), replacing: [3])
            let other = folder.path.appending("other")
            do {
                try damaged.snapshot().write(to: other, origin: Self.origin)
            } catch {
                #expect(file.isDamaged)
            }
        }
    }

    @Test func `A file that is cut short while it is open loses its fine codes and says so`() throws {
        var vectors = GatheredVectors(16)
        let index = try VectorIndex(dimensions: 16)
        try index.insert(vectors.clips(1...300))
        let filed = try filed(index)
        let file = try #require(filed.snapshot().file)
        // What is mapped stays.
        #expect(truncate(path.string, off_t(file.byteCount - 300 * 24)) == 0)
        #expect(try filed.search(vectors.next(), limit: 300).count < 300)
        #expect(file.isDamaged)
    }

    @Test(arguments: everyLevel, [1, 2, 31, 32, 33, 64, 100, 1_001])
    func `The greatest of a row is the first of the greatest`(level: saccade_simd_level, columns: Int) {
        var random = SeededGenerator(state: UInt64(columns))
        let rows = 9
        var scores = (0..<rows * columns).map { _ in Float(Int.random(in: -20...20, using: &random)) }
        for column in 0..<columns { scores[column] = .nan }
        var places = [UInt32](repeating: 9, count: rows)
        var greatest = [Float](repeating: 0, count: rows)
        saccade_greatest(level, scores, rows, columns, &places, &greatest)
        #expect(places[0] == 0)
        for row in 1..<rows {
            let values = Array(scores[row * columns..<(row + 1) * columns])
            #expect(greatest[row] == values.max())
            #expect(Int(places[row]) == values.firstIndex(of: greatest[row]))
        }
    }

    @Test func `A checksum tells every flipped bit, every length and every order`() {
        var random = SeededGenerator(state: 6)
        var seen: Set<UInt64> = []
        for count in 0..<100 { seen.insert(saccade_checksum([UInt8](repeating: 0, count: count), count)) }
        #expect(seen.count == 100)
        let bytes = (0..<97).map { _ in UInt8.random(in: 0...255, using: &random) }
        let sum = saccade_checksum(bytes, bytes.count)
        for bit in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(saccade_checksum(flipped, flipped.count) != sum)
        }
        var swapped = bytes
        swapped.swapAt(3, 40)
        #expect(bytes[3] == bytes[40] || saccade_checksum(swapped, swapped.count) != sum)
    }
}
