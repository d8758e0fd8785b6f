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
