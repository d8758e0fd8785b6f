import Synchronization

/// A value in a computation that remembers how it was made, when a gradient can be asked of it.
///
/// Operations record themselves only when an input requires a gradient, so one forward pass serves training and inference:
/// on constants it keeps nothing.
package final class Variable<Scalar: TensorScalar>: @unchecked Sendable {
    // Sendable: a constant's value never changes, so threads may share it. Parameters and what is computed from them
    // belong to the one training loop that updates them; the compiler can't see that.

    package private(set) var value: Tensor<Scalar>

    /// True for parameters and for everything computed from one.
    package let requiresGradient: Bool

    /// Greater than that of everything it was computed from.
    package let number: Int
    /// Nil for parameters, for constants, and for what was computed from constants alone.
    package private(set) var step: RecordedStep<Scalar>?

    /// A value that no gradient is asked for.
    package init(constant value: Tensor<Scalar>) {
        self.value = value
        requiresGradient = false
        number = 0
    }

    /// A value that is learned.
    package init(parameter value: Tensor<Scalar>) {
        self.value = value
        requiresGradient = true
        number = nextNumber()
    }

    /// The result of an operation.
    ///
    /// - Parameters:
    ///   - inputs: what it was computed from.
    ///   - gradient: from the gradient of the result to those of the inputs, in their order; nil for an input that
    ///     requires none. It isn't kept when no input requires a gradient.
    init(
        _ value: Tensor<Scalar>, from inputs: [Variable],
        gradient: @escaping (Tensor<Scalar>) -> [Tensor<Scalar>?]
    ) {
        self.value = value
        requiresGradient = inputs.contains(where: \.requiresGradient)
        if requiresGradient {
            number = nextNumber()
            step = RecordedStep(inputs: inputs, gradient: gradient)
        } else {
            number = 0
        }
    }

    package var shape: [Int] { value.shape }

    /// Changes a parameter's value, in place when no recorded step holds it.
    package func update<Result>(_ body: (inout Tensor<Scalar>) throws -> Result) rethrows -> Result {
        precondition(step == nil, "only parameters and constants can be updated")
        return try body(&value)
    }

    /// The same value as a constant: no gradient flows through it.
    package var detached: Variable { Variable(constant: value) }

    /// Takes the step out, so that what it keeps is freed as soon as it has been used.
    package func takeStep() -> RecordedStep<Scalar>? {
        defer { step?.isConsumed = true }
        guard let step, !step.isConsumed else {
            precondition(
                step == nil, "this variable's gradients have been taken already: keep the graph to take them again")
            return nil
        }
        let copy = RecordedStep(inputs: step.inputs, gradient: step.gradient)
        step.gradient = nil
        step.inputs = []
        return copy
    }
}

/// How a variable was computed.
package final class RecordedStep<Scalar: TensorScalar> {
    package fileprivate(set) var inputs: [Variable<Scalar>]
    /// From the gradient of the variable to those of the inputs, in their order.
    package fileprivate(set) var gradient: ((Tensor<Scalar>) -> [Tensor<Scalar>?])?
    fileprivate var isConsumed = false

    fileprivate init(inputs: [Variable<Scalar>], gradient: ((Tensor<Scalar>) -> [Tensor<Scalar>?])?) {
        self.inputs = inputs
        self.gradient = gradient
    }
}

private let lastNumber = Atomic<Int>(0)

private func nextNumber() -> Int { lastNumber.add(1, ordering: .relaxed).newValue }
