import Threads
import CKernels
import Foundation
import Glibc

package import SystemPackage

package import Tensors

/// What a frozen backbone sees in one frame, as it is kept for training: four maps in a row of half-precision numbers.
///
/// Maps are NHWC: `pooled` [C], `c5` [h₅·w₅, C₅], `c4` [h₄·w₄, C₄], `c3` [h₃·w₃, C₃].
package struct FeatureLayout: Sendable, Equatable, Codable {
    package struct Map: Sendable, Equatable, Codable {
        /// Positions: height × width; 1 for a pooled map.
        package var positions: Int
        package var channels: Int

        package init(positions: Int, channels: Int) {
            self.positions = positions
            self.channels = channels
        }

        package var count: Int { positions * channels }
    }

    package enum Part: Int, Sendable, CaseIterable { case pooled, c5, c4, c3 }

    package var pooled: Map
    package var c5: Map
    package var c4: Map
    package var c3: Map

    package init(pooled: Map, c5: Map, c4: Map, c3: Map) {
        self.pooled = pooled
        self.c5 = c5
        self.c4 = c4
        self.c3 = c3
    }

    package subscript(part: Part) -> Map {
        switch part {
        case .pooled: pooled
        case .c5: c5
        case .c4: c4
        case .c3: c3
        }
    }

    /// Numbers in a row.
    var rowCount: Int { pooled.count + c5.count + c4.count + c3.count }

    func offset(of part: Part) -> Int {
        switch part {
        case .pooled: 0
        case .c5: pooled.count
        case .c4: pooled.count + c5.count
        case .c3: pooled.count + c5.count + c4.count
        }
    }
}

/// The frozen backbone's features of every frame of a data set, computed once and kept in one file that is mapped, not read.
///
/// The file: a line of JSON (the header) padded with spaces to 4,096 bytes; one row a frame; the number of frames of each item
/// as 32-bit little-endian integers. A file that was cut short, or was made of other items or by another backbone, doesn't open,
/// and is made anew.
package final class FeatureStore: @unchecked Sendable {
    // Safe to share: the mapping is read-only and lives as long as the object.
    private struct Header: Codable {
        var format = 1
        var layout: FeatureLayout
        /// Digest of the backbone and of the list of items.
        var origin: String
        var frames: Int
        var items: Int

        var size: Int { FeatureStore.headerSize + frames * layout.rowCount * 2 + items * 4 }
    }

    private static let headerSize = 4096

    package let layout: FeatureLayout
    /// Frames of each item, whose rows follow each other.
    package let frameCounts: [Int]
    package let frames: Int
    private let mapping: UnsafeRawPointer
    private let mappedSize: Int

    /// Opens a finished store; nil when there is none or it isn't of this origin.
    package init?(path: FilePath, origin: String) {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size >= Self.headerSize,
            let address = mmap(nil, Int(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED
        else { return nil }
        let size = Int(status.st_size)
        let bytes = Data(bytes: address, count: Self.headerSize)
        guard let header = try? JSONDecoder().decode(Header.self, from: bytes), header.origin == origin,
            header.frames >= 0, header.items >= 0, header.size == size
        else {
            munmap(address, size)
            return nil
        }
        let counts = (UnsafeRawPointer(address) + size - header.items * 4)
        frameCounts = (0..<header.items).map {
            Int(UInt32(littleEndian: counts.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)))
        }
        mapping = UnsafeRawPointer(address)
        mappedSize = size
        layout = header.layout
        frames = header.frames
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: mapping), mappedSize)
    }

    /// Copies one map of some frames: [indices.count, positions, channels].
    package func rows(_ part: FeatureLayout.Part, _ indices: [Int]) -> Tensor<Float> {
        let map = layout[part]
        let first = (mapping + Self.headerSize).assumingMemoryBound(to: UInt16.self) + layout.offset(of: part)
        let stride = layout.rowCount
        for index in indices { precondition((0..<frames).contains(index), "frame \(index) of \(frames)") }
        return Tensor(uninitialized: [indices.count, map.positions, map.channels]) { target in
            parallelFor(indices.count, grain: 1) { range in
                for row in range {
                    saccade_half_to_float(first + indices[row] * stride, target + row * map.count, map.count)
                }
            }
        }
    }

    /// Writes a store item by item; it gets its name only when it is complete.
    package struct Writer: ~Copyable {
        private let path: FilePath
        private let partial: FilePath
        private let layout: FeatureLayout
        private let origin: String
        private var frameCounts: [UInt32] = []
        private let handle: FileHandle

        /// - Throws: ``DatasetError`` when the folder can't be written.
        package init(path: FilePath, layout: FeatureLayout, origin: String) throws {
            let partial = FilePath(path.string + ".partial")
            let folder = path.removingLastComponent().string
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            guard FileManager.default.createFile(atPath: partial.string, contents: nil),
                let handle = FileHandle(forWritingAtPath: partial.string)
            else { throw DatasetError("\(partial): can't be written; choose a folder for features that you may write") }
            try handle.write(contentsOf: Data(repeating: UInt8(ascii: " "), count: FeatureStore.headerSize))
            self.path = path
            self.layout = layout
            self.origin = origin
            self.partial = partial
            self.handle = handle
        }

        /// Appends the frames of one item or of several.
        ///
        /// - Parameters:
        ///   - maps: each [frames, positions, channels] or any shape with as many numbers.
        ///   - frameCounts: of the items that the frames belong to.
        package mutating func append(_ maps: [FeatureLayout.Part: Tensor<Float>], frameCounts: [Int]) throws {
            let frames = frameCounts.reduce(0, +)
            var rows = [UInt16](repeating: 0, count: layout.rowCount * frames)
            rows.withUnsafeMutableBufferPointer { target in
                for part in FeatureLayout.Part.allCases {
                    guard let tensor = maps[part], let first = target.baseAddress, tensor.count > 0 else { continue }
                    let size = layout[part].count
                    precondition(
                        tensor.count == frames * size, "a map of \(tensor.shape) doesn't hold \(frames) frames")
                    tensor.withUnsafeBufferPointer { source in
                        for frame in 0..<frames {
                            saccade_float_to_half(
                                source.baseAddress! + frame * size,
                                first + frame * layout.rowCount + layout.offset(of: part), size)
                        }
                    }
                }
            }
            try rows.withUnsafeBytes { try handle.write(contentsOf: Data($0)) }
            self.frameCounts += frameCounts.map { UInt32($0) }
        }

        package consuming func finish() throws {
            let frames = frameCounts.reduce(0) { $0 + Int($1) }
            try frameCounts.map(\.littleEndian).withUnsafeBytes { try handle.write(contentsOf: Data($0)) }
            let header = Header(layout: layout, origin: origin, frames: frames, items: frameCounts.count)
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: try JSONEncoder().encode(header))
            try handle.synchronize()
            try handle.close()
            guard rename(partial.string, path.string) == 0 else {
                throw DatasetError("\(path): can't be written; choose a folder for features that you may write")
            }
        }
    }
}
