import Catalog
import Library
import Models
import Settings
import SystemPackage

/// Loads the model that this installation uses.
enum InstalledModel {
    /// The named folder's, or the shipped one's. Blocking: reads and checks all weights.
    ///
    /// - Parameter precision: how the rerank features of new clips are stored.
    static func load(_ named: FilePath?, precision: FeaturePrecision = .full) throws -> LoadedModel {
        try LoadedModel.load(named ?? ModelFolder.shipped(), precision: precision)
    }

    /// The model of the live index where one was chosen with `saccade model use`, else the configuration's. Blocking.
    ///
    /// An index that is built for the chosen one is the daemon's work.
    static func loadLive(
        _ configuration: Settings.Configuration, precision: FeaturePrecision = .full
    ) throws -> LoadedModel {
        if Library.chosenModel(in: configuration.state) != nil {
            let catalog = try Catalog(state: configuration.state, access: .readOnly)
            defer { catalog.close() }
            if let live = try catalog.liveIndex(), let folder = live.model {
                let model = try LoadedModel.load(folder, precision: precision)
                if model.hasDigest(live.digest) { return model }
            }
        }
        return try load(configuration.model, precision: precision)
    }
}

extension FeaturePrecision {
    /// As the configuration names it.
    init(_ setting: Configuration.Ingest.RerankFeatures) {
        self =
            switch setting {
            case .full: .full
            case .compact: .compact
            }
    }
}
