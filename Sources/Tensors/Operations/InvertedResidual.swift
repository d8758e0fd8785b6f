import Threads

/// The weights of one convolution and what it adds.
package struct ConvolutionParameters<Scalar: TensorScalar> {
    package var weight: Variable<Scalar>
    package var bias: Variable<Scalar>

    package init(weight: Variable<Scalar>, bias: Variable<Scalar>) {
        self.weight = weight
        self.bias = bias
    }
}

/// An inverted residual: a widening product, ReLU6, a depthwise convolution, ReLU6, a narrowing product, and the input added where
/// `adds` says so.
///
/// One operation, because its wide maps are many times its input: they are made and used a few images at a time. The first
/// is kept for the gradient, the second is computed again.
///
/// Source: M. Sandler et al., "MobileNetV2", CVPR 2018, with the batch norms folded into the convolutions.
///
/// - Parameters:
///   - input: [N, height · width, C], row by row.
///   - stride: of the depthwise convolution, 1 or 2; its padding is TensorFlow's SAME.
///   - expand: weight [W, C], bias [W].
///   - depthwise: weight [W, k, k] with k of 3 or 5, bias [W].
///   - project: weight [O, W], bias [O]; O = C where the input is added.
/// - Returns: [N, ⌈height / stride⌉ · ⌈width / stride⌉, O].
package func invertedResidual<Scalar: TensorScalar>(
    _ input: Variable<Scalar>, height: Int, width: Int, stride: Int, adds: Bool,
    expand: ConvolutionParameters<Scalar>, depthwise: ConvolutionParameters<Scalar>,
    project: ConvolutionParameters<Scalar>
) -> Variable<Scalar> {
    let inputs = [input] + [expand, depthwise, project].flatMap { [$0.weight, $0.bias] }
    let block = ResidualBlock(
        shapes: inputs.map(\.shape), height: height, width: width, stride: stride, adds: adds)
    let operands = ResidualOperands(inputs.map(\.value), block)
    let recording = inputs.contains(where: \.requiresGradient)
    let wide = TensorBuffer<Scalar>(count: recording ? block.images * block.cells * block.wide : 0)
    let output = Tensor<Scalar>(uninitialized: [block.images, block.outputCells, block.outputs]) { output in
        parallelFor(block.groups) { groups in
            let scratch = ResidualScratch<Scalar>(block, wide: !recording)
            defer { withExtendedLifetime(scratch) {} }
            for group in groups {
                let images = block.images(ofGroup: group)
                let map = recording ? wide.pointer + images.lowerBound * block.cells * block.wide : scratch.wide
                block.widen(operands, images, to: map)
                block.convolve(operands, images.count, map, to: scratch.deep, scratch.kernel)
                block.narrow(operands, images, scratch.deep, to: output)
            }
        }
    }
    let needsInput = input.requiresGradient
    return Variable(output, from: inputs) { dy in
        let layout = block.gradientLayout
        let parts = block.parts
        var dx: Tensor<Scalar>?
        let sums = Tensor<Scalar>(uninitialized: [parts, layout.count]) { sums in
            func run(_ dx: UnsafeMutablePointer<Scalar>?) {
                parallelFor(parts) { range in
                    let scratch = ResidualScratch<Scalar>(block, gradients: true)
                    defer { withExtendedLifetime(scratch) {} }
                    for part in range {
                        let sums = sums + part * layout.count
                        fill(sums, with: 0, count: layout.count)
                        for group in part * block.groups / parts..<(part + 1) * block.groups / parts {
                            let images = block.images(ofGroup: group)
                            let map = wide.pointer + images.lowerBound * block.cells * block.wide
                            block.convolve(operands, images.count, map, to: scratch.deep, scratch.kernel)
                            block.gradients(operands, images, map, dy, scratch, sums: sums, dx: dx)
                        }
                    }
                }
            }
            if needsInput {
                dx = Tensor(uninitialized: operands.x.shape) { run($0) }
            } else {
                run(nil)
            }
        }
        let all = sums.sumOfRows(of: layout.count)
        return [dx] + layout.split(all, block)
    }
}

/// Rows of a product that are worth a call: fewer leave the weights' way through the cache unpaid.
let productRows = 256

/// Partial sums of a weight's gradient: a fixed number, so that the bits don't depend on how many threads there are.
let gradientParts = 8

extension Tensor {
    /// A run of elements, copied.
    func part(_ range: Range<Int>, shape: [Int]) -> Tensor {
        Tensor(uninitialized: shape) { $0.update(from: pointer + range.lowerBound, count: range.count) }
    }
}

/// An inverted residual's sizes, and its arithmetic on a group of images in one thread.
private struct ResidualBlock {
    let images: Int
    let height: Int
    let width: Int
    let inputs: Int
    let wide: Int
    let outputs: Int
    let kernel: Int
    let stride: Int
    let adds: Bool

