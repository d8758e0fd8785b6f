import Daemon
import Foundation
import Library
import Logging
import Models
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Threads

/// What queries are asked of after the model was exchanged.
struct SearchSwitchTests {
    private let logger: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }()

    /// The library of another model in the folder of one that `ConstantModel()` has indexed.
    private func reopened(in directory: TemporaryDirectory, with model: ConstantModel) async throws -> Library {
        let indexed = try await IndexedLibrary(in: directory)
        indexed.library.close()
        return try await BlockingExecutor.shared.run { [logger] in
            try Library(
                state: directory.path.appending("state"), model: IndexingModel(encoder: model), source: GreyFrames(),
                logger: logger)
        }
    }

    @Test func `the old index answers with the old model until the new one is built`() async throws {
        let directory = try TemporaryDirectory()
        let new = ConstantModel(modelDigest: "decade")
        let library = try await reopened(in: directory, with: new)
        let searchSwitch = SearchSwitch(
            library: library,
            models: LoadedModels(served(new)) { _ in
                served(ConstantModel())
            }, logger: logger)
        let index = try searchSwitch.index()
        #expect(index.encoder.modelDigest == "c0ffee")
        #expect(index.candidates.count == 1)
        library.close()
    }

    @Test func `an index that names its model as earlier versions did is that model's`() async throws {
        let directory = try TemporaryDirectory()
        let new = ConstantModel(modelDigest: "decade")
        let library = try await reopened(in: directory, with: new)
        var renamed = served(ConstantModel(modelDigest: "facade"))
        renamed.earlierDigests = ["c0ffee"]
        // As the model that was before, and as the configured one.
        for current in [served(new), renamed] {
            let searchSwitch = SearchSwitch(
                library: library,
                models: LoadedModels(current) { [renamed] _ in
                    renamed
                }, logger: logger)
            let index = try searchSwitch.index()
            #expect(index.encoder.modelDigest == "facade")
            #expect(index.candidates.count == 1)
        }
        library.close()
    }

    @Test func `without the old model the new index takes over at once`() async throws {
        let directory = try TemporaryDirectory()
        let new = ConstantModel(modelDigest: "decade")
        let library = try await reopened(in: directory, with: new)
        let searchSwitch = SearchSwitch(
            library: library,
            models: LoadedModels(served(new)) { _ in
                throw ModelError(.unreadable, "gone")
            }, logger: logger)
        let index = try searchSwitch.index()
        #expect(index.encoder.modelDigest == "decade")
        #expect(index.candidates.count == 0)
        library.close()
    }

    @Test func `searches go to the new index although nobody heard that it took over`() async throws {
        let directory = try TemporaryDirectory()
        let new = ConstantModel(modelDigest: "decade")
        let library = try await reopened(in: directory, with: new)
        let searchSwitch = SearchSwitch(
            library: library,
            models: LoadedModels(served(new)) { _ in
                served(ConstantModel())
            }, logger: logger)
        let searcher = Searcher(catalog: library.catalog) { try searchSwitch.index() }
        let request = try SearchRequest(query: "grey")
        #expect(try searcher.search(request).modelDigest == "c0ffee")
        // No reader of events is there, as between a daemon's opening of its library and the start of its services.
        try library.switchNow()
        #expect(try searcher.search(request).modelDigest == "decade")
        library.close()
    }

    @Test func `a model is loaded once for all searches of its index`() async throws {
        let directory = try TemporaryDirectory()
        let library = try await reopened(in: directory, with: ConstantModel(modelDigest: "decade"))
        let loadings = Mutex(0)
        let models = LoadedModels(served(ConstantModel(modelDigest: "decade"))) { _ in
            loadings.withLock { $0 += 1 }
            return served(ConstantModel())
        }
        let searchSwitch = SearchSwitch(library: library, models: models, logger: logger)
        for _ in 0..<3 { _ = try searchSwitch.index() }
        #expect(loadings.withLock { $0 } == 1)
        library.close()
    }
}
