import CKernels
import Tensors

/// A packed matrix product. Owns its C memory.
final class PointwiseWeights: @unchecked Sendable {
    // Sendable: the memory is written in `init` only.
    let pointer: UnsafeMutablePointer<saccade_pointwise>

    /// - Parameters:
    ///   - weight: [outputs, inputs], outputs a multiple of 8.
    ///   - bias: [outputs].
    init(weight: Tensor<Float>, bias: Tensor<Float>, level: saccade_simd_level) throws {
        let outputs = weight.shape[0]
        let inputs = outputs == 0 ? 0 : weight.count / outputs
        let packed = weight.withUnsafeBufferPointer { weight in
            bias.withUnsafeBufferPointer { bias in
                saccade_pointwise_create(level, Int32(inputs), Int32(outputs), weight.baseAddress, bias.baseAddress)
            }
        }
        guard let packed else {
            throw ModelError(
                .tensor, "a convolution of \(inputs) to \(outputs) channels can't be packed: 8 must divide them")
        }
        pointer = packed
    }

    deinit { saccade_pointwise_destroy(pointer) }

    var outputs: Int { Int(pointer.pointee.outputs) }

    /// [rows, inputs] → [rows, outputs], see `saccade_pointwise_apply`.
    func apply(
        _ input: UnsafePointer<Float>, rows: Int, relu6: Bool, output: UnsafeMutablePointer<Float>
    ) {
        saccade_pointwise_apply(pointer, input, Int32(rows), relu6 ? 1 : 0, nil, output)
    }
}

/// A packed depthwise convolution. Owns its C memory.
final class DepthwiseWeights: @unchecked Sendable {
    // Sendable: the memory is written in `init` only.
    let pointer: UnsafeMutablePointer<saccade_depthwise>

    /// - Parameters:
    ///   - weight: [channels, kernel, kernel], channels a multiple of 8, kernel 3 or 5.
    ///   - bias: [channels].
    init(weight: Tensor<Float>, bias: Tensor<Float>, stride: Int, level: saccade_simd_level) throws {
        let channels = weight.shape[0]
        let kernel = weight.shape[1]
        let packed = weight.withUnsafeBufferPointer { weight in
            bias.withUnsafeBufferPointer { bias in
                saccade_depthwise_create(
                    level, Int32(channels), Int32(kernel), Int32(stride), weight.baseAddress, bias.baseAddress)
            }
        }
        guard let packed else {
            throw ModelError(
                .tensor,
                "a depthwise convolution of \(channels) channels, kernel \(kernel), stride \(stride) can't be packed")
        }
        pointer = packed
    }

    deinit { saccade_depthwise_destroy(pointer) }
}

/// An inverted residual, ready to run: the rows' source, the depthwise convolution, the projection.
struct InvertedResidual: Sendable {
    enum Source {
        case expand(PointwiseWeights)
        case copy
        case stem(PointwiseWeights)
    }

    let source: Source
    let depthwise: DepthwiseWeights
    let project: PointwiseWeights
    let isResidual: Bool
    let stride: Int

    private func withBlock<Result>(_ body: (UnsafePointer<saccade_block>) -> Result) -> Result {
        var block = saccade_block()
        switch source {
        case .expand(let weights):
            block.source = SACCADE_ROWS_EXPAND
            block.expand = UnsafePointer(weights.pointer)
        case .copy: block.source = SACCADE_ROWS_COPY
        case .stem(let weights):
            block.source = SACCADE_ROWS_STEM
            block.expand = UnsafePointer(weights.pointer)
        }
        block.depthwise = UnsafePointer(depthwise.pointer)
        block.project = UnsafePointer(project.pointer)
        block.residual = isResidual ? 1 : 0
        return withExtendedLifetime(self) { withUnsafePointer(to: block, body) }
    }

    /// The size of the output for an input of this size.
    func outputSize(_ size: MapSize) -> MapSize {
        if case .stem = source { return size.divided(by: 2).divided(by: stride) }
        return size.divided(by: stride)
    }

    /// Floats of scratch that `run` needs.
    func scratch(_ size: MapSize) -> Int {
        withBlock { saccade_block_scratch($0, Int32(size.height), Int32(size.width)) }
    }

    /// Computes one image; see `saccade_block_apply`.
    func run(
        _ input: UnsafeRawPointer, size: MapSize, output: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        withBlock { saccade_block_apply($0, input, Int32(size.height), Int32(size.width), output, scratch) }
    }
}

/// Rows and columns of a map or a picture.
struct MapSize: Equatable, Sendable {
    var height: Int
    var width: Int

    var area: Int { height * width }

    func divided(by stride: Int) -> MapSize {
        MapSize(height: (height + stride - 1) / stride, width: (width + stride - 1) / stride)
    }
}
