import Models
import Search
import Service
import SystemPackage

/// Loads the model that this installation uses.
enum InstalledModel {
    /// The named folder's, or the shipped one's. Blocking: reads and checks all weights.
    static func load(_ named: FilePath?) throws -> ServedModel {
        let directory = try named ?? ModelFolder.shipped()
        let model = try RetrievalModel(directory: directory)
        return ServedModel(
            name: model.name, directory: directory, clips: model, queries: model, hasMemories: model.slow != nil,
            reranker: { catalog in SlowReranker(model: model, catalog: catalog) },
            describe: describer(of: model)
        )
    }

    /// What writes sentences about stored memories.
    private static func describer(of model: RetrievalModel) -> ServedModel.Describe? {
        nil
    }
}
