import Threads

extension Variable {
    /// Elementwise sum. The shapes are equal, or one is broadcast to the other by NumPy's rule (trailing axes match or are 1).
    package static func + (left: Variable, right: Variable) -> Variable { combine(.add, left, right) }

    /// Elementwise difference, broadcast as in `+`.
    package static func - (left: Variable, right: Variable) -> Variable { combine(.subtract, left, right) }

    /// Elementwise product, broadcast as in `+`.
    package static func * (left: Variable, right: Variable) -> Variable { combine(.multiply, left, right) }

    /// factor · self.
    package func scaled(by factor: Scalar) -> Variable {
        Variable(value.scaled(by: factor), from: [self]) { [$0.scaled(by: factor)] }
    }

    /// Repeats axes of length 1 and missing leading axes until the shape is `shape`.
    package func broadcast(to shape: [Int]) -> Variable {
        if self.shape == shape { return self }
        let own = self.shape
        let rows = BroadcastRows(from: own, to: shape)
        let source = value
        let result = Tensor<Scalar>(uninitialized: shape) { out in
            parallelFor(rows.count, grain: max(1, elementwiseGrain / max(1, rows.width))) { range in
                rows.forEach(range) { row, from in
                    let target = out + row * rows.width
                    if rows.repeatsElement {
                        fill(target, with: source.pointer[from], count: rows.width)
                    } else {
                        target.update(from: source.pointer + from, count: rows.width)
                    }
                }
            }
        }
        return Variable(result, from: [self]) { dy in
            var dx = Tensor<Scalar>(zeros: own)
            dx.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                if rows.repeatsElement {
                    rows.forEach(0..<rows.count) { row, to in
                        base[to] += Scalar.sum(dy.pointer + row * rows.width, count: rows.width)
                    }
                    return
                }
                // Threads have columns: several rows of the gradient meet in one row of the result.
                parallelFor(rows.width, grain: max(16, elementwiseGrain / max(1, rows.count))) { columns in
                    rows.forEach(0..<rows.count) { row, to in
                        Scalar.accumulate(
                            dy.pointer + row * rows.width + columns.lowerBound, scaledBy: 1,
                            into: base + to + columns.lowerBound, count: columns.count)
                    }
                }
            }
            return [dx]
        }
    }

    private static func combine(_ operation: BinaryOperation, _ left: Variable, _ right: Variable) -> Variable {
        if isSuffix(right.shape, of: left.shape) { return combineRows(operation, left, right) }
        if isSuffix(left.shape, of: right.shape) {
            return combineRows(operation, left.broadcast(to: right.shape), right)
        }
        let shape = broadcastShape(left.shape, right.shape)
        return combineRows(operation, left.broadcast(to: shape), right.broadcast(to: shape))
    }

    /// `right`'s shape is the end of `left`'s.
    private static func combineRows(_ operation: BinaryOperation, _ left: Variable, _ right: Variable) -> Variable {
        let (a, b) = (left.value, right.value)
        let result = rowwise(operation, a, b)
        let (needsLeft, needsRight) = (left.requiresGradient, right.requiresGradient)
        return Variable(result, from: [left, right]) { dy in
            let da: Tensor<Scalar>? =
                !needsLeft ? nil : operation == .multiply ? rowwise(.multiply, dy, b) : dy
            guard needsRight else { return [da, nil] }
            var db = operation == .multiply ? rowwise(.multiply, dy, a) : dy
            if db.count != b.count { db = db.sumOfRows(of: b.count) }
            return [da, operation == .subtract ? db.scaled(by: -1) : db]
        }
    }
}

private func rowwise<Scalar: TensorScalar>(
    _ operation: BinaryOperation, _ a: Tensor<Scalar>, _ b: Tensor<Scalar>
) -> Tensor<Scalar> {
    if a.count == b.count {
        return a.mapped { x, y, range in
            Scalar.combine(operation, x, b.pointer + range.lowerBound, y, rows: 1, count: range.count)
        }
    }
    let width = b.count
    return Tensor(uninitialized: a.shape) { out in
        parallelFor(a.count / width, grain: max(1, elementwiseGrain / width)) { rows in
            Scalar.combine(
                operation, a.pointer + rows.lowerBound * width, b.pointer, out + rows.lowerBound * width,
                rows: rows.count,
                count: width)
        }
    }
}

private func isSuffix(_ suffix: [Int], of shape: [Int]) -> Bool {
    let significant = suffix.drop { $0 == 1 }
    guard suffix.count <= shape.count, !shape.contains(0) else { return suffix == shape }
    return shape.suffix(significant.count).elementsEqual(significant)
}

private func broadcastShape(_ a: [Int], _ b: [Int]) -> [Int] {
    let rank = max(a.count, b.count)
    let a = Array(repeating: 1, count: rank - a.count) + a
    let b = Array(repeating: 1, count: rank - b.count) + b
    return zip(a, b).map { x, y in
        precondition(x == y || x == 1 || y == 1, "shapes \(a) and \(b) can't be broadcast to each other")
        return x == 1 ? y : x
    }
}

/// Which row of a small tensor each row (along the last axis) of a broadcast one repeats.
private struct BroadcastRows {
    let width: Int
    /// True when the last axis is the one that is repeated.
    let repeatsElement: Bool
    private let outer: [Int]
    private let strides: [Int]

    init(from source: [Int], to target: [Int]) {
        precondition(source.count <= target.count, "shape \(source) can't be broadcast to \(target)")
        let padded = Array(repeating: 1, count: target.count - source.count) + source
        for (a, b) in zip(padded, target) {
            precondition(a == b || a == 1, "shape \(source) can't be broadcast to \(target)")
        }
        width = target.last ?? 1
        repeatsElement = (padded.last ?? 1) == 1
        outer = Array(target.dropLast())
        var stride = padded.last ?? 1
        var strides: [Int] = []
        for length in padded.dropLast().reversed() {
            strides.append(length == 1 ? 0 : stride)
            stride *= length
        }
        self.strides = strides.reversed()
    }

    /// Rows of the broadcast tensor.
    var count: Int { outer.elementCount }

    func forEach(_ rows: Range<Int>, _ body: (_ row: Int, _ offset: Int) -> Void) {
        for row in rows {
            var rest = row
            var offset = 0
            for axis in outer.indices.reversed() {
                offset += rest % outer[axis] * strides[axis]
                rest /= outer[axis]
            }
            body(row, offset)
        }
    }
}
