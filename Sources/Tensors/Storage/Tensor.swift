import Threads

/// Numbers in a box of any rank: contiguous, the last axis fastest.
///
/// A value: copies share memory until one of them is written. Rank 0 (`shape == []`) is a single number.
package struct Tensor<Scalar: TensorScalar>: Sendable {
    package private(set) var shape: [Int]
    private var buffer: TensorBuffer<Scalar>

    /// - Parameters:
    ///   - values: the elements in row-major order; as many as `shape` says.
    ///   - shape: the length of each axis.
    package init(_ values: [Scalar], shape: [Int]) {
        precondition(values.count == shape.elementCount, "\(values.count) values don't fill a tensor of shape \(shape)")
        self.init(uninitialized: shape) { pointer in
            values.withUnsafeBufferPointer { source in
                if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
            }
        }
    }

    package init(_ value: Scalar) { self.init([value], shape: []) }

    package init(zeros shape: [Int]) { self.init(repeating: 0, shape: shape) }

    package init(repeating value: Scalar, shape: [Int]) {
        self.init(uninitialized: shape) { pointer in
            let count = shape.elementCount
            parallelFor(count, grain: elementwiseGrain) { range in
                fill(pointer + range.lowerBound, with: value, count: range.count)
            }
        }
    }

    /// A tensor whose every element `body` writes.
    package init(uninitialized shape: [Int], _ body: (UnsafeMutablePointer<Scalar>) -> Void) {
        precondition(shape.allSatisfy { $0 >= 0 }, "a tensor can't have the shape \(shape)")
        self.shape = shape
        buffer = TensorBuffer(count: shape.elementCount)
        body(buffer.pointer)
    }

    /// Normal random numbers with mean 0.
    package init(normal shape: [Int], deviation: Double, using random: inout SplitMix64) {
        self.init((0..<shape.elementCount).map { _ in Scalar(random.nextNormal() * deviation) }, shape: shape)
    }

    private init(shape: [Int], buffer: TensorBuffer<Scalar>) {
        self.shape = shape
        self.buffer = buffer
    }

    /// How many elements there are.
    package var count: Int { buffer.count }

    package var rank: Int { shape.count }

    /// The elements in row-major order, copied.
    package var scalars: [Scalar] { withUnsafeBufferPointer { Array($0) } }

    /// The only element of a tensor with one.
    package var scalar: Scalar {
        precondition(count == 1, "a tensor of shape \(shape) isn't a single number")
        return withUnsafeBufferPointer { $0[0] }
    }

    package func withUnsafeBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Scalar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(buffer) {} }
        return try body(UnsafeBufferPointer(start: buffer.pointer, count: buffer.count))
    }

    /// Writes in place when no other tensor shares the memory, else into a copy.
    package mutating func withUnsafeMutableBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Scalar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if !isKnownUniquelyReferenced(&buffer) {
            let copy = TensorBuffer<Scalar>(count: buffer.count)
            copy.pointer.update(from: buffer.pointer, count: buffer.count)
            buffer = copy
        }
        defer { withExtendedLifetime(buffer) {} }
        return try body(UnsafeMutableBufferPointer(start: buffer.pointer, count: buffer.count))
    }

    /// True when writing would not copy.
    mutating func isUnshared() -> Bool { isKnownUniquelyReferenced(&buffer) }

    /// The elements' memory: valid while this tensor, or one that shares its memory, lives.
    var pointer: UnsafePointer<Scalar> { UnsafePointer(buffer.pointer) }

    /// The same elements in another shape, without a copy.
    package func reshaped(_ shape: [Int]) -> Tensor {
        precondition(shape.elementCount == count, "a tensor of shape \(self.shape) can't have the shape \(shape)")
        return Tensor(shape: shape, buffer: buffer)
    }
}

extension Tensor: Equatable {
    package static func == (left: Tensor, right: Tensor) -> Bool {
        left.shape == right.shape
            && left.withUnsafeBufferPointer { a in
                right.withUnsafeBufferPointer { b in a.elementsEqual(b) }
            }
    }
}

extension [Int] {
    /// The number of elements of a tensor with this shape.
    var elementCount: Int { reduce(1, *) }
}

/// Elements of cheap arithmetic that are worth a second thread.
let elementwiseGrain = 16_384
