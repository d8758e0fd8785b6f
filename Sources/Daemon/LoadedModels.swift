package import Catalog
package import Models
import Synchronization
package import SystemPackage

/// The models in use, each in memory once: that of the live index, and that of the one that is built beside it.
package final class LoadedModels: Sendable {
    private let loadFolder: @Sendable (FilePath) throws -> LoadedModel
    private let loaded: Mutex<[LoadedModel]>

    /// - Parameter load: Loads a model's folder. Blocking.
    package init(_ first: LoadedModel, load: @escaping @Sendable (FilePath) throws -> LoadedModel) {
        loaded = Mutex([first])
        loadFolder = load
    }

    /// The model that an index was made with. Blocking when it isn't in memory.
    ///
    /// - Throws: `ModelError`, `WeightsError`: why it can't be had.
    package func model(of index: IndexRecord) throws -> LoadedModel {
        if let known = known(index.digest) { return known }
        guard let folder = index.model else { throw ModelError(.unreadable, "its folder isn't known") }
        let model = try load(folder)
        guard model.hasDigest(index.digest) else {
            throw ModelError(.malformed, "\(folder) holds another model now")
        }
        keep(model)
        return model
    }

    /// The model of a folder as it is now. Blocking.
    ///
    /// - Throws: `ModelError`, `WeightsError`.
    package func load(_ folder: FilePath) throws -> LoadedModel {
        var model = try loadFolder(folder)
        // So that no weights are held twice.
        if var known = known(model.digest) {
            known.directory = model.directory
            model = known
        }
        return model
    }

    private func known(_ digest: String) -> LoadedModel? {
        loaded.withLock { $0.first { $0.hasDigest(digest) } }
    }

    package func keep(_ model: LoadedModel) {
        loaded.withLock { loaded in
            loaded.removeAll { $0.digest == model.digest }
            loaded.append(model)
        }
    }

    /// Gives up those that no index in use was made with.
    package func drop(besides indexes: [IndexRecord]) {
        loaded.withLock { loaded in
            loaded.removeAll { model in !indexes.contains { model.hasDigest($0.digest) } }
        }
    }
}
