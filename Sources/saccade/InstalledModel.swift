import Daemon
import Models
import Search
import Settings
import SystemPackage

/// Loads the model that this installation uses.
enum InstalledModel {
    /// The named folder's, or the shipped one's. Blocking: reads and checks all weights.
    ///
    /// - Parameter memory: how the memories of new clips are stored.
    static func load(_ named: FilePath?, memory: Configuration.Ingest.Memory = .full) throws -> ServedModel {
        let directory = try named ?? ModelFolder.shipped()
        let model = try RetrievalModel(directory: directory, memoryPrecision: memory == .full ? .full : .compact)
        return ServedModel(
            name: model.name, directory: directory, clips: model, queries: model, hasMemories: model.slow != nil,
            reranker: { catalog, report in SlowReranker(model: model, catalog: catalog, report: report) },
            describe: describer(of: model)
        )
    }

    /// What writes sentences about stored memories.
    private static func describer(of model: RetrievalModel) -> ServedModel.Describe? {
        guard let slow = model.slow, slow.model.configuration.objective == .captioning else { return nil }
        return { bytes in
            let found = slow.describe(try ClipMemory.decode([bytes], as: slow.model.configuration))
            return (found.sentence, found.score)
        }
    }
}
