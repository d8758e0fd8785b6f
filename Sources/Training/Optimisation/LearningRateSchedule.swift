import Glibc

/// Linear warm-up, then half a cosine down to a floor.
///
/// Source: I. Loshchilov, F. Hutter, "SGDR", ICLR 2017, with one cycle.
package struct LearningRateSchedule: Sendable, Equatable, Codable {
    package var steps: Int
    package var warmupSteps: Int
    /// What is left of the rate at the end, as a part of it.
    package var floor: Double

    package init(steps: Int, warmupSteps: Int, floor: Double = 0.001) {
        self.steps = steps
        self.warmupSteps = warmupSteps
        self.floor = floor
    }

    /// The factor of the learning rate at `step`, which counts from 0.
    package func factor(at step: Int) -> Double {
        if step < warmupSteps { return Double(step + 1) / Double(warmupSteps) }
        let progress = min(1, Double(step - warmupSteps) / Double(max(1, steps - warmupSteps)))
        return floor + (1 - floor) * (1 + cos(.pi * progress)) / 2
    }
}
