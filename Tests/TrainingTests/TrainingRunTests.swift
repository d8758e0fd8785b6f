import Foundation
import SystemPackage
import Tensors
import TestSupport
import Testing
import Training

/// Fits y = 2x with one weight: small enough to run to the end in no time.
private final class LineTask: TrainingTask {
    let weight = Variable<Float>(parameter: Tensor([0], shape: [1, 1]))
    let stepsPerEpoch = 5
    let identity = "y = 2x"
    var isBroken = false

    var parameters: [TrainableParameter] {
        [TrainableParameter(name: "weight", variable: weight, weightDecay: 0)]
    }

    func loss(step: Int, random: inout SplitMix64) -> Variable<Float> {
        let x = Tensor<Float>(normal: [4, 1], deviation: 1, using: &random)
        let target = Variable(constant: x.reshaped([4, 1])).scaled(by: 2)
        let error = Variable(constant: x).linear(weight: weight) - target
        return isBroken ? (error * error).mean().scaled(by: .nan) : (error * error).mean()
    }

    func validate() -> (score: Double, figures: [(name: String, value: Double)]) {
        let error = abs(Double(weight.value.scalar) - 2)
        return (-error, [("error", error)])
    }
}

@Suite(.ownThread) struct TrainingRunTests {
    private func settings(epochs: Int = 6) -> TrainingRun.Settings {
        TrainingRun.Settings(epochs: epochs, learningRate: 0.2, seed: 7)
    }

    @Test func `A run learns, reports and keeps its best`() throws {
        let folder = try TemporaryDirectory()
        let task = LineTask()
        var reports: [TrainingRun.Report] = []
        let run = TrainingRun(name: "line", settings: settings(epochs: 20), folder: folder.path) { reports.append($0) }
        let score = try #require(try run.train(task))
        #expect(abs(task.weight.value.scalar - 2) < 0.2)
        #expect(abs(score + abs(Double(task.weight.value.scalar) - 2)) < 1e-6)
        #expect(reports.last?.step == 100)
        let log = try String(contentsOfFile: folder.path.appending("log.jsonl").string, encoding: .utf8)
        #expect(log.split(separator: "\n").count == reports.count)
    }

    @Test(arguments: [1, 7, 13, 25])
    func `A run that is broken off goes on to the same bits`(stop: Int) throws {
        let (whole, broken) = (try TemporaryDirectory(), try TemporaryDirectory())
        let reference = LineTask()
        try TrainingRun(name: "line", settings: settings(), folder: whole.path) { _ in }.train(reference)
        let run = TrainingRun(name: "line", settings: settings(), folder: broken.path) { _ in }
        #expect(try run.train(LineTask(), stopAfter: stop) == nil)
        let resumed = LineTask()
        try run.train(resumed)
        #expect(resumed.weight.value.scalar.bitPattern == reference.weight.value.scalar.bitPattern)
    }

    @Test(arguments: [1, 13, 25])
    func `The average of the weights is validated and kept, and a run that is broken off goes on to its bits`(
        stop: Int
    ) throws {
        var settings = self.settings()
        settings.averageDecay = 0.9
        let (plain, whole, broken) = (try TemporaryDirectory(), try TemporaryDirectory(), try TemporaryDirectory())
        func run(_ folder: TemporaryDirectory, _ settings: TrainingRun.Settings) -> TrainingRun {
            TrainingRun(name: "line", settings: settings, folder: folder.path) { _ in }
        }
        let (reference, unaveraged) = (LineTask(), LineTask())
        let score = try #require(try run(whole, settings).train(reference))
        #expect(abs(score + abs(Double(reference.weight.value.scalar) - 2)) < 1e-6)
        try run(plain, self.settings()).train(unaveraged)
        #expect(reference.weight.value.scalar != unaveraged.weight.value.scalar)
        #expect(try run(broken, settings).train(LineTask(), stopAfter: stop) == nil)
        let resumed = LineTask()
        try run(broken, settings).train(resumed)
        #expect(resumed.weight.value.scalar.bitPattern == reference.weight.value.scalar.bitPattern)
        #expect(throws: DatasetError.self) { try run(broken, self.settings()).train(LineTask()) }
    }

