package import Models
package import SystemPackage

/// A model as an index is made with it.
package struct IndexingModel: Sendable {
    package var encoder: any ClipEncoder
    /// Other digests of the same model, by which earlier versions of the program knew it.
    package var earlierDigests: [String]
    package var storesRerankFeatures: Bool
    /// The model's directory, remembered so that its queries can still be embedded when another model takes over; see
    /// `IndexRecord/model`.
    package var folder: FilePath?

    package init(
        encoder: any ClipEncoder, earlierDigests: [String] = [], storesRerankFeatures: Bool = false,
        folder: FilePath? = nil
    ) {
        self.encoder = encoder
        self.earlierDigests = earlierDigests
        self.storesRerankFeatures = storesRerankFeatures
        self.folder = folder
    }

    package init(_ model: LoadedModel) {
        self.init(
            encoder: model.clips, earlierDigests: model.earlierDigests,
            storesRerankFeatures: model.storesRerankFeatures,
            folder: model.directory)
    }

    package var digest: String { encoder.modelDigest }

    func hasDigest(_ digest: String) -> Bool { digest == self.digest || earlierDigests.contains(digest) }
}
