import Tensors
import Foundation
import Models
import SystemPackage

/// A training run's whole state between two steps, so that going on from it gives the bits of an unbroken run.
struct Checkpoint {
    /// What a run is, beside its data: a checkpoint of another run isn't resumed.
    struct Identity: Codable, Equatable {
        var task: String
        var settings: Optimiser.Settings
        var schedule: LearningRateSchedule
        var seed: UInt64
        /// Of the weights' moving average; nil for none.
        var averageDecay: Double?
    }

    static func save(
        to path: FilePath, optimiser: Optimiser, average: WeightAverage?, identity: Identity, bestScore: Double?
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var metadata = [
            "step": String(optimiser.step), "identity": String(decoding: try encoder.encode(identity), as: UTF8.self),
        ]
        if let bestScore { metadata["bestScore"] = String(bestScore) }
        var writer = SafetensorsWriter(metadata: metadata)
        for (index, parameter) in optimiser.parameters.enumerated() {
            try writer.add(parameter.variable.value, named: "parameter/" + parameter.name)
            try writer.add(optimiser.firstMoments[index], named: "first/" + parameter.name)
            try writer.add(optimiser.secondMoments[index], named: "second/" + parameter.name)
            if let average { try writer.add(average.values[index], named: "average/" + parameter.name) }
        }
        try writer.write(to: path)
    }

    /// Puts a checkpoint's state into the optimiser, its parameters and their average.
    ///
    /// - Returns: the best validation score so far, if there was a validation.
    /// - Throws: ``DatasetError`` when the checkpoint belongs to another run.
    static func load(
        from path: FilePath, into optimiser: inout Optimiser, _ average: inout WeightAverage?, identity: Identity
    ) throws -> Double? {
        let file = try SafetensorsFile(path)
        guard let text = file.metadata["identity"], let step = file.metadata["step"].flatMap({ Int($0) }),
            let found = try? JSONDecoder().decode(Identity.self, from: Data(text.utf8)), found == identity
        else {
            throw DatasetError(
                "\(path): belongs to a run with other settings; use the same arguments to go on with it, or another --output"
            )
        }
        for (index, parameter) in optimiser.parameters.enumerated() {
            let shape = parameter.variable.value.shape
            let value = try file.tensor(named: "parameter/" + parameter.name, shape: shape)
            parameter.variable.update { $0 = value }
            optimiser.firstMoments[index] = try file.tensor(named: "first/" + parameter.name, shape: shape)
            optimiser.secondMoments[index] = try file.tensor(named: "second/" + parameter.name, shape: shape)
            if average != nil {
                average?.values[index] = try file.tensor(named: "average/" + parameter.name, shape: shape)
            }
        }
        optimiser.step = step
        return file.metadata["bestScore"].flatMap { Double($0) }
    }
}