    @Test func `The average forgets the first weights soon and then keeps its decay`() {
        let weight = Variable<Float>(parameter: Tensor([0, 1], shape: [2]))
        let parameters = [TrainableParameter(name: "w", variable: weight, weightDecay: 0)]
        var average = WeightAverage(of: parameters, decay: 0.5)
        weight.update { $0 = Tensor([1, 3], shape: [2]) }
        average.update(with: parameters, step: 1)
        // (1 + 1) / (10 + 1) of the old value.
        let first: [Float] = [9.0 / 11, 29.0 / 11]
        for (found, expected) in zip(average.values[0].scalars, first) { #expect(abs(found - expected) < 1e-6) }
        average.update(with: parameters, step: 100)
        let second: [Float] = [10.0 / 11, 31.0 / 11]
        for (found, expected) in zip(average.values[0].scalars, second) { #expect(abs(found - expected) < 1e-6) }
        average.exchange(with: parameters)
        #expect(average.values[0] == Tensor([1, 3], shape: [2]) && weight.value.scalars != [1, 3])
    }

    @Test func `A parameter that begins later stays as it is until then, and then takes the steps of a beginning`() {
        func parameter(_ firstStep: Int) -> TrainableParameter {
            TrainableParameter(
                name: "w\(firstStep)", variable: Variable(parameter: Tensor([1], shape: [1])), weightDecay: 0,
                firstStep: firstStep)
        }
        let (early, late) = (parameter(0), parameter(3))
        var optimiser = Optimiser(
            parameters: [early, late], settings: .init(learningRate: 0.1),
            schedule: LearningRateSchedule(steps: 100, warmupSteps: 2))
        let gradient = Tensor<Float>([0.5], shape: [1])
        for _ in 0..<3 { _ = optimiser.update(gradients: [gradient, gradient]) }
        #expect(late.variable.value.scalar == 1 && early.variable.value.scalar < 0.8)
        #expect(optimiser.firstMoments[1].scalar == 0)
        let rate = 0.1 * optimiser.schedule.factor(at: 3)
        _ = optimiser.update(gradients: [gradient, gradient])
        // The first step of Adam is the learning rate, here half of it, whatever the gradient.
        #expect(abs(Double(late.variable.value.scalar) - (1 - rate / 2)) < 1e-5)
    }

    @Test func `A checkpoint of another run is refused`() throws {
        let folder = try TemporaryDirectory()
        let first = TrainingRun(name: "line", settings: settings(), folder: folder.path) { _ in }
        try first.train(LineTask(), stopAfter: 3)
        let other = TrainingRun(name: "line", settings: settings(epochs: 7), folder: folder.path) { _ in }
        #expect(throws: DatasetError.self) { try other.train(LineTask()) }
    }

    @Test func `A loss that stops being a number ends the run with advice`() throws {
        let folder = try TemporaryDirectory()
        let task = LineTask()
        task.isBroken = true
        let run = TrainingRun(name: "line", settings: settings(), folder: folder.path) { _ in }
        let error = #expect(throws: DatasetError.self) { try run.train(task) }
        #expect(error?.message.contains("lower learning rate") == true)
        #expect(task.weight.value.scalar == 0)
    }

    @Test func `The schedule rises in a line and falls in half a cosine`() {
        let schedule = LearningRateSchedule(steps: 110, warmupSteps: 10, floor: 0)
        #expect(abs(schedule.factor(at: 0) - 0.1) < 1e-12)
        #expect(abs(schedule.factor(at: 9) - 1) < 1e-12)
        #expect(abs(schedule.factor(at: 60) - 0.5) < 1e-12)
        #expect(schedule.factor(at: 110) < 1e-12)
    }

    @Test func `Every item comes once an epoch, in an order of its own`() {
        let order = EpochOrder(count: 100, batch: 10, seed: 3)
        let first = (0..<10).flatMap { order.indices(step: $0) }
        let second = (10..<20).flatMap { order.indices(step: $0) }
        #expect(first.sorted() == Array(0..<100))
        #expect(second.sorted() == Array(0..<100))
        #expect(first != second)
        #expect(order.indices(step: 4) == Array(first[40..<50]))
    }
}
