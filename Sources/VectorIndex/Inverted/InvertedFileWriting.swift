import CKernels
import Glibc
import SystemPackage

/// The writing of one inverted file, list by list.
struct Writing {
    private let rows: Rows
    private let quantiser: CoarseQuantiser
    private let snapshot: VectorIndexSnapshot
    private let trainedCount: Int
    /// Whether vectors of the snapshot's file stay in their lists.
    private let staying: Bool
    private let isStopped: () -> Bool
    private let layout: InvertedLayout

    init(
        _ rows: Rows, quantiser: CoarseQuantiser, snapshot: VectorIndexSnapshot, trainedCount: Int, staying: Bool,
        isStopped: @escaping () -> Bool
    ) {
        self.rows = rows
        self.quantiser = quantiser
        self.snapshot = snapshot
        self.trainedCount = trainedCount
        self.staying = staying
        self.isStopped = isStopped
        layout = InvertedLayout(
            dimensions: snapshot.settings.dimensions, lists: quantiser.lists,
            blocks: rows.counts.reduce(0) { $0 + ($1 + SegmentSize.block - 1) / SegmentSize.block })
    }

    func write(to path: FilePath, origin: InvertedFile.Origin) throws(InvertedFileError) {
        let unfinished = FilePath(path.string + ".new")
        let output = try OutputFile(unfinished)
        do throws(InvertedFileError) {
            try write(into: output, origin: origin)
            try output.finish(as: path)
        } catch {
            output.remove()
            throw error
        }
    }

    private func write(into output: OutputFile, origin: InvertedFile.Origin) throws(InvertedFileError) {
        try output.reserve(layout.end)
        var lists: [InvertedList] = []
        var (block, row) = (0, 0)
        var least = Int64.max
        var greatest = Int64.min
        for list in 0..<quantiser.lists {
            guard !isStopped() else { throw .stopped }
            let count = rows.counts[list]
            var entry = InvertedList(
                firstBlock: block, count: count, spread: count > 0 ? Float(rows.distances[list] / Double(count)) : 0,
                checksum: 0)
            let contents = try Contents(
                rows.places[row..<row + count], list: list, snapshot: snapshot, staying: staying, layout: layout)
            entry.checksum = contents.checksum
            try output.write(contents.record, at: layout.records + block * layout.blockBytes)
            try output.write(contents.fine, at: layout.fine + block * SegmentSize.block * layout.rowBytes)
            least = min(least, contents.clips.lowerBound)
            greatest = max(greatest, contents.clips.upperBound)
            lists.append(entry)
            block += entry.blocks
            row += count
        }
        var directory: [UInt8] = []
        directory.reserveCapacity(layout.directoryEnd - layout.table)
        func append(_ word: UInt32) {
            for byte in 0..<4 { directory.append(UInt8(truncatingIfNeeded: word >> (8 * UInt32(byte)))) }
        }
        for list in lists {
            append(UInt32(list.firstBlock))
            append(UInt32(list.count))
            append(list.spread.bitPattern)
            append(0)
            append(UInt32(truncatingIfNeeded: list.checksum))
            append(UInt32(truncatingIfNeeded: list.checksum >> 32))
        }
        for number in quantiser.centroids { append(number.bitPattern) }
        for number in quantiser.covariance { append(number.bitPattern) }
        try output.write(directory, at: layout.table)
        var header = InvertedHeader(
            dimensions: snapshot.settings.dimensions, lists: quantiser.lists, blocks: layout.blocks,
            count: rows.places.count, trainedCount: trainedCount, clips: least...greatest, origin: origin)
        header.checksum = Checksum.of(directory)
        try output.write(header.bytes, at: 0)
    }
}

/// A list's bytes.
private struct Contents {
    let record: [UInt8]
    let fine: [UInt8]
    let checksum: UInt64
    /// The least and the greatest clip; the reverse of everything for none.
    let clips: (lowerBound: Int64, upperBound: Int64)

