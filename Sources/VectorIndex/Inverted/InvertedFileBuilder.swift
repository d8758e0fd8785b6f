import CKernels
import Glibc
import SystemPackage

/// Writes what an index holds at one moment into an inverted file: its tail in memory, and its file without what has left.
///
/// The lists stay those of the file until there are ``growth`` times as many clips as they were made for; then all vectors get new ones.
/// Vectors are taken as they are coded, so nothing else is read.
struct InvertedFileBuilder {
    /// How many times the clips that lists were made for they serve.
    private static let growth = 4
    /// Vectors that are decoded at a time.
    private static let batch = 4_096
    /// Vectors that lists are made from, at most: 400 MB of 256 dimensions.
    private static let largestSample = 400_000

    private let snapshot: VectorIndexSnapshot
    private let settings: ScanSettings
    private let width: Int
    private let isStopped: () -> Bool

    init(_ snapshot: VectorIndexSnapshot, isStopped: @escaping () -> Bool) {
        self.snapshot = snapshot
        settings = snapshot.settings
        width = (settings.dimensions + 7) / 8 * 8
        self.isStopped = isStopped
    }

    /// Lists for so many clips.
    static func lists(for clips: Int) -> Int {
        min(CoarseQuantiser.mostLists, max(1, Int(4 * Double(clips).squareRoot())))
    }

    /// Writes the file under another name, and gives it its own when it is on the disk.
    ///
    /// - Throws: ``InvertedFileError``: `damaged` when the snapshot's own file is; `stopped`. There is no new file then.
    func write(to path: FilePath, origin: InvertedFile.Origin) throws(InvertedFileError) {
        let kept = snapshot.inverted.flatMap { file in
            snapshot.count < file.file.header.trainedCount * Self.growth ? file : nil
        }
        let quantiser = if let kept { kept.file.quantiser } else { try trained() }
        var rows = try Rows(quantiser.lists)
        if let file = snapshot.inverted {
            try place(file, staying: kept != nil, with: quantiser, in: &rows)
        }
        for (part, segment) in snapshot.segments.enumerated() {
            try place(segment, part: part, with: quantiser, in: &rows)
        }
        guard !rows.places.isEmpty else { throw .stopped }
        try Writing(
            rows.sorted(), quantiser: quantiser, snapshot: snapshot,
            trainedCount: kept?.file.header.trainedCount ?? snapshot.count, staying: kept != nil, isStopped: isStopped
        ).write(to: path, origin: origin)
    }

    /// Makes lists from every so-manieth vector.
    private func trained() throws(InvertedFileError) -> CoarseQuantiser {
        let lists = Self.lists(for: snapshot.count)
        let wanted = min(lists * CoarseQuantiser.sampleOfList, Self.largestSample)
        let step = max(1, snapshot.count / wanted)
        var sample: [Float] = []
        sample.reserveCapacity((snapshot.count / step + 1) * width)
        var passed = 0
        func takes() -> Bool {
            defer { passed += 1 }
            return passed % step == 0
        }
        var vector = [Float](repeating: 0, count: width)
        if let file = snapshot.inverted {
            for list in file.file.lists.indices where file.file.lists[list].count > 0 {
                guard !isStopped() else { throw .stopped }
                let record = try self.record(of: list, in: file)
                let rows = try FineRows(of: list, record, in: file.file)
                for slot in 0..<record.count where file.isLive(record, slot) && takes() {
                    rows.withRow(slot) { fine in
                        withUnsafePointer(to: record.codes) { saccade_scan_decode($0, slot, fine, &vector) }
                    }
                    sample += vector
                }
            }
        }
        for segment in snapshot.segments {
            guard !isStopped() else { throw .stopped }
            let codes = segment.segment.codes.codes
            for slot in 0..<segment.segment.count where segment.isLive(slot) && takes() {
                withUnsafePointer(to: codes) {
                    saccade_scan_decode($0, slot, codes.fine + slot * width, &vector)
                }
                sample += vector
            }
        }
        guard !sample.isEmpty else { throw .stopped }
        let quantiser = CoarseQuantiser.trained(
            on: sample, width: width, lists: lists, level: settings.level, isStopped: isStopped)
        guard let quantiser else { throw .stopped }
        return quantiser
    }

    private func record(
        of list: Int, in segment: InvertedSegment
    ) throws(InvertedFileError) -> InvertedFile.Record {
        guard let record = segment.file.record(of: list) else { throw .damaged("a list is not what was written") }
        return record
    }

