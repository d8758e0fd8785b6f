import CKernels
import Foundation
import SystemPackage
import VectorIndex

extension FuzzTarget {
    /// A file of vectors in lists: how it is sealed, the words of its header, its table of lists with what follows, and their records.
    ///
    /// Sealed, its checksums fit what is in it, and its length the header, so that what is behind them is read as well.
    static let inverted = FuzzTarget(name: "inverted") {
        try [(1, 3), (8, 5), (9, 40)].flatMap { dimensions, count in
            let index = try VectorIndex(dimensions: dimensions, workers: 1)
            try index.insert(InvertedInput.clips(1...count, dimensions))
            try index.snapshot().write(
                to: InvertedInput.path, origin: InvertedFile.Origin(store: [1], index: 2, clip: 3, change: 4))
            let file = Array(try Data(contentsOf: URL(filePath: InvertedInput.path.string)))
            return [[0] + file, [1] + InvertedInput.packed(file)]
        }
    } check: { input in
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        InvertedInput(first % 2 == 0 ? bytes : InvertedInput.sealed(bytes)).check()
    }
}

/// Bytes that are read as a file of vectors.
private struct InvertedInput {
    /// In memory where there is such a place.
    static let path = FilePath(
        (FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp") + "/saccade-fuzz-\(getpid()).vectors"
    )

    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    static func clips(_ numbers: ClosedRange<Int>, _ dimensions: Int) -> [ClipVector] {
        numbers.map { number in
            let embedding = (0..<dimensions).map { Float((number * 31 + $0 * 17) % 23 - 11) / 11 }
            return ClipVector(clip: Int64(number), media: Int64(number / 4), embedding: embedding)
        }
    }

    /// Opens it, searches it, changes what it holds, and writes that again.
    func check() {
        guard (try? Data(bytes).write(to: URL(filePath: Self.path.string))) != nil else {
            fatalError("\(Self.path) can't be written")
        }
        do {
            let file = try InvertedFile(Self.path)
            let dimensions = Layout(bytes).dimensions
            let index = try VectorIndex(dimensions: dimensions, workers: 1, file: file, recall: 0.9)
            let whole = try VectorIndex(dimensions: dimensions, workers: 1, file: file)
            let query = Self.clips(7...7, dimensions)[0].embedding
            for (index, limit) in [(index, 3), (whole, 1_000)] {
                for media in [nil, MediaSelection([0, 1])] {
                    let found = try index.search(query, limit: limit, within: media)
                    require(found.count <= min(limit, file.header.count), "no more is found than there is")
                    require(found.allSatisfy { media?.contains($0.media) ?? true }, "a filter leaves out the others")
                }
            }
            try whole.insert(Self.clips(3...6, dimensions), replacing: [2])
            let copy = FilePath(Self.path.string + ".copy")
            defer { try? FileManager.default.removeItem(atPath: copy.string) }
            try whole.snapshot().write(to: copy, origin: file.header.origin)
        } catch {
            require((error as? InvertedFileError)?.message.isEmpty == false, "a refusal says what is wrong: \(error)")
        }
    }

    /// Where the parts of a file lie, as the module has them for itself.
    private struct Layout {
        static let header = 4_096
        static let words = 16
        static let most = 1 << 20

        let dimensions: Int
        let lists: Int
        let blocks: Int
        var width: Int { (dimensions + 7) / 8 * 8 }
        var directoryEnd: Int { Self.header + lists * (24 + width * 4) + width * width * 4 }
        var records: Int { (directoryEnd + 4_095) / 4_096 * 4_096 }
        var blockBytes: Int { 16 * (width / 2 + 24) }
        var fine: Int { records + blocks * blockBytes }
        var rowBytes: Int { width + 8 }
        var end: Int { fine + blocks * 16 * rowBytes }

        /// Of the numbers in a header, as far as they are such that a small file can have.
        init(_ header: [UInt8]) {
            let words = (2...4).map { word in
                (0..<8).reduce(0) {
                    $0 | UInt64(header.count > word * 8 + $1 ? header[word * 8 + $1] : 0) << UInt64(8 * $1)
                }
            }
            (dimensions, lists, blocks) = (
                Int(min(words[0], 4_096)), Int(min(words[1], 16_384)), Int(min(words[2], 1 << 16))
            )
        }
    }

    /// Without the zeros that fill pages.
    static func packed(_ file: [UInt8]) -> [UInt8] {
        let layout = Layout(file)
        return Array(
            file[..<(Layout.words * 8)] + file[Layout.header..<layout.directoryEnd] + file[layout.records...])
    }

    static func sealed(_ packed: [UInt8]) -> [UInt8] {
        let layout = Layout(packed)
        guard layout.end <= Layout.most else { return packed }
        var file = [UInt8](repeating: 0, count: layout.end)
        var rest = packed[...]
        for part in [0..<Layout.words * 8, Layout.header..<layout.directoryEnd, layout.records..<layout.end] {
            let bytes = rest.prefix(part.count)
            file.replaceSubrange(part.lowerBound..<part.lowerBound + bytes.count, with: bytes)
            rest = rest.dropFirst(part.count)
        }
        func put(_ checksum: UInt64, at place: Int) {
            for byte in 0..<8 { file[place + byte] = UInt8(truncatingIfNeeded: checksum >> UInt64(8 * byte)) }
        }
        func number(at place: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(file[place + $1]) << (8 * $1) }
        }
        func checksum(_ range: Range<Int>) -> UInt64 {
            file[range].withUnsafeBytes { saccade_checksum($0.baseAddress, $0.count) }
        }
        for list in 0..<layout.lists {
            let entry = Layout.header + list * 24
            let start = layout.records + number(at: entry) * layout.blockBytes
            let end = start + (number(at: entry + 4) + 15) / 16 * layout.blockBytes
            if start < end, end <= layout.fine { put(checksum(start..<end), at: entry + 16) }
        }
        for row in stride(from: layout.fine, to: layout.end, by: layout.rowBytes) {
            put(checksum(row..<row + layout.width), at: row + layout.width)
        }
        put(checksum(Layout.header..<layout.directoryEnd), at: 9 * 8)
        put(checksum(0..<(Layout.words - 1) * 8), at: (Layout.words - 1) * 8)
        return file
    }
}
