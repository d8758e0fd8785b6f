package import API
import Basics
import Catalog
import Foundation
package import Library
import Models
import Search
package import SystemPackage
import Threads

/// What `saccade model use`, `list` and `forget` ask of the daemon.
package struct ModelChanges: Sendable {
    private let library: Library
    private let models: LoadedModels
    private let configured: @Sendable () throws -> FilePath
    /// Reading a model's weights takes seconds.
    private let loading = BlockingExecutor(label: "models")

    /// - Parameter configured: The folder of the model that the configuration names.
    package init(
        library: Library, models: LoadedModels, configured: @escaping @Sendable () throws -> FilePath
    ) {
        self.library = library
        self.models = models
        self.configured = configured
    }

    /// - Throws: `APIError` `invalid_model`, `insufficient_space`, `model_not_found`, `overloaded`; `CatalogError`.
    package func use(_ request: API.UseModel) async throws -> API.ModelChange {
        try await translatingModelErrors {
            guard let wanted = request.choice else { throw APIError(.invalidRequest, "“model” names no model") }
            let (model, choice) = try await loading.run { try chosen(wanted) }
            let indexing = IndexingModel(model)
            let demand = try await loading.run { [library] in try library.demand(of: indexing) }
            var change = API.ModelChange(
                outcome: .building, name: model.name, modelDigest: model.digest, folder: API.Path(model.directory),
                clips: demand.clips, neededBytes: demand.bytes, freeBytes: demand.free, fits: demand.fits)
            guard !request.dryRun else {
                if case .previous = wanted { change.outcome = .switched }
                if library.live.map({ model.hasDigest($0.record.digest) }) == true { change.outcome = .live }
                return change
            }
            // Before its index is the live one, and asked of.
            models.keep(model)
            defer { dropUnused() }
            let use =
                if case .previous = wanted {
                    try await library.usePrevious(indexing)
                } else {
                    try await library.use(indexing, choosing: choice)
                }
            change.outcome = API.ModelChange.Outcome(use)
            return change
        }
    }

    private func chosen(_ choice: API.UseModel.Choice) throws -> (LoadedModel, ModelChoice) {
        switch choice {
        case .configured: return (try models.load(try configured()), .configured)
        case .folder(let path):
            let folder = path.filePath
            let model = try models.load(folder)
            return (model, .folder(folder))
        case .previous:
            guard let previous = try library.catalog.index(.previous) else {
                throw APIError(.modelNotFound, "there is no previous index: see `saccade model list`")
            }
            let model = try models.model(of: previous)
            return (model, .folder(model.directory))
        }
    }

    /// - Throws: `APIError` `model_not_found`, `overloaded`, `invalid_model`; `CatalogError`.
    package func forget(_ other: Library.OtherIndex) async throws {
        defer { dropUnused() }
        try await translatingModelErrors { try await library.forget(other) }
    }

    /// What holds a model of an index that nobody fills or asks any more is let go.
    private func dropUnused() {
        let indexes = [library.live?.record, library.indexRecord].compactMap { $0 }
        models.drop(besides: indexes)
    }

    /// The indexes and the configured model. Blocking.
    package func list() throws -> API.Models {
        let catalog = library.catalog
        let build = try library.build()
        var standings: [API.Models.Standing] = []
        for (state, role) in [
            (IndexRecord.State.live, API.Models.Role.live), (.building, .next), (.previous, .previous),
        ] {
            guard let index = try catalog.index(state) else { continue }
            let size = try catalog.size(of: index)
            standings.append(
                API.Models.Standing(
                    role: role, name: index.model.flatMap(Self.name), folder: index.model.map { API.Path($0) },
                    modelDigest: index.digest, clips: size.clips, diskBytes: size.bytes,
                    build: role == .next ? build.map { API.Status.Build($0, name: nil) } : nil))
        }
        let configured = try? configured()
        let chosen = try catalog.chosenModel()
        return API.Models(
            models: standings,
            configured: configured.map { API.Models.Folder(name: Self.name(of: $0), folder: API.Path($0)) },
            chosen: chosen.map { API.Models.Folder(name: Self.name(of: $0), folder: API.Path($0)) })
    }

    /// Nil for a folder that is gone or holds no model any more.
    static func name(of folder: FilePath) -> String? { try? ModelFolder(folder).header().name }
}

/// - Throws: `APIError` for what a model can't be used for.
private func translatingModelErrors<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
        return try await body()
    } catch let error as ModelUseError {
        switch error.code {
        case .noSpace: throw APIError(.insufficientSpace, error.message)
        case .notFound: throw APIError(.modelNotFound, error.message)
        case .unusable: throw APIError(.invalidModel, error.message)
        case .busy: throw APIError(.overloaded, error.message)
        }
    } catch let error as ModelError {
        throw APIError(.invalidModel, error.message)
    } catch let error as WeightsError {
        throw APIError(.invalidModel, error.message)
    }
}

extension API.ModelChange.Outcome {
    fileprivate init(_ use: ModelUse) {
        self =
            switch use {
            case .live: .live
            case .building: .building
            case .switched: .switched
            }
    }
}

extension API.Status.Build {
    init(_ build: IngestStatus.Build, name: String?) {
        self.init(
            name: name, modelDigest: build.index.digest, media: build.progress.media, indexed: build.progress.indexed,
            failed: build.progress.failed, waiting: build.waiting, missing: build.missing, clips: build.progress.clips,
            expectedClips: build.expectedClips, fraction: build.fraction, remaining: build.remaining,
            problem: build.problem)
    }
}
