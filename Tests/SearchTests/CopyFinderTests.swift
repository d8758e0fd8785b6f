import Catalog
import Search
import TestSupport
import Testing
import VectorIndex

/// Media items made of shots: which of them are copies.
struct CopyFinderTests {
    private static let dimensions = 32

    /// A unit vector for each number, nearly at right angles to all others.
    private func shot(_ number: Int, likeness: Double = 1) -> [Float] {
        var generator = SeededGenerator(state: UInt64(number + 1))
        let vector = unit((0..<Self.dimensions).map { _ in Float.random(in: -1...1, using: &generator) })
        guard likeness < 1 else { return vector }
        // At the angle whose cosine that is, in a direction of its own.
        var other = (0..<Self.dimensions).map { _ in Float.random(in: -1...1, using: &generator) }
        let along = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
        other = unit(zip(other, vector).map { $0 - along * $1 })
        let (cosine, sine) = (Float(likeness), Float((1 - likeness * likeness).squareRoot()))
        return unit(zip(vector, other).map { cosine * $0 + sine * $1 })
    }

    private func unit(_ vector: [Float]) -> [Float] {
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / norm }
    }

    /// - Parameter shots: numbers and lengths in seconds.
    private func media(
        _ id: MediaID, _ shots: [(Int, Double)], likeness: Double = 1, length: Float = 1
    ) -> MediaTimeline {
        var time = 0.0
        let entries = shots.enumerated().map { place, shot in
            defer { time += shot.1 }
            return MediaTimeline.Entry(
                clip: id * 100 + Int64(place), start: time, end: time + shot.1, shot: place,
                vector: self.shot(shot.0, likeness: likeness).map { $0 * length })
        }
        return MediaTimeline(media: id, entries: entries)
    }

    private func copies(_ timelines: [MediaTimeline], least: Double? = nil) throws -> [MediaCopy] {
        try CopyFinder(timelines, dimensions: Self.dimensions).copies(leastSimilarity: least)
    }

    private static let film = [(0, 4.0), (1, 2), (2, 6), (3, 3)]

    @Test(arguments: [(1.0, true), (0.9, true), (0.82, true), (0.78, false)])
    func `a copy of several shots may be less alike`(likeness: Double, isFound: Bool) throws {
        let found = try copies([media(1, Self.film), media(2, Self.film, likeness: likeness), media(3, [(9, 15)])])
        #expect(found.count == (isFound ? 1 : 0))
        guard isFound else { return }
        #expect(found[0].first == 1 && found[0].second == 2 && found[0].kind == .whole)
        #expect(found[0].offset == 0 && found[0].shared == 15 && found[0].shots == 4)
        #expect(abs(found[0].similarity - likeness) < 1e-3)
    }

    @Test func `vectors' lengths say nothing about copies`() throws {
        let found = try copies([
            media(1, Self.film, length: 0.7), media(2, Self.film, likeness: 0.9, length: 1.4),
            media(3, [(5, 4), (6, 5)], length: 2),
        ])
        #expect(found.count == 1 && abs(found[0].similarity - 0.9) < 1e-3)
    }

    @Test(arguments: [(0.86, 0.0, true), (0.82, 0, false), (0.86, 2, false), (0.95, 2, true)])
    func `one shot has to be more alike, and most where only a part agrees`(
        likeness: Double, missing: Double, isFound: Bool
    ) throws {
        let found = try copies([media(1, [(0, 8)]), media(2, [(0, 8 - missing)], likeness: likeness)])
        #expect(found.count == (isFound ? 1 : 0))
        #expect(found.allSatisfy { $0.kind == (missing == 0 ? .whole : .part) })
    }

    @Test func `a part is found where it begins`() throws {
        // From 2.5 s of the film on; the cuts say where, whatever the first shot lost.
        let found = try copies([media(1, Self.film), media(2, [(0, 1.5), (1, 2), (2, 6)])])
        #expect(found.map(\.kind) == [.part])
        #expect(found[0].offset == 2.5 && found[0].first == 1 && found[0].shared == 9.5)
        // Beginning before the other: both are parts of something else.
        let overlapping = try copies([media(1, Self.film), media(2, [(8, 2.0), (0, 4), (1, 2), (2, 6)])])
        #expect(overlapping.map(\.offset) == [-2] && overlapping.map(\.kind) == [.part])
    }

    @Test func `the same shots in another order, or too few of them, are no copy`() throws {
        let other = [(3, 3.0), (2, 6), (1, 2), (0, 4)]
        #expect(try copies([media(1, Self.film), media(2, other)]).isEmpty)
        let opening = [(0, 4.0), (20, 8), (21, 9)]
        #expect(try copies([media(1, Self.film + [(7, 5), (8, 6)]), media(2, opening)]).isEmpty)
    }

    @Test func `three copies are three pairs, the most alike first`() throws {
        let found = try copies([
            media(1, Self.film), media(2, Self.film, likeness: 0.95), media(3, Self.film, likeness: 0.9),
        ])
        #expect(Set(found.map { [$0.first, $0.second] }) == [[1, 2], [1, 3], [2, 3]])
        #expect(found.map(\.similarity) == found.map(\.similarity).sorted(by: >))
    }

    @Test func `a picture is a copy of a nearly equal picture, and of no video`() throws {
        let found = try copies([
            media(1, [(0, 0)]), media(2, [(0, 0)], likeness: 0.97), media(3, [(5, 0)]),
            media(4, [(5, 0)], likeness: 0.9),
            media(5, [(0, 1)]),
        ])
        #expect(found.map(\.second) == [2])
    }

    @Test func `another least similarity is taken instead`() throws {
        let two = [media(1, [(0, 8)]), media(2, [(0, 8)], likeness: 0.7)]
        #expect(try copies(two, least: 0.65).count == 1)
        #expect(try copies([media(1, Self.film), media(2, Self.film, likeness: 0.9)], least: 0.95).isEmpty)
    }

    @Test func `damaged vectors are left out, and a media item of nothing else too`() throws {
        var damaged = media(2, Self.film)
        damaged.entries[1].vector = [.nan] + damaged.entries[1].vector.dropFirst()
        var lost = media(3, [(0, 4)])
        lost.entries[0].vector = []
        let found = try copies([media(1, Self.film), damaged, lost])
        #expect(found.count == 1 && found[0].shared == 13)
        #expect(try copies([]).isEmpty)
    }

    @Test func `a copy is found behind many clips of its own file that are alike`() throws {
        let still = (0..<120).map { _ in (0, 5.0) }
        let found = try copies([media(1, still), media(2, still, likeness: 0.95)])
        #expect(found.count == 1 && found[0].kind == .whole)
    }

    @Test func `the work can be ended`() throws {
        struct Enough: Error {}
        #expect(throws: Enough.self) {
            try CopyFinder([media(1, Self.film)], dimensions: Self.dimensions).copies { _ in throw Enough() }
        }
    }
}