    init(shapes: [[Int]], height: Int, width: Int, stride: Int, adds: Bool) {
        let (input, expand, depthwise, project) = (shapes[0], shapes[1], shapes[3], shapes[5])
        let sizes = "\(shapes) on \(height) × \(width), stride \(stride), adds \(adds)"
        precondition(
            input.count == 3 && expand.count == 2 && depthwise.count == 3 && project.count == 2,
            "invertedResidual: \(sizes)")
        let (wide, kernel) = (expand[0], depthwise[1])
        precondition(
            height > 0 && width > 0 && input[1] == height * width && (stride == 1 || stride == 2)
                && (kernel == 3 || kernel == 5) && (!adds || (stride == 1 && project[0] == input[2])),
            "invertedResidual: \(sizes)")
        precondition(
            expand[1] == input[2] && depthwise == [wide, kernel, kernel] && project[1] == wide
                && shapes[2] == [wide] && shapes[4] == [wide] && shapes[6] == [project[0]],
            "invertedResidual: \(sizes)")
        images = input[0]
        (self.height, self.width, self.stride, self.adds) = (height, width, stride, adds)
        (inputs, outputs, self.wide, self.kernel) = (input[2], project[0], wide, kernel)
    }

    var cells: Int { height * width }
    var outputCells: Int { ((height + stride - 1) / stride) * ((width + stride - 1) / stride) }
    var group: Int { max(1, productRows / cells) }
    var groups: Int { (images + group - 1) / group }
    var parts: Int { min(gradientParts, groups) }
    var taps: Int { kernel * kernel }
    var gradientLayout: ResidualGradientLayout { ResidualGradientLayout(self) }

    func images(ofGroup number: Int) -> Range<Int> { number * group..<min(images, (number + 1) * group) }

    /// wide = relu6(x · Eᵀ + e).
    func widen<Scalar>(
        _ operands: ResidualOperands<Scalar>, _ images: Range<Int>, to map: UnsafeMutablePointer<Scalar>
    ) {
        let rows = images.count * cells
        Scalar.gemm(
            MatrixProduct(
                m: rows, n: wide, k: inputs, a: operands.x.pointer + images.lowerBound * cells * inputs,
                aStride: inputs, b: operands.expand.pointer, bStride: inputs, transposeB: true, c: map, cStride: wide))
        Scalar.combine(.add, map, operands.expandBias.pointer, map, rows: rows, count: wide)
        Scalar.apply(.relu6, map, map, count: rows * wide)
    }

    func convolve<Scalar>(
        _ operands: ResidualOperands<Scalar>, _ count: Int, _ map: UnsafeMutablePointer<Scalar>,
        to deep: UnsafeMutablePointer<Scalar>, _ scratch: UnsafeMutablePointer<Scalar>
    ) {
        let pass = self.pass(operands, scratch)
        for image in 0..<count {
            Scalar.depthwise(pass, map + image * cells * wide, deep + image * outputCells * wide)
        }
    }

    /// output = deep · Pᵀ + p, and x where it is added.
    func narrow<Scalar>(
        _ operands: ResidualOperands<Scalar>, _ images: Range<Int>, _ deep: UnsafeMutablePointer<Scalar>,
        to output: UnsafeMutablePointer<Scalar>
    ) {
        let rows = images.count * outputCells
        let out = output + images.lowerBound * outputCells * outputs
        Scalar.gemm(
            MatrixProduct(
                m: rows, n: outputs, k: wide, a: deep, aStride: wide, b: operands.project.pointer, bStride: wide,
                transposeB: true, c: out, cStride: outputs))
        Scalar.combine(.add, out, operands.projectBias.pointer, out, rows: rows, count: outputs)
        if adds {
            Scalar.accumulate(
                operands.x.pointer + images.lowerBound * cells * inputs, scaledBy: 1, into: out, count: rows * outputs)
        }
    }

