import API
import Daemon
import Foundation
import HTTPServer
import Library
import Logging
import Models
import Search
import Settings
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Threads

/// Changing the model over the daemon's API.
struct ModelChangesTests {
    /// A library in which the model of `/models/c0ffee` has indexed a file, and a backend that knows models by their folders' names.
    private final class Served: Sendable {
        let library: Library
        let searcher: Searcher
        let backend: LibraryBackend

        init(in directory: TemporaryDirectory, freeSpace: Int64 = 1 << 40) throws {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let first = Self.model(in: "/models/c0ffee")
            let models = LoadedModels(first) { folder throws(ModelError) in
                guard folder.lastComponent != "gone" else { throw ModelError(.unreadable, "\(folder) is gone") }
                return Self.model(in: folder)
            }
            library = try Library(
                state: directory.path.appending("state"), model: IndexingModel(first),
                loadModel: { IndexingModel(try models.model(of: $0)) }, source: GreyFrames(),
                surroundings: .init(freeSpace: { _ in freeSpace }), logger: logger)
            let searchSwitch = SearchSwitch(library: library, models: models, logger: logger)
            searcher = Searcher(catalog: library.catalog) { try searchSwitch.index() }
            backend = LibraryBackend(
                identity: .init(
                    version: "1", pid: 1, started: Date(timeIntervalSince1970: 0),
                    engine: .init(blasCore: "none", simd: "scalar", threads: 1)),
                library: library, searcher: searcher,
                saved: SavedSearches(
                    library: library, searcher: searcher, settings: Configuration.Saved(), environment: [:],
                    events: Broadcast<EventStreamItem>(), logger: logger),
                pictures: GreyFrames(), settings: Configuration.Thumbnails(),
                previews: (GreyFrames(), Configuration.Previews()),
                model: { try searchSwitch.model() },
                changes: ModelChanges(library: library, models: models) { "/models/c0ffee" })
        }

        private static func model(in folder: FilePath) -> LoadedModel {
            let model = ConstantModel(modelDigest: folder.lastComponent?.string ?? "")
            return LoadedModel(
                name: "model \(model.modelDigest)", directory: folder, architecture: "constant", clips: model,
                queries: model)
        }

        /// Runs the library beside `body`.
        func running(_ body: @Sendable () async throws -> Void) async throws {
            async let run: Void = library.run()
            let result: Result<Void, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            library.stop()
            try await run
            library.close()
            try result.get()
        }

        /// The roles that there are, with the digests of their models.
        func roles() async throws -> [API.Models.Role: String] {
            let models = try await backend.models().models
            return Dictionary(uniqueKeysWithValues: models.map { ($0.role, $0.modelDigest) })
        }
    }

    private func indexed(freeSpace: Int64 = 1 << 40) async throws -> (TemporaryDirectory, Served) {
        let directory = try TemporaryDirectory()
        let served = try await BlockingExecutor.shared.run { try Served(in: directory, freeSpace: freeSpace) }
        let film = try directory.write(Data("not really a video".utf8), to: "film.mp4")
        _ = try await served.library.index([film])
        return (directory, served)
    }

    @Test func `searches and the status are of the new model once its index has taken over`() async throws {
        let (directory, served) = try await indexed()
        let events = served.library.events()
        try await served.running {
            let dry = try await served.backend.useModel(.init(model: "/models/decade", dryRun: true))
            #expect(dry.outcome == .building && dry.clips == 1 && dry.fits && dry.neededBytes > 0)
            #expect(try await served.roles() == [.live: "c0ffee"])

            let change = try await served.backend.useModel(.init(model: "/models/decade"))
            #expect(change.outcome == .building && change.name == "model decade")
            for await event in events {
                if case .indexSwitched = event.kind { break }
            }
            #expect(try await served.backend.search(.init(query: "grey")).modelDigest == "decade")
            #expect(try await served.backend.status().model.modelDigest == "decade")
            #expect(try await served.roles() == [.live: "decade", .previous: "c0ffee"])
            #expect(try await served.backend.models().chosen?.folder == API.Path("/models/decade"))

            #expect(try await served.backend.useModel(.init(model: "previous")).outcome == .switched)
            #expect(try await served.backend.search(.init(query: "grey")).modelDigest == "c0ffee")
            #expect(try await served.roles() == [.live: "c0ffee", .previous: "decade"])
            try await served.backend.forgetModel(.previous)
            #expect(try await served.roles() == [.live: "c0ffee"])
            #expect(try await served.backend.useModel(.init(model: "default")).outcome == .live)
            #expect(try await served.backend.models().chosen == nil)
        }
        withExtendedLifetime(directory) {}
    }

    @Test func `what can't be used is refused with a code, and nothing changes`() async throws {
        let (directory, served) = try await indexed(freeSpace: 1000)
        for (model, code) in [
            ("/models/gone", APIError.Code.invalidModel), ("/models/decade", .insufficientSpace),
            ("previous", .modelNotFound),
        ] {
            let error = await #expect(throws: APIError.self) {
                try await served.backend.useModel(.init(model: model))
            }
            #expect(error?.code == code, "\(model)")
        }
        let dry = try await served.backend.useModel(.init(model: "/models/decade", dryRun: true))
        #expect(!dry.fits && dry.freeBytes != nil)
        for role in [API.Models.Role.next, .previous] {
            let error = await #expect(throws: APIError.self) { try await served.backend.forgetModel(role) }
            #expect(error?.code == .modelNotFound)
        }
        #expect(try await served.roles() == [.live: "c0ffee"])
        served.library.close()
        withExtendedLifetime(directory) {}
    }
}
