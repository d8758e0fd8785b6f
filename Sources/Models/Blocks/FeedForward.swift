import Tensors

/// What a transformer's layer does with each vector by itself: W₂·φ(W₁x + b₁) + b₂.
struct FeedForward<Scalar: TensorScalar>: Sendable {
    let expand: Linear<Scalar>
    let project: Linear<Scalar>
    var activation = Activation.gelu

    func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> { project(expand(x, then: activation)) }
}
