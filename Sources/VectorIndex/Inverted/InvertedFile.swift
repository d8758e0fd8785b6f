package import CKernels
import Glibc
import Synchronization
package import SystemPackage

/// Vectors in lists on disk: ``ScalarCodes`` ordered by the nearest of some thousand centroids, so that a search reads the lists near its query
/// alone.
///
/// The coarse codes and the identifiers are mapped; the fine codes are read for those that the coarse ones leave. Every list and every row of
/// fine codes has a checksum, which is compared when it is first used: what doesn't fit is left out, and ``isDamaged`` says so.
/// The layout is ``InvertedLayout``'s.
///
/// The file is its user's own and never changes once it has its name. What maps a file dies when somebody cuts it short meanwhile, as with any
/// mapped file.
///
/// Unchecked because it owns a mapping, which nothing writes to, and a descriptor, which is only read with offsets; both go in `deinit`.
package final class InvertedFile: @unchecked Sendable {
    /// What a file was made from.
    package struct Origin: Sendable, Equatable {
        /// Of the database.
        package var store: [UInt8]
        /// Of the index in it.
        package var index: Int64
        /// How far the index's follower had come.
        package var clip: Int64
        package var change: Int64

        /// - Parameter store: 16 bytes; more are cut off.
        package init(store: [UInt8], index: Int64, clip: Int64, change: Int64) {
            self.store = Array((store + [UInt8](repeating: 0, count: 16)).prefix(16))
            self.index = index
            self.clip = clip
            self.change = change
        }

        static let wordCount = 5

        var words: [UInt64] {
            let halves = [store[0..<8], store[8..<16]].map { $0.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
            return halves + [index, clip, change].map { UInt64(bitPattern: $0) }
        }

        init(words: [UInt64]) {
            store = words[..<2].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
            index = Int64(bitPattern: words[2])
            clip = Int64(bitPattern: words[3])
            change = Int64(bitPattern: words[4])
        }
    }

    package let header: InvertedHeader
    let layout: InvertedLayout
    let lists: [InvertedList]
    let quantiser: CoarseQuantiser
    private let descriptor: CInt
    private let mapping: UnsafeRawPointer
    private let known: Mutex<[Bool]>
    private let damage = Atomic(false)

    /// Whether a part was met that is not what was written: its clips are missing from what is found.
    package var isDamaged: Bool { damage.load(ordering: .relaxed) }

    /// What it takes on disk.
    package var byteCount: Int { layout.end }

    /// Reads the header and the centroids, and maps the rest.
    ///
    /// - Throws: ``InvertedFileError``; `unreadable(.noSuchFileOrDirectory)` when there is none.
    package convenience init(
        _ path: FilePath, level: saccade_simd_level = saccade_simd_detected()
    ) throws(InvertedFileError) {
        let descriptor = path.withPlatformString { open($0, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .unreadable(Errno(rawValue: errno)) }
        do {
            try self.init(descriptor, level: level)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private init(_ descriptor: CInt, level: saccade_simd_level) throws(InvertedFileError) {
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw .unreadable(Errno(rawValue: errno)) }
        guard information.st_mode & S_IFMT == S_IFREG else { throw .damaged("it is no file") }
        header = try InvertedHeader(try Self.read(descriptor, at: 0, count: InvertedHeader.byteCount))
        layout = InvertedLayout(dimensions: header.dimensions, lists: header.lists, blocks: header.blocks)
        guard Int(information.st_size) == layout.end else { throw .damaged("it is not as long as it was") }
        let directory = try Self.read(descriptor, at: layout.table, count: layout.directoryEnd - layout.table)
        guard Checksum.of(directory) == header.checksum else {
            throw .damaged("its centroids are not what was written")
        }
        lists = try Self.lists(directory, header)
        quantiser = try Self.quantiser(directory, layout, level: level)
        guard let mapping = mmap(nil, layout.fine, PROT_READ, MAP_SHARED, descriptor, 0), mapping != MAP_FAILED else {
            throw .unreadable(Errno(rawValue: errno))
        }
        self.mapping = UnsafeRawPointer(mapping)
        self.descriptor = descriptor
        known = Mutex(Array(repeating: false, count: header.lists))
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: mapping), layout.fine)
        close(descriptor)
    }

    private static func lists(
        _ directory: [UInt8], _ header: InvertedHeader
    ) throws(InvertedFileError) -> [InvertedList] {
        var lists: [InvertedList] = []
        lists.reserveCapacity(header.lists)
        var (blocks, count) = (0, 0)
        directory.withUnsafeBytes { bytes in
            for place in 0..<header.lists {
                let start = place * InvertedList.byteCount
                func word(_ offset: Int) -> UInt32 {
                    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + offset, as: UInt32.self))
                }
                lists.append(
                    InvertedList(
                        firstBlock: Int(word(0)), count: Int(word(4)), spread: Float(bitPattern: word(8)),
                        checksum: UInt64(word(16)) | UInt64(word(20)) << 32))
            }
        }
        for list in lists {
            guard list.firstBlock == blocks, list.spread.isFinite, list.spread >= 0 else {
                throw .damaged("its lists don't fit together")
            }
            blocks += list.blocks
            count += list.count
        }
        guard blocks == header.blocks, count == header.count else { throw .damaged("its lists don't fit together") }
        return lists
    }

    private static func quantiser(
        _ directory: [UInt8], _ layout: InvertedLayout, level: saccade_simd_level
    ) throws(InvertedFileError) -> CoarseQuantiser {
        func floats(_ range: Range<Int>) -> [Float] {
            directory.withUnsafeBytes { bytes in
                stride(from: range.lowerBound - layout.table, to: range.upperBound - layout.table, by: 4).map {
                    Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
                }
            }
        }
        let centroids = floats(layout.centroids..<layout.covariance)
        let covariance = floats(layout.covariance..<layout.directoryEnd)
        guard centroids.allSatisfy({ abs($0) < 1e9 }), covariance.allSatisfy({ abs($0) < 1e18 }) else {
            throw .damaged("its centroids are no numbers")
        }
        return CoarseQuantiser(centroids: centroids, covariance: covariance, width: layout.width, level: level)
    }

    private static func read(_ descriptor: CInt, at offset: Int, count: Int) throws(InvertedFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let done = bytes.withUnsafeMutableBytes { read(descriptor, at: offset, into: $0.baseAddress!, count: count) }
        guard done == count else { throw done < 0 ? .unreadable(Errno(rawValue: errno)) : .damaged("it is cut short") }
        return bytes
    }

    /// - Returns: how many bytes there were, or a negative number, with `errno` set.
    private static func read(
        _ descriptor: CInt, at offset: Int, into bytes: UnsafeMutableRawPointer, count: Int
    ) -> Int {
        var done = 0
        while done < count {
            let read = pread(descriptor, bytes + done, count - done, off_t(offset + done))
            if read < 0, errno == EINTR { continue }
            guard read > 0 else { return read < 0 ? read : done }
            done += read
        }
        return done
    }

    /// The list that a block belongs to.
    func list(at block: Int) -> Int {
        var (low, high) = (0, lists.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if lists[middle].firstBlock <= block { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// What a list holds; nil when it is empty, or not what was written.
    func record(of list: Int) -> Record? {
        let entry = lists[list]
        guard entry.count > 0 else { return nil }
        let start = mapping + layout.records + entry.firstBlock * layout.blockBytes
        if !known.withLock({ $0[list] }) {
            guard saccade_checksum(start, entry.blocks * layout.blockBytes) == entry.checksum else {
                damage.store(true, ordering: .relaxed)
                return nil
            }
            known.withLock { $0[list] = true }
        }
        return Record(start, entry, layout)
    }

    /// Reads the fine codes of places of a list.
    ///
    /// - Parameter rows: room for ``InvertedLayout/rowBytes`` bytes of each; a row is its codes and then their checksum.
    /// - Returns: whether they were read.
    func readRows(of list: Int, slots: ClosedRange<Int>, into rows: UnsafeMutableRawPointer) -> Bool {
        let first = lists[list].firstBlock * SegmentSize.block + slots.lowerBound
        let count = slots.count * layout.rowBytes
        let isRead = Self.read(descriptor, at: layout.fine + first * layout.rowBytes, into: rows, count: count) == count
        if !isRead { damage.store(true, ordering: .relaxed) }
        return isRead
    }

    /// Whether a row of fine codes is what was written.
    func isWhole(_ row: UnsafeRawPointer) -> Bool {
        let isWhole =
            saccade_checksum(row, layout.width)
            == UInt64(littleEndian: row.loadUnaligned(fromByteOffset: layout.width, as: UInt64.self))
        if !isWhole { damage.store(true, ordering: .relaxed) }
        return isWhole
    }

    /// A list's coarse codes and identifiers, where they are mapped.
    struct Record {
        /// Without fine codes.
        let codes: saccade_scan_codes
        let clips: UnsafePointer<Int64>
        let media: UnsafePointer<Int64>
        let firstBlock: Int

        var count: Int { codes.count }
        var blocks: Int { (count + SegmentSize.block - 1) / SegmentSize.block }

        fileprivate init(_ start: UnsafeRawPointer, _ entry: InvertedList, _ layout: InvertedLayout) {
            // The kernels' type serves their writers as well; nothing writes here.
            let memory = UnsafeMutableRawPointer(mutating: start)
            codes = saccade_scan_codes(
                coarse: memory.assumingMemoryBound(to: UInt8.self), fine: nil,
                step: (memory + layout.steps(blocks: entry.blocks)).assumingMemoryBound(to: Float.self),
                residual: (memory + layout.residuals(blocks: entry.blocks)).assumingMemoryBound(to: Float.self),
                count: entry.count, groups: layout.groups)
            clips = UnsafePointer((memory + layout.clips(blocks: entry.blocks)).assumingMemoryBound(to: Int64.self))
            media = UnsafePointer((memory + layout.media(blocks: entry.blocks)).assumingMemoryBound(to: Int64.self))
            firstBlock = entry.firstBlock
        }
    }
}

/// Checksums of bytes and of words.
enum Checksum {
    static func of(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { saccade_checksum($0.baseAddress, $0.count) } }

    static func of(_ words: [UInt64]) -> UInt64 {
        of(words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } })
    }
}
