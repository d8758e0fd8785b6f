/// Finds cuts in a sequence of picture signatures.
///
/// A picture begins a shot when it differs from the one before by more than `threshold`, and by more than `contrast` times as
/// much as the pictures around it differ from each other: fast motion and pans are long and no cuts. A change that is taken
/// back within `longestFlash` seconds is a flash and no cut. Both numbers were chosen on the 46 cuts inside the 43 sample
/// videos that a person sees, and leave out few of them; joins of different videos are far above.
struct ShotBoundaryDetector {
    static let threshold = 3.0
    static let contrast = 2.0
    /// Seconds on either side in which other differences are looked at.
    static let window = 0.6
    /// Seconds.
    static let longestFlash = 0.4
    /// The part of a flash's difference that the pictures before and after it may differ by.
    static let flashChange = 0.3
    /// How many of the largest differences around count.
    private static let compared = 4

    private struct Picture {
        var time: Double
        var signature: PictureSignature
        /// From the picture before.
        var difference: Double
        var isFlash = false
    }

    private var pictures: [Picture] = []
    private var undecided = 0

    /// All cuts before this time (s) have been told.
    var settled: Double { undecided < pictures.count ? pictures[undecided].time : -.infinity }

    /// Takes the next picture.
    /// - Returns: the times (s) of cuts that are now certain, in order.
    mutating func add(_ signature: PictureSignature, at time: Double) -> [Double] {
        let difference = pictures.last.map { $0.signature.difference(to: signature) } ?? 0
        pictures.append(Picture(time: time, signature: signature, difference: difference))
        let cuts = decide { $0.time + Self.window < time }
        let old = pictures.prefix { $0.time < settled - Self.window }.count
        // One picture from before the window stays, to compare the first one in it with.
        let removed = min(max(0, old - 1), undecided)
        pictures.removeFirst(removed)
        undecided -= removed
        return cuts
    }

    /// No more pictures: the rest is decided.
    mutating func finish() -> [Double] {
        decide { _ in true }
    }

    private mutating func decide(_ isKnown: (Picture) -> Bool) -> [Double] {
        var cuts: [Double] = []
        while undecided < pictures.count, isKnown(pictures[undecided]) {
            if isCut(at: undecided) { cuts.append(pictures[undecided].time) }
            undecided += 1
        }
        return cuts
    }

    private mutating func isCut(at index: Int) -> Bool {
        let picture = pictures[index]
        guard index > 0, picture.difference >= Self.threshold, !picture.isFlash else { return false }
        let around = pictures.indices.filter { $0 != index && abs(pictures[$0].time - picture.time) <= Self.window }
        // The largest one around is left out: it may be the next cut, or the end of a flash.
        let others = around.map { pictures[$0].difference }.sorted(by: >).dropFirst().prefix(Self.compared)
        let level = others.isEmpty ? 0 : others.reduce(0, +) / Double(others.count)
        guard picture.difference >= Self.contrast * level else { return false }
        let before = pictures[index - 1].signature
        for later in (index + 1)..<max(index + 1, pictures.count) {
            guard pictures[later].time - picture.time <= Self.longestFlash else { break }
            if pictures[later].difference >= Self.threshold / 2,
                before.difference(to: pictures[later].signature) < Self.flashChange * picture.difference
            {
                for flashed in index...later { pictures[flashed].isFlash = true }
                return false
            }
        }
        return true
    }
}
