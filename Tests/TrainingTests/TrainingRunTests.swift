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

@Suite struct TrainingRunTests {
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
