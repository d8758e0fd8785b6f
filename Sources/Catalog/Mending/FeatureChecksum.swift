internal import Basics
internal import Foundation

/// What tells rerank features from what a damaged disk makes of them: SQLite checks its pages' structure, and not what is in them.
enum FeatureChecksum {
    /// The first 8 bytes of their SHA-256.
    static func of(_ features: some Collection<UInt8>) -> Data {
        var hash = ContentHash()
        hash.update(features)
        return Data(hash.finish().prefix(8))
    }
}
