package import Tensors

/// An exponential moving average of a run's parameters, which validates and is written in their place.
///
/// With w the decay, limited to (1 + t)/(10 + t) in step t so that the first values are soon forgotten: a ← w·a + (1 − w)·p.
/// Source: B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992, in TensorFlow's form.
package struct WeightAverage {
    package let decay: Double
    /// In the order of the parameters.
    package internal(set) var values: [Tensor<Float>]

    package init(of parameters: [TrainableParameter], decay: Double) {
        self.decay = decay
        values = parameters.map(\.variable.value)
    }

    /// Takes in the parameters after a step.
    ///
    /// - Parameter step: steps taken.
    package mutating func update(with parameters: [TrainableParameter], step: Int) {
        let weight = min(decay, Double(1 + step) / Double(10 + step))
        for (index, parameter) in parameters.enumerated() {
            values[index].approach(parameter.variable.value, by: Float(1 - weight))
        }
    }

    /// Exchanges the average and the parameters: once to use it, and once more to go on.
    package mutating func exchange(with parameters: [TrainableParameter]) {
        for (index, parameter) in parameters.enumerated() { parameter.variable.update { swap(&$0, &values[index]) } }
    }
}
