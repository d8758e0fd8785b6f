package import SystemPackage

/// A model, ready for use: all that indexing and searching know of it.
package struct LoadedModel: Sendable {
    /// What a part of a model is, for people.
    package struct Part: Sendable, Equatable {
        package var name: String
        package var summary: String
        /// Numbers that were learned; nil where nobody counts them.
        package var parameters: Int?

        package init(name: String, summary: String, parameters: Int?) {
            self.name = name
            self.summary = summary
            self.parameters = parameters
        }
    }

    package var name: String
    /// The model's folder.
    package var directory: FilePath
    /// As `config.json` names it.
    package var architecture: String
    /// The parts, as the architecture divides itself.
    package var parts: [Part]
    /// Names of this model in indexes of earlier versions, which named models by another sum.
    package var earlierDigests: [String]
    package var clips: any ClipEncoder
    package var queries: any QueryEncoder
    /// What re-ranks; nil for a model that can't.
    package var scorer: (any PairScorer)?
    /// What writes sentences; nil for a model that can't.
    package var captioner: (any Captioner)?
    /// How scores are put together; nil where nobody has found that out.
    package var reranking: Reranking?

    package init(
        name: String, directory: FilePath, architecture: String, parts: [Part] = [], earlierDigests: [String] = [],
        clips: any ClipEncoder, queries: any QueryEncoder, scorer: (any PairScorer)? = nil,
        captioner: (any Captioner)? = nil, reranking: Reranking? = nil
    ) {
        self.name = name
        self.directory = directory
        self.architecture = architecture
        self.parts = parts
        self.earlierDigests = earlierDigests
        self.clips = clips
        self.queries = queries
        self.scorer = scorer
        self.captioner = captioner
        self.reranking = reranking
    }

    /// Names the model by what it computes: indexes of models with the same digest are interchangeable.
    package var digest: String { clips.modelDigest }

    /// Whether an index that names its model so holds this model's embeddings.
    package func hasDigest(_ digest: String) -> Bool { digest == self.digest || earlierDigests.contains(digest) }

    /// Whether clips get features that are read again when they are re-ranked or described.
    package var storesRerankFeatures: Bool { scorer != nil || captioner != nil }

    /// Loads a model folder. Blocking: reads and checks all weights.
    ///
    /// - Parameters:
    ///   - precision: how the rerank features of new clips are stored.
    ///   - architectures: those that are known.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, the key or the tensor; ``ModelError`` `malformed` with the
    ///   known names for an architecture that isn't among them.
    package static func load(
        _ directory: FilePath, precision: FeaturePrecision = .full,
        architectures: [ModelArchitecture] = ModelArchitecture.builtIn
    ) throws -> LoadedModel {
        let folder = ModelFolder(directory)
        return try ModelArchitecture.named(folder.header().architecture, among: architectures, folder.configuration)
            .load(folder, precision)
    }
}

/// A kind of model that can be loaded: its name in `config.json` and what reads the rest of the folder.
package struct ModelArchitecture: Sendable {
    package typealias Load = @Sendable (_ folder: ModelFolder, _ precision: FeaturePrecision) throws -> LoadedModel

    package typealias Learn =
        @Sendable (_ folder: ModelFolder, _ learning: ((String) -> Bool)?) throws -> any RerankableModel

    package var name: String
    package var load: Load
    /// Reads a model as it is trained and measured; nil for an architecture that can't be.
    package var learn: Learn?

    package init(name: String, learn: Learn? = nil, load: @escaping Load) {
        self.name = name
        self.learn = learn
        self.load = load
    }

    /// - Parameter source: the file that names it, for messages.
    static func named(
        _ name: String, among architectures: [ModelArchitecture], _ source: FilePath
    ) throws(ModelError) -> ModelArchitecture {
        if let architecture = architectures.first(where: { $0.name == name }) { return architecture }
        let known = architectures.map(\.name).joined(separator: ", ")
        throw ModelError(
            .malformed,
            "\(source): has the architecture \"\(name)\" and this program knows \(known); update saccade, or name another model"
        )
    }
}