    init(
        _ places: ArraySlice<Rows.Place>, list: Int, snapshot: VectorIndexSnapshot, staying: Bool,
        layout: InvertedLayout
    ) throws(InvertedFileError) {
        let blocks = (places.count + SegmentSize.block - 1) / SegmentSize.block
        var record = [UInt8](repeating: 0, count: blocks * layout.blockBytes)
        var fine = [UInt8](repeating: 0, count: blocks * SegmentSize.block * layout.rowBytes)
        var sources: [Source] = []
        sources.reserveCapacity(places.count)
        // Those that stay come from the same list, whose fine codes are read in one go.
        var kept: FineRows?
        for place in places { sources.append(try Source(place, in: snapshot)) }
        if staying, let file = snapshot.inverted, let old = file.file.record(of: list) {
            kept = try FineRows(of: list, old, in: file.file)
        }
        // Clips of one media item lie together then, and the file is the same for the same content.
        sources.sort { $0.clip < $1.clip }
        let width = layout.width
        let isWhole = record.withUnsafeMutableBytes { record in
            fine.withUnsafeMutableBytes { fine -> Bool in
                guard let start = record.baseAddress, let rows = fine.baseAddress else { return true }
                var target = saccade_scan_codes(
                    coarse: start.assumingMemoryBound(to: UInt8.self), fine: nil,
                    step: (start + layout.steps(blocks: blocks)).assumingMemoryBound(to: Float.self),
                    residual: (start + layout.residuals(blocks: blocks)).assumingMemoryBound(to: Float.self),
                    count: sources.count, groups: layout.groups)
                let clips = (start + layout.clips(blocks: blocks)).assumingMemoryBound(to: Int64.self)
                let media = (start + layout.media(blocks: blocks)).assumingMemoryBound(to: Int64.self)
                for (slot, source) in sources.enumerated() {
                    clips[slot] = source.clip
                    media[slot] = source.media
                    withUnsafePointer(to: source.codes) { saccade_scan_copy_coarse($0, source.slot, &target, slot) }
                    let row = rows + slot * layout.rowBytes
                    if let own = source.codes.fine {
                        row.copyMemory(from: own + source.slot * width, byteCount: width)
                    } else if let kept {
                        kept.withRow(source.slot) { row.copyMemory(from: $0, byteCount: width) }
                    } else if let file = snapshot.inverted?.file {
                        guard file.readRows(of: source.list, slots: source.slot...source.slot, into: row),
                            file.isWhole(row)
                        else { return false }
                    }
                    let checksum = saccade_checksum(row, width)
                    row.storeBytes(of: checksum.littleEndian, toByteOffset: width, as: UInt64.self)
                }
                return true
            }
        }
        guard isWhole else { throw .damaged("fine codes are not what was written") }
        checksum = Checksum.of(record)
        self.record = record
        self.fine = fine
        clips = (sources.first?.clip ?? .max, sources.last?.clip ?? .min)
    }
}

/// Where a vector is taken from.
private struct Source {
    let clip: Int64
    let media: Int64
    /// Without fine codes when they are in the file.
    let codes: saccade_scan_codes
    let slot: Int
    /// In the file.
    var list = 0

    init(_ place: Rows.Place, in snapshot: VectorIndexSnapshot) throws(InvertedFileError) {
        guard place.part == 0, let file = snapshot.inverted?.file else {
            let segment = snapshot.segments[Int(place.part) - 1].segment
            slot = Int(place.slot)
            clip = segment.clips[slot]
            media = segment.media[slot]
            codes = segment.codes.codes
            return
        }
        list = file.list(at: Int(place.slot) / SegmentSize.block)
        guard let record = file.record(of: list) else { throw .damaged("a list is not what was written") }
        slot = Int(place.slot) - record.firstBlock * SegmentSize.block
        clip = record.clips[slot]
        media = record.media[slot]
        codes = record.codes
    }
}

/// A file that is written at any offset and gets its name when it is on the disk.
private final class OutputFile {
    private let path: FilePath
    private let descriptor: CInt

    init(_ path: FilePath) throws(InvertedFileError) {
        self.path = path
        _ = path.withPlatformString { unlink($0) }
        descriptor = path.withPlatformString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
        guard descriptor >= 0 else { throw .unwritable(Errno(rawValue: errno)) }
    }

    deinit {
        close(descriptor)
    }

    /// Takes the room at once, so that a full disk is met before the work is done.
    func reserve(_ count: Int) throws(InvertedFileError) {
        let failure = posix_fallocate(descriptor, 0, off_t(count))
        // Not every file system can.
        guard failure == 0 || failure == EOPNOTSUPP || failure == EINVAL else {
            throw .unwritable(Errno(rawValue: failure))
        }
        guard ftruncate(descriptor, off_t(count)) == 0 else { throw .unwritable(Errno(rawValue: errno)) }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(InvertedFileError) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress! + done, bytes.count - done, off_t(offset + done))
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .unwritable(Errno(rawValue: errno)) }
            done += written
        }
    }

    func finish(as name: FilePath) throws(InvertedFileError) {
        guard fsync(descriptor) == 0 else { throw .unwritable(Errno(rawValue: errno)) }
        let status = path.withPlatformString { from in name.withPlatformString { rename(from, $0) } }
        guard status == 0 else { throw .unwritable(Errno(rawValue: errno)) }
        let folder = name.removingLastComponent()
        let directory = folder.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }

    func remove() {
        _ = path.withPlatformString { unlink($0) }
    }
}
