import Differentiation
import Foundation
import Models
package import SystemPackage
import Tensors

/// Steps through a ``TrainingTask`` with checkpoints, validation and a log.
///
/// The folder gets `checkpoint.safetensors` (the run's state), `best.safetensors` (the parameters that validated best) and
/// `log.jsonl` (a line a report).
package struct TrainingRun {
    /// Of memory that belongs to no tensor.
    private static let mostIdleBytes = 3 << 30

    package struct Settings: Sendable {
        package var epochs: Int
        package var optimiser: Optimiser.Settings
        /// Part of the steps in which the learning rate rises.
        package var warmup = 0.1
        /// Of an exponential moving average of the weights, by step; it is validated and kept instead of them. Nil for none.
        package var averageDecay: Double?
        package var seed: UInt64
        package var stepsBetweenReports = 20
        package var epochsBetweenValidations = 1
        package var secondsBetweenCheckpoints = 300.0

        package init(epochs: Int, learningRate: Double, seed: UInt64) {
            self.epochs = epochs
            optimiser = Optimiser.Settings(learningRate: learningRate)
            self.seed = seed
        }
    }

    /// What a run says while it goes.
    package struct Report: Sendable {
        package var step: Int
        package var steps: Int
        package var epoch: Int
        /// Mean over the steps since the last report.
        package var loss: Double
        package var stepsPerSecond: Double
        package var secondsLeft: Double
        /// The validation's figures, where one was made.
        package var figures: [(name: String, value: Double)] = []
    }

    private let name: String
    private let settings: Settings
    private let folder: FilePath
    private let report: (Report) -> Void

    /// - Parameters:
    ///   - name: of the task, written into checkpoints.
    ///   - folder: is made when it isn't there.
    ///   - report: gets every report, in the calling thread.
    package init(name: String, settings: Settings, folder: FilePath, report: @escaping (Report) -> Void) {
        self.name = name
        self.settings = settings
        self.folder = folder
        self.report = report
    }

    private var checkpointPath: FilePath { folder.appending("checkpoint.safetensors") }
    private var bestPath: FilePath { folder.appending("best.safetensors") }

    /// Trains to the end and leaves the parameters that validated best in the task's model.
    ///
    /// - Parameters:
    ///   - resume: go on from the folder's checkpoint when there is one.
    ///   - stopAfter: stop cleanly once this many steps were taken, with a checkpoint; nil goes to the end.
    /// - Returns: the best validation score; nil when the run was stopped before the end.
    /// - Throws: ``DatasetError`` when the loss stops being a number for ten steps on end.
    @discardableResult
    package func train(_ task: some TrainingTask, resume: Bool = true, stopAfter: Int? = nil) throws -> Double? {
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        let steps = settings.epochs * task.stepsPerEpoch
        let schedule = LearningRateSchedule(steps: steps, warmupSteps: Int(Double(steps) * settings.warmup))
        var optimiser = Optimiser(parameters: task.parameters, settings: settings.optimiser, schedule: schedule)
        let identity = Checkpoint.Identity(
            task: "\(name) \(task.identity)", settings: settings.optimiser, schedule: schedule, seed: settings.seed,
            averageDecay: settings.averageDecay)
        var average = settings.averageDecay.map { WeightAverage(of: task.parameters, decay: $0) }
        var bestScore: Double?
        if resume, FileManager.default.fileExists(atPath: checkpointPath.string) {
            bestScore = try Checkpoint.load(from: checkpointPath, into: &optimiser, &average, identity: identity)
        }
        var progress = Progress(steps: steps, step: optimiser.step)
        var badSteps = 0
        while optimiser.step < steps {
            if let stopAfter, optimiser.step >= stopAfter {
                try save(optimiser, average, identity, bestScore)
                return nil
            }
            let loss = try takeStep(task, &optimiser)
            average?.update(with: task.parameters, step: optimiser.step)
            badSteps = loss.isFinite ? 0 : badSteps + 1
            if badSteps >= 10 {
                throw DatasetError("\(name): the loss isn't a number any more; try a lower learning rate")
            }
            progress.add(loss: loss)
            // Steps whose tensors differ in size, as those of crops do, leave blocks that fit no later one.
            if BufferCache.idleBytes > Self.mostIdleBytes { BufferCache.releaseIdle() }
            let endOfEpoch = optimiser.step % task.stepsPerEpoch == 0
            let epoch = optimiser.step / task.stepsPerEpoch
            if endOfEpoch, epoch % settings.epochsBetweenValidations == 0 || optimiser.step == steps {
                average?.exchange(with: task.parameters)
                let (score, figures) = try task.validate()
                if score > bestScore ?? -.infinity {
                    bestScore = score
                    try saveParameters(task)
                }
                average?.exchange(with: task.parameters)
                emit(progress.report(step: optimiser.step, epoch: epoch, figures: figures))
                try save(optimiser, average, identity, bestScore)
                progress.checkpointed()
            } else if optimiser.step % settings.stepsBetweenReports == 0 {
                emit(progress.report(step: optimiser.step, epoch: epoch, figures: []))
            }
            if progress.secondsSinceCheckpoint > settings.secondsBetweenCheckpoints {
                try save(optimiser, average, identity, bestScore)
                progress.checkpointed()
            }
        }
        try loadBest(into: task)
        return bestScore
    }

    private func save(
        _ optimiser: Optimiser, _ average: WeightAverage?, _ identity: Checkpoint.Identity, _ bestScore: Double?
    ) throws {
        try Checkpoint.save(
            to: checkpointPath, optimiser: optimiser, average: average, identity: identity, bestScore: bestScore)
    }

    private func takeStep(_ task: some TrainingTask, _ optimiser: inout Optimiser) throws -> Double {
        var random = SplitMix64(seed: settings.seed ^ (UInt64(optimiser.step + 1) &* 0xD134_2543_DE82_EF95))
        let loss = try task.loss(step: optimiser.step, random: &random)
        let gradients = gradients(of: loss, withRespectTo: task.parameters.map(\.variable))
        let norm = optimiser.update(gradients: gradients)
        return norm.isFinite ? Double(loss.value.scalar) : .nan
    }

    private func saveParameters(_ task: some TrainingTask) throws {
        var writer = SafetensorsWriter()
        for parameter in task.parameters { try writer.add(parameter.variable.value, named: parameter.name) }
        try writer.write(to: bestPath)
    }

    private func loadBest(into task: some TrainingTask) throws {
        guard FileManager.default.fileExists(atPath: bestPath.string) else { return }
        let file = try SafetensorsFile(bestPath)
        for parameter in task.parameters {
            let tensor = try file.tensor(named: parameter.name, shape: parameter.variable.shape)
            parameter.variable.update { $0 = tensor }
        }
    }

    private func emit(_ report: Report) {
        self.report(report)
        var line: [String: any Sendable] = [
            "step": report.step, "epoch": report.epoch, "loss": report.loss, "steps_per_second": report.stepsPerSecond,
        ]
        for figure in report.figures { line[figure.name] = figure.value }
        guard let data = try? JSONSerialization.data(withJSONObject: line, options: .sortedKeys) else { return }
        let path = folder.appending("log.jsonl").string
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        guard let handle = FileHandle(forWritingAtPath: path) else { return }
        _ = try? handle.seekToEnd()
        try? handle.write(contentsOf: data + [10])
        try? handle.close()
    }
}

