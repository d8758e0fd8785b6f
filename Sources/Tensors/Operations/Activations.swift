extension Variable {
    /// max(x, 0).
    package func relu() -> Variable { applying(.relu) }

    /// min(max(x, 0), 6).
    package func relu6() -> Variable { applying(.relu6) }

    /// x · Φ(x), with the exact normal distribution (erf), as BERT uses it.
    package func gelu() -> Variable { applying(.gelu) }

    /// x · sigmoid(1.702 x), as OpenAI's CLIP has it.
    package func quickGELU() -> Variable { applying(.quickGELU) }

    /// x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2.
    ///
    /// Source: Hendrycks and Gimpel, "Gaussian error linear units", arXiv 1606.08415, §2; quickGELU as well.
    package func tanhGELU() -> Variable { applying(.tanhGELU) }

    /// x · sigmoid(x).
    package func swish() -> Variable { applying(.swish) }

    package func tanh() -> Variable { applying(.tanh) }

    /// 1 / (1 + e⁻ˣ).
    package func sigmoid() -> Variable { applying(.sigmoid) }

    /// eˣ.
    package func exp() -> Variable { applying(.exponential) }

    /// The natural logarithm; −∞ for 0 and NaN below.
    package func log() -> Variable { applying(.logarithm) }

    /// A function of each element.
    package func applying(_ operation: UnaryOperation) -> Variable {
        let x = value
        let result = x.mapped(grain: 4096) { x, y, range in Scalar.apply(operation, x, y, count: range.count) }
        return Variable(result, from: [self]) { dy in
            [
                x.mapped(grain: 4096) { x, dx, range in
                    Scalar.applyGradient(operation, x, dy.pointer + range.lowerBound, dx, count: range.count)
                }
            ]
        }
    }

    /// Zeroes each element with probability `rate` and scales the others by 1/(1 − rate). The identity for a rate of 0.
    ///
    /// One number is drawn from `random`; the mask is a function of it.
    package func dropout(rate: Double, using random: inout SplitMix64) -> Variable {
        precondition(rate >= 0 && rate < 1, "a dropout rate lies in 0..<1, not \(rate)")
        guard rate > 0 else { return self }
        let seed = UInt32(truncatingIfNeeded: random.next())
        func masked(_ tensor: Tensor<Scalar>) -> Tensor<Scalar> {
            tensor.mapped { x, y, range in
                Scalar.dropout(
                    DropoutPass(
                        x: x, y: y, offset: UInt32(truncatingIfNeeded: range.lowerBound), seed: seed,
                        threshold: UInt32(rate * 4_294_967_296), scale: Scalar(1 / (1 - rate))),
                    count: range.count)
            }
        }
        return Variable(masked(value), from: [self]) { [masked($0)] }
    }
}
