package import Tensors

/// The gradients of a number with respect to variables, by reverse accumulation.
///
/// The graph is used up: what its steps kept is freed on the way, and asking a second time is a mistake that stops the program,
/// unless `keepingGraph` is true.
///
/// - Parameters:
///   - loss: a variable with one element.
///   - variables: parameters, or anything that `loss` was computed from.
///   - keepingGraph: true to be able to ask again.
/// - Returns: a tensor of each variable's shape; zeros for one that `loss` doesn't depend on.
package func gradients<Scalar: TensorScalar>(
    of loss: Variable<Scalar>, withRespectTo variables: [Variable<Scalar>], keepingGraph: Bool = false
) -> [Tensor<Scalar>] {
    precondition(loss.value.count == 1, "a gradient is taken of one number, not of shape \(loss.shape)")
    let wanted = Set(variables.map(ObjectIdentifier.init))
    var pending: [ObjectIdentifier: Tensor<Scalar>] = [
        ObjectIdentifier(loss): Tensor(repeating: 1, shape: loss.shape)
    ]
    var found: [ObjectIdentifier: Tensor<Scalar>] = [:]
    // Variables are numbered as they are made: falling numbers visit each after all that was computed from it.
    var order = reachable(from: loss).sorted { $0.number < $1.number }
    while let variable = order.popLast() {
        let identity = ObjectIdentifier(variable)
        guard let gradient = pending.removeValue(forKey: identity) else { continue }
        if wanted.contains(identity) { found[identity] = gradient }
        guard let step = keepingGraph ? variable.step : variable.takeStep(), let function = step.gradient else {
            continue
        }
        let inputGradients = function(gradient)
        for (input, gradient) in zip(step.inputs, inputGradients) where input.requiresGradient {
            guard let gradient else { continue }
            precondition(gradient.count == input.value.count)
            let key = ObjectIdentifier(input)
            if pending[key] == nil {
                pending[key] = gradient.reshaped(input.shape)
            } else {
                pending[key]!.add(gradient)
            }
        }
    }
    return variables.map { found[ObjectIdentifier($0)] ?? Tensor(zeros: $0.shape) }
}

private func reachable<Scalar: TensorScalar>(from root: Variable<Scalar>) -> [Variable<Scalar>] {
    guard root.requiresGradient else { return [] }
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(root)]
    var found = [root]
    var next = 0
    while next < found.count {
        for input in found[next].step?.inputs ?? [] where input.requiresGradient {
            if seen.insert(ObjectIdentifier(input)).inserted { found.append(input) }
        }
        next += 1
    }
    return found
}