extension TrainingRun {
    /// Speed and mean loss since the last report.
    private struct Progress {
        private let steps: Int
        private var lossSum = 0.0
        private var lossCount = 0
        private var stepsSince = 0
        private var since = ContinuousClock.now
        private var checkpointTime = ContinuousClock.now

        init(steps: Int, step: Int) { self.steps = steps }

        mutating func add(loss: Double) {
            stepsSince += 1
            if loss.isFinite {
                lossSum += loss
                lossCount += 1
            }
        }

        mutating func report(step: Int, epoch: Int, figures: [(name: String, value: Double)]) -> Report {
            let seconds = (ContinuousClock.now - since) / .seconds(1)
            let speed = Double(stepsSince) / max(seconds, 1e-9)
            let report = Report(
                step: step, steps: steps, epoch: epoch, loss: lossSum / Double(max(1, lossCount)),
                stepsPerSecond: speed,
                secondsLeft: Double(steps - step) / max(speed, 1e-9), figures: figures)
            (lossSum, lossCount, stepsSince, since) = (0, 0, 0, ContinuousClock.now)
            return report
        }

        var secondsSinceCheckpoint: Double { (ContinuousClock.now - checkpointTime) / .seconds(1) }

        mutating func checkpointed() { checkpointTime = .now }
    }
}
