import CKernels
import Foundation
import Glibc
package import Models
package import SystemPackage
package import Tensors
import Threads

/// What a frozen image encoder sees in one frame, as it is kept for training: a row of half-precision numbers, the pooled vector
/// first, then the maps from coarse to fine, each position by position.
package struct FeatureLayout: Sendable, Equatable, Codable {
    /// Numbers of the pooled vector; 0 when there is none.
    package var pooledChannels: Int
    /// Coarse to fine.
    package var maps: [FeatureMapSize]

    package init(pooledChannels: Int, maps: [FeatureMapSize]) {
        self.pooledChannels = pooledChannels
        self.maps = maps
    }

    /// Numbers in a row.
    var rowCount: Int { start(ofMap: maps.count) }

    /// Numbers before a map's.
    func start(ofMap index: Int) -> Int {
        maps.prefix(index).reduce(pooledChannels) { $0 + $1.positions * $1.channels }
    }
}

/// The frozen encoder's features of every frame of a data set, computed once and kept in one file that is mapped, not read.
///
/// The file: a line of JSON (the header) padded with spaces to 4,096 bytes; one row a frame; the number of frames of each item
/// as 32-bit little-endian integers. A file that was cut short, or was made of other items, by another encoder or in another format, doesn't open,
/// and is made anew.
package final class FeatureStore: @unchecked Sendable {
    // Safe to share: the mapping is read-only and lives as long as the object.
    private struct Header: Codable {
        var format = FeatureStore.format
        var layout: FeatureLayout
        /// Digest of the backbone and of the list of items.
        var origin: String
        var frames: Int
        var items: Int

        var size: Int { FeatureStore.headerSize + frames * layout.rowCount * 2 + items * 4 }
    }

    private static let headerSize = 4096
    /// Of the file. 2: maps are listed from coarse to fine.
    package static let format = 2

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
        guard let header = try? JSONDecoder().decode(Header.self, from: bytes), header.format == Self.format,
            header.origin == origin,
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

    /// Copies the pooled vectors of some frames: [indices.count, channels].
    package func pooled(_ indices: [Int]) -> Tensor<Float> {
        Tensor(uninitialized: [indices.count, layout.pooledChannels]) { target in
            copy(indices, from: 0, count: layout.pooledChannels, to: target)
        }
    }

    /// Copies one map of some frames: [indices.count, positions, channels].
    ///
    /// - Parameter index: the map's place from coarse to fine.
    package func map(_ index: Int, _ indices: [Int]) -> Tensor<Float> {
        let size = layout.maps[index]
        return Tensor(uninitialized: [indices.count, size.positions, size.channels]) { target in
            copy(indices, from: layout.start(ofMap: index), count: size.positions * size.channels, to: target)
        }
    }

    private func copy(_ indices: [Int], from start: Int, count: Int, to target: UnsafeMutablePointer<Float>) {
        let first = (mapping + Self.headerSize).assumingMemoryBound(to: UInt16.self) + start
        let stride = layout.rowCount
        for index in indices { precondition((0..<frames).contains(index), "frame \(index) of \(frames)") }
        parallelFor(indices.count, grain: 1) { range in
            for row in range { saccade_half_to_float(first + indices[row] * stride, target + row * count, count) }
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
        ///   - features: of all frames, with at least the maps of the layout.
        ///   - frameCounts: of the items that the frames belong to.
        package mutating func append(_ features: VisualFeatures, frameCounts: [Int]) throws {
            let frames = frameCounts.reduce(0, +)
            var rows = [UInt16](repeating: 0, count: layout.rowCount * frames)
            rows.withUnsafeMutableBufferPointer { target in
                func put(_ tensor: Tensor<Float>, at start: Int, count: Int) {
                    precondition(
                        tensor.count == frames * count, "features of \(tensor.shape) don't hold \(frames) frames")
                    guard let first = target.baseAddress, tensor.count > 0 else { return }
                    tensor.withUnsafeBufferPointer { source in
                        for frame in 0..<frames {
                            saccade_float_to_half(
                                source.baseAddress! + frame * count, first + frame * layout.rowCount + start, count)
                        }
                    }
                }
                if let pooled = features.pooled { put(pooled, at: 0, count: layout.pooledChannels) }
                for (index, size) in layout.maps.enumerated() {
                    put(
                        features.maps[index].values, at: layout.start(ofMap: index),
                        count: size.positions * size.channels)
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
