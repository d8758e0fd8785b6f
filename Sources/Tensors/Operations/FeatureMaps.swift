import Threads

// Feature maps are [N, H, W, C]: the channels of one place lie side by side.

extension Variable {
    /// A 3×3 convolution of each channel by itself, stride 1, zeros beyond the edge.
    ///
    /// - Parameters:
    ///   - weight: [3, 3, C].
    ///   - bias: [C], or none.
    /// - Returns: the shape of self, [N, H, W, C].
    package func depthwiseConvolution3x3(weight: Variable, bias: Variable? = nil) -> Variable {
        precondition(
            shape.count == 4 && weight.shape == [3, 3, shape[3]] && (bias == nil || bias!.shape == [shape[3]]),
            "depthwiseConvolution3x3: input \(shape), weight \(weight.shape), bias \(bias?.shape ?? [])")
        let map = MapShape(shape)
        let (x, w) = (value, weight.value)
        let b = bias?.value
        let result = Tensor<Scalar>(uninitialized: shape) { out in
            map.forEachPlace { place, y in
                let to = out + place * map.channels
                if let b {
                    to.update(from: b.pointer, count: map.channels)
                } else {
                    fill(to, with: 0, count: map.channels)
                }
                map.forEachNeighbour(of: place, y) { tap, neighbour in
                    Scalar.accumulateProduct(
                        x.pointer + neighbour * map.channels, w.pointer + tap * map.channels, into: to,
                        count: map.channels)
                }
            }
        }
        let needs = (requiresGradient, weight.requiresGradient, bias?.requiresGradient ?? false)
        return Variable(result, from: [self, weight] + (bias.map { [$0] } ?? [])) { dy in
            let dx =
                !needs.0
                ? nil
                : Tensor<Scalar>(uninitialized: x.shape) { out in
                    map.forEachPlace { place, y in
                        let to = out + place * map.channels
                        fill(to, with: 0, count: map.channels)
                        // What place p gave to p + d comes back through the opposite tap.
                        map.forEachNeighbour(of: place, y) { tap, neighbour in
                            Scalar.accumulateProduct(
                                dy.pointer + neighbour * map.channels, w.pointer + (8 - tap) * map.channels, into: to,
                                count: map.channels)
                        }
                    }
                }
            let dw = !needs.1 ? nil : map.weightGradient(x, dy)
            let db = !needs.2 ? nil : dy.sumOfRows(of: map.channels)
            return b == nil ? [dx, dw] : [dx, dw, db]
        }
    }

    /// Each place repeated 2×2: [N, H, W, C] → [N, 2H, 2W, C].
    package func upsampled2x() -> Variable {
        precondition(shape.count == 4, "upsampled2x: input \(shape)")
        return Variable(value.repeated2x(), from: [self]) { [$0.summed2x()] }
    }

    /// The mean of each 2×2 places: [N, 2H, 2W, C] → [N, H, W, C].
    package func averagePooled2x() -> Variable {
        precondition(shape.count == 4 && shape[1] % 2 == 0 && shape[2] % 2 == 0, "averagePooled2x: input \(shape)")
        return Variable(value.summed2x().scaled(by: 0.25), from: [self]) { [$0.scaled(by: 0.25).repeated2x()] }
    }
}

extension Tensor {
    /// [N, H, W, C] → [N, 2H, 2W, C].
    fileprivate func repeated2x() -> Tensor {
        let (rows, width, channels) = (shape[0] * shape[1], shape[2], shape[3])
        return Tensor(uninitialized: [shape[0], 2 * shape[1], 2 * width, channels]) { out in
            parallelFor(rows, grain: max(1, elementwiseGrain / max(1, width * channels))) { range in
                for row in range {
                    let to = out + row * 4 * width * channels
                    for place in 0..<width {
                        let from = pointer + (row * width + place) * channels
                        (to + 2 * place * channels).update(from: from, count: channels)
                        (to + (2 * place + 1) * channels).update(from: from, count: channels)
                    }
                    (to + 2 * width * channels).update(from: to, count: 2 * width * channels)
                }
            }
        }
    }

    /// [N, 2H, 2W, C] → [N, H, W, C].
    fileprivate func summed2x() -> Tensor {
        let (rows, width, channels) = (shape[0] * shape[1] / 2, shape[2] / 2, shape[3])
        return Tensor(uninitialized: [shape[0], shape[1] / 2, width, channels]) { out in
            parallelFor(rows, grain: max(1, elementwiseGrain / max(1, width * channels))) { range in
                for row in range {
                    let from = pointer + row * 4 * width * channels
                    for place in 0..<width {
                        let to = out + (row * width + place) * channels
                        let corner = from + 2 * place * channels
                        to.update(from: corner, count: channels)
                        for other in [1, 2 * width, 2 * width + 1] {
                            Scalar.accumulate(corner + other * channels, scaledBy: 1, into: to, count: channels)
                        }
                    }
                }
            }
        }
    }
}

