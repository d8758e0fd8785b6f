import Catalog
import Daemon
import Foundation
import Library
import Logging
import SystemPackage
import TestSupport
import Testing

struct ConfiguredRootsTests {
    private func makeFolder(_ path: FilePath) throws {
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
    }

    private func paths(_ library: Library) throws -> [FilePath] {
        try library.catalog.roots().map(\.path)
    }

    @Test func `what a reload leaves out is no longer watched, and what a person added stays`() async throws {
        let indexed = try await IndexedLibrary()
        let base = indexed.directory.path
        for name in ["a", "b", "c"] { try makeFolder(base.appending(name)) }
        _ = try await indexed.library.addRoot(base.appending("c"))
        let roots = ConfiguredRoots(library: indexed.library, logger: Logger(label: "test"))
        await roots.apply([base.appending("a"), base.appending("b")])
        #expect(try Set(paths(indexed.library)) == Set(["a", "b", "c"].map { base.appending($0) }))
        await roots.apply([base.appending("b")])
        #expect(try Set(paths(indexed.library)) == Set(["b", "c"].map { base.appending($0) }))
        indexed.library.close()
    }

    @Test func `a folder that has another name in the configuration, or that a person added too, stays`() async throws {
        let indexed = try await IndexedLibrary()
        let base = indexed.directory.path
        for name in ["a", "b"] { try makeFolder(base.appending(name)) }
        try FileManager.default.createSymbolicLink(
            atPath: base.appending("link").string, withDestinationPath: base.appending("a").string)
        let roots = ConfiguredRoots(library: indexed.library, logger: Logger(label: "test"))
        await roots.apply([base.appending("a"), base.appending("link"), base.appending("b")])
        #expect(try paths(indexed.library).count == 2)
        _ = try await indexed.library.addRoot(base.appending("b"))
        await roots.apply([base.appending("a")])
        #expect(try Set(paths(indexed.library)) == Set(["a", "b"].map { base.appending($0) }))
        await roots.apply([])
        #expect(try paths(indexed.library) == [base.appending("b")])
        indexed.library.close()
    }

    @Test func `a folder that isn't there yet is tried again`() async throws {
        let indexed = try await IndexedLibrary()
        let late = indexed.directory.path.appending("late")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let roots = ConfiguredRoots(library: indexed.library, logger: logger)
        await roots.apply([late])
        await roots.retry()
        #expect(try paths(indexed.library).isEmpty)
        try makeFolder(late)
        await roots.retry()
        #expect(try paths(indexed.library) == [late])
        indexed.library.close()
    }
}
