import CKernels

/// A number that tensors are made of: `Float` for work, `Double` as the reference that gradients are checked with.
///
/// The requirements are the kernels of the operations. Each has a plain loop as its default, which `Double` uses; `Float`
/// replaces them with C kernels. All run in the calling thread; operations divide their work among threads by calling
/// them on parts. Matrices are row-major; counts are elements.
package protocol TensorScalar: BinaryFloatingPoint, Sendable where Self.RawSignificand: FixedWidthInteger {
    static func exponential(_ x: Self) -> Self
    static func logarithm(_ x: Self) -> Self
    static func hyperbolicTangent(_ x: Self) -> Self
    static func errorFunction(_ x: Self) -> Self

    /// c[m,n] = alpha · op(a) · op(b) + beta · c.
    static func gemm(_ product: MatrixProduct<Self>)

    /// y[i] = operation(x[i]); y may be x.
    static func apply(
        _ operation: UnaryOperation, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, count: Int)

    /// dx[i] = dy[i] · operation′(x[i]); dx may be dy.
    static func applyGradient(
        _ operation: UnaryOperation, _ x: UnsafePointer<Self>, _ dy: UnsafePointer<Self>,
        _ dx: UnsafeMutablePointer<Self>, count: Int)

    /// out[r, i] = a[r, i] operation b[i] over `rows` rows of `count`; out may be a.
    static func combine(
        _ operation: BinaryOperation, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>,
        _ out: UnsafeMutablePointer<Self>, rows: Int, count: Int)

    /// y[i] += factor · x[i].
    static func accumulate(
        _ x: UnsafePointer<Self>, scaledBy factor: Self, into y: UnsafeMutablePointer<Self>, count: Int)

    /// y[i] = factor · x[i]; y may be x.
    static func scale(_ x: UnsafePointer<Self>, by factor: Self, into y: UnsafeMutablePointer<Self>, count: Int)

    /// y[i] += a[i] · b[i].
    static func accumulateProduct(
        _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, into y: UnsafeMutablePointer<Self>, count: Int)

    /// y[i] = x[i] · scale where a hash of seed and index is at least `threshold`, else 0; y may be x.
    static func dropout(_ pass: DropoutPass<Self>, count: Int)

    static func dot(_ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, count: Int) -> Self

    static func sum(_ x: UnsafePointer<Self>, count: Int) -> Self

    /// y[i] += Σ_r x[r · stride + i] for `rows` rows.
    static func accumulateRows(
        _ x: UnsafePointer<Self>, rows: Int, stride: Int, into y: UnsafeMutablePointer<Self>, count: Int)

    /// y[r, i] = (x − mean) · inverseDeviation · gamma[i] + beta[i], with each row's two statistics kept.
    static func layerNorm(_ norm: LayerNormPass<Self>, _ y: UnsafeMutablePointer<Self>)

    /// dx of `layerNorm`, and dgamma += Σ dy · x̂, dbeta += Σ dy.
    static func layerNormGradient(
        _ norm: LayerNormPass<Self>, _ dy: UnsafePointer<Self>, _ dx: UnsafeMutablePointer<Self>,
        dgamma: UnsafeMutablePointer<Self>, dbeta: UnsafeMutablePointer<Self>)

    /// y[r] = softmax(x[r]) for `rows` rows of `count`; y may be x.
    static func softmax(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, rows: Int, count: Int)

    /// dx = y · (dy − Σ y·dy), row by row; dx may be dy.
    static func softmaxGradient(
        _ y: UnsafePointer<Self>, _ dy: UnsafePointer<Self>, _ dx: UnsafeMutablePointer<Self>, rows: Int, count: Int)

    /// result[r] = log Σ e^x[r, i], without overflow.
    static func logSumExp(_ x: UnsafePointer<Self>, _ result: UnsafeMutablePointer<Self>, rows: Int, count: Int)

    /// y[i] = factor · e^(x[i] − shift); y may be x.
    static func shiftedExponential(
        _ x: UnsafePointer<Self>, shift: Self, factor: Self, into y: UnsafeMutablePointer<Self>, count: Int)

    /// Attention of one head of one item: probabilities and output. See `AttentionHead`.
    static func attend(_ head: AttentionHead<Self>)

    /// Gradients of `attend` with respect to query, key and value.
    static func attendGradient(_ head: AttentionHead<Self>, _ gradient: AttentionHeadGradient<Self>)

    /// The depthwise convolution of one map, with ReLU6 on its result. See `DepthwisePass`.
    static func depthwise(
        _ pass: DepthwisePass<Self>, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// dx of `depthwise`, taken through the ReLU6 that x is a result of; dweights and dbias are added to.
    static func depthwiseGradient(
        _ pass: DepthwisePass<Self>, _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, _ dy: UnsafePointer<Self>,
        _ dx: UnsafeMutablePointer<Self>, dweights: UnsafeMutablePointer<Self>, dbias: UnsafeMutablePointer<Self>)

    /// AdamW on a range of elements, in place. See `AdamWStep`.
    static func adamW(_ step: AdamWStep, _ buffers: AdamWBuffers<Self>, count: Int)

    /// Σ x², in double precision.
    static func sumOfSquares(_ x: UnsafePointer<Self>, count: Int) -> Double
}

/// Functions of one number.
package enum UnaryOperation: Int32, Sendable, CaseIterable {
    case relu, gelu, swish, tanh, sigmoid, exponential, logarithm, relu6, quickGELU, tanhGELU
}

/// Functions of two numbers.
package enum BinaryOperation: Int32, Sendable, CaseIterable {
    case add, subtract, multiply
}

/// A matrix product c = alpha · op(a) · op(b) + beta · c: op(a) is [m, k], op(b) is [k, n], c is [m, n]; a stride is the distance between rows as stored.
package struct MatrixProduct<Scalar: TensorScalar> {
    package var m: Int
    package var n: Int
    package var k: Int
    package var a: UnsafePointer<Scalar>
    package var aStride: Int
    package var transposeA: Bool
    package var b: UnsafePointer<Scalar>
    package var bStride: Int
    package var transposeB: Bool
    package var c: UnsafeMutablePointer<Scalar>
    package var cStride: Int
    package var alpha: Scalar
    package var beta: Scalar

    package init(
        m: Int, n: Int, k: Int, a: UnsafePointer<Scalar>, aStride: Int, transposeA: Bool = false,
        b: UnsafePointer<Scalar>, bStride: Int, transposeB: Bool = false, c: UnsafeMutablePointer<Scalar>,
        cStride: Int, alpha: Scalar = 1, beta: Scalar = 0
    ) {
        self.m = m
        self.n = n
        self.k = k
        self.a = a
        self.aStride = aStride
        self.transposeA = transposeA
        self.b = b
        self.bStride = bStride
        self.transposeB = transposeB
        self.c = c
        self.cStride = cStride
        self.alpha = alpha
        self.beta = beta
    }
}

/// Rows to be normalised, and their statistics.
package struct LayerNormPass<Scalar: TensorScalar> {
    var x: UnsafePointer<Scalar>
    var gamma: UnsafePointer<Scalar>
    var beta: UnsafePointer<Scalar>
    var mean: UnsafeMutablePointer<Scalar>
    var inverseDeviation: UnsafeMutablePointer<Scalar>
    var rows: Int
    var count: Int
    var epsilon: Scalar
}

/// A range of elements to drop from. The mask is a function of seed and index, so nothing but the seed is kept for the gradient.
package struct DropoutPass<Scalar: TensorScalar> {
    var x: UnsafePointer<Scalar>
    var y: UnsafeMutablePointer<Scalar>
    /// The index of the first element in the whole tensor.
    var offset: UInt32
    var seed: UInt32
    /// rate · 2³².
    var threshold: UInt32
    var scale: Scalar
}

/// One head of one item: queries [queries, depth] and keys and values [keys, depth], whose rows lie a stride apart.
///
/// The probabilities are stored [keys, `lanes(for: queries)`], so that neighbouring queries share a vector: see `saccade_attention_head`.
/// Query i sees the keys `visible(i)`.
package struct AttentionHead<Scalar: TensorScalar> {
    var query: UnsafePointer<Scalar>
    var queryStride: Int
    var key: UnsafePointer<Scalar>
    var keyStride: Int
    var value: UnsafePointer<Scalar>
    var valueStride: Int
    var probabilities: UnsafeMutablePointer<Scalar>
    var output: UnsafeMutablePointer<Scalar>
    var outputStride: Int
    var queries: Int
    /// The length of the memory's key axis.
    var keys: Int
    /// Keys from here on are padding.
    var keyLength: Int
    var depth: Int
    var mask: AttentionMask
    /// `scratchCount(queries, keys, depth)` elements for the kernel's own use.
    var scratch: UnsafeMutablePointer<Scalar>

    /// The number of queries rounded up to whole vectors.
    static func lanes(for queries: Int) -> Int { Int(saccade_query_stride(Int64(queries))) }

    static func scratchCount(queries: Int, keys: Int, depth: Int) -> Int {
        Int(saccade_attention_scratch(Int64(queries), Int64(keys), Int64(depth)))
    }

    /// The keys that query `i` sees; the others have probability 0.
    func visible(_ i: Int) -> Range<Int> {
        switch mask {
        case .none: 0..<keyLength
        case .causal: 0..<min(i + 1, keyLength)
        case .anticausal: min(i, keyLength)..<keyLength
        }
    }
}

/// Where `attendGradient` reads and writes: dquery is overwritten, and so are dkey and dvalue unless `adding`.
package struct AttentionHeadGradient<Scalar: TensorScalar> {
    var doutput: UnsafePointer<Scalar>
    var dquery: UnsafeMutablePointer<Scalar>
    var dkey: UnsafeMutablePointer<Scalar>
    var dvalue: UnsafeMutablePointer<Scalar>
    var adding: Bool
}

/// A depthwise convolution of one map [height · width, channels], row by row, with TensorFlow's SAME padding.
package struct DepthwisePass<Scalar: TensorScalar> {
    var height: Int
    var width: Int
    var channels: Int
    /// 3 or 5.
    var kernel: Int
    /// 1 or 2.
    var stride: Int
    /// [kernel², channels].
    var weights: UnsafePointer<Scalar>
    /// [channels].
    var bias: UnsafePointer<Scalar>
    /// `scratchCount` elements for the kernel's own use.
    var scratch: UnsafeMutablePointer<Scalar>

    static func scratchCount(height: Int, width: Int, kernel: Int, stride: Int) -> Int {
        var map = saccade_depthwise_map()
        (map.height, map.width) = (Int64(height), Int64(width))
        (map.kernel, map.stride) = (Int64(kernel), Int64(stride))
        return Int(saccade_depthwise_map_scratch(&map))
    }
}

/// Which keys a query sees, beside the padding that it never sees.
package enum AttentionMask: Int32, Sendable, CaseIterable {
    /// All.
    case none
    /// Its own place and those before it.
    case causal
    /// Its own place and those after it.
    case anticausal
}