/// w₁·a + w₂·b with learned weights that are kept positive and normalised: wᵢ = max(rᵢ, 0) / (Σ max(rⱼ, 0) + 10⁻⁴).
///
/// Source: "fast normalized fusion" of M. Tan, R. Pang, Q. Le, "EfficientDet", CVPR 2020, section 3.3.
///
/// - Parameter weights: r, [2].
package func fused<Scalar: TensorScalar>(
    _ a: Variable<Scalar>, _ b: Variable<Scalar>, weights: Variable<Scalar>
) -> Variable<Scalar> {
    precondition(a.shape == b.shape && weights.shape == [2], "fused: \(a.shape), \(b.shape), weights \(weights.shape)")
    let raw = weights.value.scalars
    let positive = raw.map { max($0, 0) }
    let total = positive[0] + positive[1] + 1e-4
    let (first, second) = (positive[0] / total, positive[1] / total)
    let (x, y) = (a.value, b.value)
    let result = x.mapped { x, out, range in
        Scalar.scale(x, by: first, into: out, count: range.count)
        Scalar.accumulate(y.pointer + range.lowerBound, scaledBy: second, into: out, count: range.count)
    }
    let needs = (a.requiresGradient, b.requiresGradient, weights.requiresGradient)
    return Variable(result, from: [a, b, weights]) { dy in
        var dweights: Tensor<Scalar>?
        if needs.2 {
            let products = [x.dot(dy), y.dot(dy)]
            let mean = first * products[0] + second * products[1]
            dweights = Tensor(
                zip(raw, products).map { raw, product in raw > 0 ? (product - mean) / total : 0 }, shape: [2])
        }
        return [
            needs.0 ? dy.scaled(by: first) : nil, needs.1 ? dy.scaled(by: second) : nil, dweights,
        ]
    }
}

extension Tensor {
    /// Σ self · other, summed by blocks of a fixed size.
    func dot(_ other: Tensor) -> Scalar {
        let block = 16_384
        let blocks = (count + block - 1) / block
        let partial = Tensor(uninitialized: [blocks]) { out in
            parallelFor(blocks) { range in
                for i in range {
                    let start = i * block
                    out[i] = Scalar.dot(pointer + start, other.pointer + start, count: min(block, count - start))
                }
            }
        }
        return Scalar.sum(partial.pointer, count: blocks)
    }
}

/// The geometry of [N, H, W, C] and of a 3×3 window on it.
private struct MapShape {
    let images: Int
    let height: Int
    let width: Int
    let channels: Int

    init(_ shape: [Int]) { (images, height, width, channels) = (shape[0], shape[1], shape[2], shape[3]) }

    /// Calls `body` for every place, on all threads, with the place's index and its row in the image.
    func forEachPlace(_ body: (_ place: Int, _ y: Int) -> Void) {
        parallelFor(images * height, grain: max(1, 4096 / max(1, width * channels))) { range in
            for row in range {
                for column in 0..<width { body(row * width + column, row % height) }
            }
        }
    }

    /// The places under a 3×3 window that lie in the image, with the number of the window's tap, 0 to 8.
    func forEachNeighbour(of place: Int, _ y: Int, _ body: (_ tap: Int, _ neighbour: Int) -> Void) {
        let x = place % width
        for dy in max(-1, -y)...min(1, height - 1 - y) {
            for dx in max(-1, -x)...min(1, width - 1 - x) {
                body((dy + 1) * 3 + dx + 1, place + dy * width + dx)
            }
        }
    }

    func weightGradient<Scalar: TensorScalar>(_ x: Tensor<Scalar>, _ dy: Tensor<Scalar>) -> Tensor<Scalar> {
        // One sum an image and a sum of those, so that the order doesn't depend on the number of threads.
        let size = 9 * channels
        let partial = Tensor<Scalar>(uninitialized: [images, size]) { out in
            parallelFor(images) { range in
                for image in range {
                    let sums = out + image * size
                    fill(sums, with: 0, count: size)
                    for y in 0..<height {
                        for column in 0..<width {
                            let place = (image * height + y) * width + column
                            forEachNeighbour(of: place, y) { tap, neighbour in
                                Scalar.accumulateProduct(
                                    x.pointer + neighbour * channels, dy.pointer + place * channels,
                                    into: sums + tap * channels, count: channels)
                            }
                        }
                    }
                }
            }
        }
        return partial.sumOfRows(of: size).reshaped([3, 3, channels])
    }
}
