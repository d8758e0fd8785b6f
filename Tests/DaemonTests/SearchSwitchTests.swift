import Daemon
import Foundation
import Library
import Logging
import Models
import Search
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
                state: directory.path.appending("state"), encoder: model, source: GreyFrames(), logger: logger)
        }
    }

    @Test func `the old index answers with the old model until the new one is built`() async throws {
        let directory = try TemporaryDirectory()
        let new = ConstantModel(modelDigest: "decade")
        let library = try await reopened(in: directory, with: new)
        let searchSwitch = SearchSwitch(library: library, current: served(new), logger: logger) { _ in
            served(ConstantModel())
        }
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
            let searchSwitch = SearchSwitch(library: library, current: current, logger: logger) { [renamed] _ in
                renamed
            }
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
        let searchSwitch = SearchSwitch(library: library, current: served(new), logger: logger) { _ in
            throw ModelError(.unreadable, "gone")
        }
        let index = try searchSwitch.index()
        #expect(index.encoder.modelDigest == "decade")
        #expect(index.candidates.count == 0)
        library.close()
    }
}