    private func place(
        _ segment: InvertedSegment, staying: Bool, with quantiser: CoarseQuantiser, in rows: inout Rows
    ) throws(InvertedFileError) {
        var batch = Batch(width: width, quantiser: quantiser)
        for list in segment.file.lists.indices where segment.file.lists[list].count > 0 {
            guard !isStopped() else { throw .stopped }
            let record = try record(of: list, in: segment)
            let first = record.firstBlock * SegmentSize.block
            let fine = staying ? nil : try FineRows(of: list, record, in: segment.file)
            for slot in 0..<record.count where segment.isLive(record, slot) {
                let place = Rows.Place(part: 0, slot: UInt32(first + slot))
                guard let fine else {
                    rows.add(place, to: UInt32(list), distance: segment.file.lists[list].spread)
                    continue
                }
                batch.add(place) { vector in
                    fine.withRow(slot) { fine in
                        withUnsafePointer(to: record.codes) { saccade_scan_decode($0, slot, fine, vector) }
                    }
                }
                if batch.count >= Self.batch { batch.assign(to: &rows) }
            }
        }
        batch.assign(to: &rows)
    }

    private func place(
        _ segment: LiveSegment<ScalarCodes>, part: Int, with quantiser: CoarseQuantiser, in rows: inout Rows
    ) throws(InvertedFileError) {
        guard !isStopped() else { throw .stopped }
        var batch = Batch(width: width, quantiser: quantiser)
        let codes = segment.segment.codes.codes
        for slot in 0..<segment.segment.count where segment.isLive(slot) {
            batch.add(Rows.Place(part: UInt32(part + 1), slot: UInt32(slot))) { vector in
                withUnsafePointer(to: codes) { saccade_scan_decode($0, slot, codes.fine + slot * width, vector) }
            }
        }
        batch.assign(to: &rows)
    }
}

/// The fine codes of a whole list, each compared with its checksum.
struct FineRows {
    private let bytes: [UInt8]
    private let pitch: Int

    init(of list: Int, _ record: InvertedFile.Record, in file: InvertedFile) throws(InvertedFileError) {
        pitch = file.layout.rowBytes
        let (count, pitch) = (record.count, pitch)
        var isWhole = true
        bytes = [UInt8](unsafeUninitializedCapacity: count * pitch) { bytes, done in
            isWhole = file.readRows(of: list, slots: 0...count - 1, into: bytes.baseAddress!)
            for row in 0..<count where isWhole { isWhole = file.isWhole(bytes.baseAddress! + row * pitch) }
            done = isWhole ? count * pitch : 0
        }
        guard isWhole else { throw .damaged("fine codes are not what was written") }
    }

    /// Calls `body` with the codes of a place.
    func withRow(_ slot: Int, _ body: (UnsafePointer<Int8>) -> Void) {
        bytes.withUnsafeBytes { body(($0.baseAddress! + slot * pitch).assumingMemoryBound(to: Int8.self)) }
    }
}

/// Which list each vector goes to.
struct Rows {
    /// Where a vector is: in the file, by its place in all of it, or in a segment of the tail.
    struct Place {
        /// 0 for the file.
        var part: UInt32
        var slot: UInt32
    }

    private(set) var places: [Place] = []
    private(set) var lists: [UInt32] = []
    private(set) var counts: [Int]
    /// The sums of square distances to the centroids.
    private(set) var distances: [Double]

    init(_ lists: Int) throws(InvertedFileError) {
        counts = Array(repeating: 0, count: lists)
        distances = Array(repeating: 0, count: lists)
    }

    mutating func add(_ place: Place, to list: UInt32, distance: Float) {
        places.append(place)
        lists.append(list)
        counts[Int(list)] += 1
        distances[Int(list)] += Double(distance)
    }

    /// Those of a list after those of the one before it.
    func sorted() -> Rows {
        var starts = counts.map { _ in 0 }
        for list in 1..<max(1, counts.count) { starts[list] = starts[list - 1] + counts[list - 1] }
        var sorted = self
        for (row, list) in lists.enumerated() {
            sorted.places[starts[Int(list)]] = places[row]
            sorted.lists[starts[Int(list)]] = list
            starts[Int(list)] += 1
        }
        return sorted
    }
}

/// Vectors that wait to be assigned together.
private struct Batch {
    private let width: Int
    private let quantiser: CoarseQuantiser
    private var places: [Rows.Place] = []
    private var vectors: [Float] = []

    init(width: Int, quantiser: CoarseQuantiser) {
        self.width = width
        self.quantiser = quantiser
    }

    var count: Int { places.count }

    mutating func add(_ place: Rows.Place, _ decode: (UnsafeMutablePointer<Float>) -> Void) {
        places.append(place)
        let start = vectors.count
        vectors.append(contentsOf: repeatElement(0, count: width))
        vectors.withUnsafeMutableBufferPointer { decode($0.baseAddress! + start) }
    }

    mutating func assign(to rows: inout Rows) {
        guard !places.isEmpty else { return }
        var lists = [UInt32](repeating: 0, count: count)
        var distances = [Float](repeating: 0, count: count)
        quantiser.assign(vectors, rows: count, lists: &lists, distances: &distances)
        for (place, row) in places.enumerated() { rows.add(row, to: lists[place], distance: distances[place]) }
        places.removeAll(keepingCapacity: true)
        vectors.removeAll(keepingCapacity: true)
    }
}
