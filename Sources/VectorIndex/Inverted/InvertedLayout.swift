/// What the header of an inverted file says.
package struct InvertedHeader: Sendable, Equatable {
    /// Grows with each change of the format.
    static let version: UInt64 = 1
    /// "SACCADIV", read as a little-endian number.
    private static let magic: UInt64 = 0x5649_4441_4343_4153
    static let byteCount = 4_096

    var dimensions: Int
    var lists: Int
    /// Blocks of ``SegmentSize/block`` places, over all lists.
    var blocks: Int
    /// Clips in it.
    package var count: Int
    /// Clips there were when the lists were made.
    var trainedCount: Int
    /// The greatest clip in it, and the least.
    var clips: ClosedRange<Int64>
    /// What the file was made from, as its owner wants to know it again: see ``InvertedFile/Origin``.
    package var origin: InvertedFile.Origin
    /// Of the table of lists, the centroids and the covariance.
    var checksum: UInt64 = 0

    /// The header's bytes: little-endian words, the last of them their checksum, and zeros.
    var bytes: [UInt8] {
        var words: [UInt64] = [
            Self.magic, Self.version, UInt64(dimensions), UInt64(lists), UInt64(blocks), UInt64(count),
            UInt64(trainedCount), UInt64(bitPattern: clips.lowerBound), UInt64(bitPattern: clips.upperBound), checksum,
        ]
        words += origin.words
        words.append(Checksum.of(words))
        var bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
        bytes += [UInt8](repeating: 0, count: Self.byteCount - bytes.count)
        return bytes
    }

    /// - Parameter bytes: the first of a file, as many as there are.
    /// - Throws: ``InvertedFileError`` when they are no header of this version, or one of a file that can't be.
    init(_ bytes: [UInt8]) throws(InvertedFileError) {
        guard bytes.count >= Self.byteCount else { throw .damaged("it has no header") }
        let words = (0..<Self.words).map { word in
            (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[word * 8 + $1]) << (8 * UInt64($1)) }
        }
        guard words[0] == Self.magic else { throw .damaged("it is of another kind") }
        guard words[1] == Self.version else { throw .otherVersion(words[1]) }
        guard words[Self.words - 1] == Checksum.of(Array(words.dropLast())) else {
            throw .damaged("its header is not what was written")
        }
        let numbers = words[2...6].map { Int(exactly: $0) ?? .max }
        let clips = (Int64(bitPattern: words[7]), Int64(bitPattern: words[8]))
        guard (1...4_096).contains(numbers[0]), (1...CoarseQuantiser.mostLists).contains(numbers[1]),
            (1...InvertedLayout.mostBlocks).contains(numbers[2]),
            (1...numbers[2] * SegmentSize.block).contains(numbers[3]),
            (1...InvertedLayout.mostBlocks * SegmentSize.block).contains(numbers[4]), clips.0 <= clips.1
        else { throw .damaged("its header has numbers that can't be") }
        dimensions = numbers[0]
        lists = numbers[1]
        blocks = numbers[2]
        count = numbers[3]
        trainedCount = numbers[4]
        self.clips = clips.0...clips.1
        checksum = words[9]
        origin = InvertedFile.Origin(words: Array(words[10..<10 + InvertedFile.Origin.wordCount]))
    }

    init(
        dimensions: Int, lists: Int, blocks: Int, count: Int, trainedCount: Int, clips: ClosedRange<Int64>,
        origin: InvertedFile.Origin
    ) {
        self.dimensions = dimensions
        self.lists = lists
        self.blocks = blocks
        self.count = count
        self.trainedCount = trainedCount
        self.clips = clips
        self.origin = origin
    }

    private static let words = 11 + InvertedFile.Origin.wordCount
}

/// One list's place in the file.
struct InvertedList: Sendable, Equatable {
    static let byteCount = 24

    var firstBlock: Int
    /// Clips in it; the places after them in its last block are empty.
    var count: Int
    /// The mean square distance of its vectors to the centroid.
    var spread: Float
    /// Of its record.
    var checksum: UInt64

    var blocks: Int { (count + SegmentSize.block - 1) / SegmentSize.block }
}

/// Where the parts of an inverted file lie: the header; a table of the lists, their centroids, the covariance; the lists' records, each with
/// coarse codes, steps, residuals, clips and media of its blocks; and the fine codes, a row for each place, with a checksum of each.
///
/// Every offset follows from the header's numbers, so that there is none to be believed.
struct InvertedLayout: Sendable {
    /// 2^31 clips.
    static let mostBlocks = 1 << 27

    let width: Int
    let lists: Int
    let blocks: Int

    init(dimensions: Int, lists: Int, blocks: Int) {
        width = (dimensions + 7) / 8 * 8
        self.lists = lists
        self.blocks = blocks
    }

    var groups: Int { width / 8 }

    var table: Int { InvertedHeader.byteCount }
    var centroids: Int { table + lists * InvertedList.byteCount }
    var covariance: Int { centroids + lists * width * 4 }
    /// The end of what is read when the file is opened.
    var directoryEnd: Int { covariance + width * width * 4 }

    /// Of a block's record: 64 bytes for each group, and its steps, residuals, clips and media.
    var blockBytes: Int { SegmentSize.block * (width / 2 + 4 + 4 + 8 + 8) }
    var records: Int { (directoryEnd + 4_095) / 4_096 * 4_096 }

    /// Of a vector's fine codes and their checksum.
    var rowBytes: Int { width + 8 }
    var fine: Int { records + blocks * blockBytes }
    var end: Int { fine + blocks * SegmentSize.block * rowBytes }

    /// The parts of a list's record, from its start.
    func steps(blocks: Int) -> Int { blocks * SegmentSize.block * width / 2 }
    func residuals(blocks: Int) -> Int { steps(blocks: blocks) + blocks * SegmentSize.block * 4 }
    func clips(blocks: Int) -> Int { residuals(blocks: blocks) + blocks * SegmentSize.block * 4 }
    func media(blocks: Int) -> Int { clips(blocks: blocks) + blocks * SegmentSize.block * 8 }
}