    /// Adds a group's gradients of the weights to `sums`, and writes those of the input.
    func gradients<Scalar>(
        _ operands: ResidualOperands<Scalar>, _ images: Range<Int>, _ map: UnsafeMutablePointer<Scalar>,
        _ dy: Tensor<Scalar>, _ scratch: ResidualScratch<Scalar>, sums: UnsafeMutablePointer<Scalar>,
        dx: UnsafeMutablePointer<Scalar>?
    ) {
        let layout = gradientLayout
        let (rows, outputRows) = (images.count * cells, images.count * outputCells)
        let dout = dy.pointer + images.lowerBound * outputCells * outputs
        let x = operands.x.pointer + images.lowerBound * cells * inputs
        Scalar.gemm(
            MatrixProduct(
                m: outputs, n: wide, k: outputRows, a: dout, aStride: outputs, transposeA: true, b: scratch.deep,
                bStride: wide, c: sums + layout.project, cStride: wide, beta: 1))
        Scalar.accumulateRows(
            dout, rows: outputRows, stride: outputs, into: sums + layout.projectBias, count: outputs)
        Scalar.gemm(
            MatrixProduct(
                m: outputRows, n: wide, k: outputs, a: dout, aStride: outputs, b: operands.project.pointer,
                bStride: wide, c: scratch.ddeep, cStride: wide))
        let pass = self.pass(operands, scratch.kernel)
        for image in 0..<images.count {
            let (from, to) = (image * cells * wide, image * outputCells * wide)
            Scalar.depthwiseGradient(
                pass, map + from, scratch.deep + to, scratch.ddeep + to, scratch.wide + from,
                dweights: sums + layout.depthwise, dbias: sums + layout.depthwiseBias)
        }
        Scalar.gemm(
            MatrixProduct(
                m: wide, n: inputs, k: rows, a: scratch.wide, aStride: wide, transposeA: true, b: x, bStride: inputs,
                c: sums + layout.expand, cStride: inputs, beta: 1))
        Scalar.accumulateRows(scratch.wide, rows: rows, stride: wide, into: sums + layout.expandBias, count: wide)
        guard let dx else { return }
        let din = dx + images.lowerBound * cells * inputs
        Scalar.gemm(
            MatrixProduct(
                m: rows, n: inputs, k: wide, a: scratch.wide, aStride: wide, b: operands.expand.pointer,
                bStride: inputs, c: din, cStride: inputs))
        if adds { Scalar.accumulate(dout, scaledBy: 1, into: din, count: rows * inputs) }
    }

    private func pass<Scalar>(
        _ operands: ResidualOperands<Scalar>, _ scratch: UnsafeMutablePointer<Scalar>
    ) -> DepthwisePass<Scalar> {
        DepthwisePass(
            height: height, width: width, channels: wide, kernel: kernel, stride: stride,
            weights: operands.depthwise.pointer, bias: operands.depthwiseBias.pointer, scratch: scratch)
    }
}

/// An inverted residual's input and weights, the depthwise ones [k², W] as the kernel takes them.
private struct ResidualOperands<Scalar: TensorScalar> {
    let x: Tensor<Scalar>
    let expand: Tensor<Scalar>
    let expandBias: Tensor<Scalar>
    let depthwise: Tensor<Scalar>
    let depthwiseBias: Tensor<Scalar>
    let project: Tensor<Scalar>
    let projectBias: Tensor<Scalar>

    init(_ values: [Tensor<Scalar>], _ block: ResidualBlock) {
        (x, expand, expandBias) = (values[0], values[1], values[2])
        depthwise = values[3].reshaped([block.wide, block.taps]).transposed([1, 0])
        (depthwiseBias, project, projectBias) = (values[4], values[5], values[6])
    }
}

/// Where each weight's gradient lies in one row of sums.
private struct ResidualGradientLayout {
    let expand = 0
    let expandBias: Int
    let depthwise: Int
    let depthwiseBias: Int
    let project: Int
    let projectBias: Int
    let count: Int

    init(_ block: ResidualBlock) {
        expandBias = block.wide * block.inputs
        depthwise = expandBias + block.wide
        depthwiseBias = depthwise + block.taps * block.wide
        project = depthwiseBias + block.wide
        projectBias = project + block.outputs * block.wide
        count = projectBias + block.outputs
    }

    /// In the order of the operation's parameters.
    func split<Scalar>(_ sums: Tensor<Scalar>, _ block: ResidualBlock) -> [Tensor<Scalar>?] {
        [
            sums.part(expand..<expandBias, shape: [block.wide, block.inputs]),
            sums.part(expandBias..<depthwise, shape: [block.wide]),
            sums.part(depthwise..<depthwiseBias, shape: [block.taps, block.wide]).transposed([1, 0])
                .reshaped([block.wide, block.kernel, block.kernel]),
            sums.part(depthwiseBias..<project, shape: [block.wide]),
            sums.part(project..<projectBias, shape: [block.outputs, block.wide]),
            sums.part(projectBias..<count, shape: [block.outputs]),
        ]
    }
}

/// One thread's maps of a group of images. Owns its memory.
private final class ResidualScratch<Scalar: TensorScalar> {
    private let memory: TensorBuffer<Scalar>
    /// A wide map, or its gradient.
    let wide: UnsafeMutablePointer<Scalar>
    let deep: UnsafeMutablePointer<Scalar>
    let ddeep: UnsafeMutablePointer<Scalar>
    let kernel: UnsafeMutablePointer<Scalar>

    init(_ block: ResidualBlock, wide hasWide: Bool = true, gradients: Bool = false) {
        let group = min(block.group, block.images)
        let wideCount = hasWide ? group * block.cells * block.wide : 0
        let deepCount = group * block.outputCells * block.wide
        let kernelCount = DepthwisePass<Scalar>.scratchCount(
            height: block.height, width: block.width, kernel: block.kernel, stride: block.stride)
        memory = TensorBuffer(count: kernelCount + wideCount + deepCount * (gradients ? 2 : 1))
        kernel = memory.pointer
        wide = kernel + kernelCount
        deep = wide + wideCount
        ddeep = deep + (gradients ? deepCount : 0)
    }
}
