package import Tensors

/// A model's parameter with what training needs to know of it.
package struct TrainableParameter: Sendable {
    package var name: String
    package var variable: Variable<Float>
    /// Times the run's learning rate: pre-trained parts learn more slowly than new ones.
    package var learningRateScale: Double
    package var weightDecay: Double
    /// The run's steps before it leave the parameter as it is; then its learning rate rises as the run's did at its beginning.
    package var firstStep: Int

    package init(
        name: String, variable: Variable<Float>, learningRateScale: Double = 1, weightDecay: Double, firstStep: Int = 0
    ) {
        self.name = name
        self.variable = variable
        self.learningRateScale = learningRateScale
        self.weightDecay = weightDecay
        self.firstStep = firstStep
    }
}

/// AdamW over a list of parameters, with the gradients clipped by their global norm.
package struct Optimiser {
    package struct Settings: Sendable, Equatable, Codable {
        package var learningRate: Double
        package var beta1 = 0.9
        package var beta2 = 0.999
        package var epsilon = 1e-8
        /// Gradients whose global norm is larger are scaled down to it.
        package var clippingNorm = 1.0

        package init(learningRate: Double) { self.learningRate = learningRate }
    }

    package let parameters: [TrainableParameter]
    package let settings: Settings
    package let schedule: LearningRateSchedule
    /// Steps taken.
    package var step = 0
    package var firstMoments: [Tensor<Float>]
    package var secondMoments: [Tensor<Float>]

    package init(parameters: [TrainableParameter], settings: Settings, schedule: LearningRateSchedule) {
        self.parameters = parameters
        self.settings = settings
        self.schedule = schedule
        firstMoments = parameters.map { Tensor(zeros: $0.variable.value.shape) }
        secondMoments = firstMoments
    }

    /// Takes one step.
    ///
    /// - Returns: the gradients' global norm before clipping. When it isn't finite nothing is changed but the step's number.
    package mutating func update(gradients: [Tensor<Float>]) -> Double {
        let norm = globalNorm(gradients)
        defer { step += 1 }
        guard norm.isFinite else { return norm }
        let scale = norm > settings.clippingNorm ? settings.clippingNorm / norm : 1
        let rate = settings.learningRate * schedule.factor(at: step)
        for (index, parameter) in parameters.enumerated() where step >= parameter.firstStep {
            let own = step - parameter.firstStep
            let rise = parameter.firstStep == 0 ? 1 : min(1, Double(own + 1) / Double(max(1, schedule.warmupSteps)))
            let update = AdamWStep(
                learningRate: rate * rise * parameter.learningRateScale, beta1: settings.beta1, beta2: settings.beta2,
                epsilon: settings.epsilon, weightDecay: parameter.weightDecay, gradientScale: scale, number: own + 1)
            parameter.variable.update { value in
                update.update(
                    &value, gradient: gradients[index], firstMoment: &firstMoments[index],
                    secondMoment: &secondMoments[index])
            }
        }
        return norm
    }
}
