import Glibc
import Threads

extension Tensor {
    /// Axis i of the result is axis `axes[i]` of self.
    package func transposed(_ axes: [Int]) -> Tensor {
        let walk = TransposedWalk(shape, axes)
        return Tensor(uninitialized: axes.map { shape[$0] }) { out in
            // Words of a fixed size, because a generic type's elements are copied by a call each.
            if walk.block > 1 {
                walk.copyBlocks(from: pointer, to: out, blockBytes: walk.block * MemoryLayout<Scalar>.stride)
            } else if MemoryLayout<Scalar>.stride == 4 {
                pointer.withMemoryRebound(to: UInt32.self, capacity: count) { source in
                    out.withMemoryRebound(to: UInt32.self, capacity: count) { walk.copy32(from: source, to: $0) }
                }
            } else {
                walk.copyBlocks(from: pointer, to: out, blockBytes: MemoryLayout<Scalar>.stride)
            }
        }
    }
}

/// The order in which a transposition reads its source.
private struct TransposedWalk {
    /// Elements that stay together: the last axis when it stays last.
    let block: Int
    private let lengths: [Int]
    private let steps: [Int]

    init(_ shape: [Int], _ axes: [Int]) {
        let isLastKept = axes.last == shape.count - 1
        block = isLastKept ? shape[shape.count - 1] : 1
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        let moved = isLastKept ? Array(axes.dropLast()) : axes
        lengths = moved.map { shape[$0] }
        steps = moved.map { strides[$0] }
    }

    func copyBlocks(from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, blockBytes: Int) {
        let unit = blockBytes / max(1, block)
        forEachLine(grain: max(1, 65_536 / max(1, blockBytes * (lengths.last ?? 1)))) { line, offset in
            let step = steps.last ?? 0
            for i in 0..<(lengths.last ?? 1) {
                memcpy(
                    target + (line * (lengths.last ?? 1) + i) * blockBytes, source + (offset + i * step) * unit,
                    blockBytes)
            }
        }
    }

    func copy32(from source: UnsafePointer<UInt32>, to target: UnsafeMutablePointer<UInt32>) {
        let length = lengths.last ?? 1
        let step = steps.last ?? 0
        forEachLine(grain: max(1, 16_384 / max(1, length))) { line, offset in
            let to = target + line * length
            let from = source + offset
            for i in 0..<length { to[i] = from[i * step] }
        }
    }

    /// Calls `body` for each line along the result's last moved axis, with the source's place of its first element.
    private func forEachLine(grain: Int, _ body: (_ line: Int, _ offset: Int) -> Void) {
        let outer = lengths.dropLast()
        parallelFor(outer.reduce(1, *), grain: grain) { range in
            for line in range {
                var rest = line
                var offset = 0
                for axis in outer.indices.reversed() {
                    offset += rest % lengths[axis] * steps[axis]
                    rest /= lengths[axis]
                }
                body(line, offset)
            }
        }
    }
}
