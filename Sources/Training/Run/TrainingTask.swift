package import Tensors

/// What a training run optimises: a model on a data set with an objective.
///
/// The batches of a step depend on the step's number and the seed alone, so that a resumed run is the same run to the bit.
package protocol TrainingTask {
    /// Every parameter that is trained, in a fixed order.
    var parameters: [TrainableParameter] { get }
    /// How many steps one pass over the data takes.
    var stepsPerEpoch: Int { get }

    /// Its settings, as text: a checkpoint of a task with others isn't resumed.
    var identity: String { get }

    /// The loss of one step's batch.
    ///
    /// - Parameter random: seeded for this step: what the batch, the dropout and the frames are drawn with.
    func loss(step: Int, random: inout SplitMix64) throws -> Variable<Float>

    /// Measures the model on the validation set.
    ///
    /// - Returns: named figures for the log, and the one by which the best checkpoint is kept (higher is better).
    func validate() throws -> (score: Double, figures: [(name: String, value: Double)])
}

/// The order in which a data set is gone through: a new permutation each epoch.
package struct EpochOrder: Sendable {
    private let count: Int
    private let batch: Int
    private let seed: UInt64

    /// - Parameter batch: a batch is never filled up with items of the next epoch; the remainder waits for another permutation.
    package init(count: Int, batch: Int, seed: UInt64) {
        self.count = count
        self.batch = min(batch, count)
        self.seed = seed
    }

    package var stepsPerEpoch: Int { max(1, count / max(1, batch)) }

    /// The items of a step's batch.
    package func indices(step: Int) -> [Int] {
        let epoch = step / stepsPerEpoch
        var random = SplitMix64(seed: seed &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15)
        let order = (0..<count).shuffled(using: &random)
        let start = (step % stepsPerEpoch) * batch
        return Array(order[start..<(start + batch)])
    }
}
