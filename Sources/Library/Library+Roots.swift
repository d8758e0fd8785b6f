import Basics
package import Catalog
import FolderWatch
internal import Synchronization
package import SystemPackage
internal import Threads

extension Library {
    /// Begins to watch a directory; its files are indexed in the background.
    ///
    /// - Parameter isConfigured: whether it is the configuration that asks.
    /// - Throws: ``CatalogError``: `notFound` when it isn't a directory that can be read, `overlappingRoot`.
    package func addRoot(_ path: FilePath, isConfigured: Bool = false) async throws -> Root {
        let root = try await BlockingExecutor.files.run { [self] in
            let files = scanner.files
            do throws(Errno) {
                let resolved = try FilePath.realPath(of: path)
                let attributes = try files.attributes(of: resolved, followsLinks: true)
                guard attributes.kind == .directory else { throw Errno.notDirectory }
                _ = try files.entries(of: resolved)
                return (resolved, attributes.stamp.device)
            } catch {
                throw CatalogError(.notFound, "\(path) can't be watched (\(error)): name a directory that can be read.")
            }
        }
        guard !CandidateFiles.isSystem(root.0) else {
            throw CatalogError(.notFound, "\(path) is the kernel's own and holds no files: name a directory of media.")
        }
        let added = try await BlockingExecutor.shared.run { [self] in
            let added = try catalog.addRoot(root.0, device: root.1, isConfigured: isConfigured, at: clock.now)
            try opener.hold { try catalog.roots().map(\.path) }
            return added
        }
        report(.rootAdded(added.id))
        scan(ScanScope(roots: [added.id]))
        return added
    }

    /// - Throws: ``CatalogError``.
    package func root(_ id: RootID) async throws -> Root? {
        try await BlockingExecutor.shared.run { [catalog] in try catalog.root(id) }
    }

    /// Stops watching a directory; what lies in no other root leaves the index.
    ///
    /// - Throws: ``CatalogError`` `notFound`.
    package func removeRoot(_ id: RootID) async throws {
        try await scanning.run { [self] in
            let path = try catalog.root(id)?.path
            try catalog.removeRoot(id, at: clock.now)
            try opener.hold { try catalog.roots().map(\.path) }
            try keeper.catchUp()
            if let path { scanner.forget(path) }
        }
        report(.rootRemoved(id))
    }

    /// Removes the files of a root from the index that are missing and held: see ``RemovalBreaker``.
    ///
    /// - Returns: how many have left; those that are back by now have not.
    /// - Throws: ``CatalogError`` `notFound`, `offline`.
    package func confirmRemoval(of root: RootID) async throws -> Int {
        try await scanning.run { [scanner] in try scanner.confirmRemoval(of: root) }
    }

    /// Asks for a full scan of one root, or of all and of the files that lie in none.
    ///
    /// - Returns: the roots that will be scanned.
    /// - Throws: ``CatalogError`` `notFound`.
    package func rescan(_ root: RootID? = nil) async throws -> [RootID] {
        let roots = try await BlockingExecutor.shared.run { [catalog] in try catalog.roots().map(\.id) }
        guard let root else {
            scan(ScanScope(everything: true))
            return roots
        }
        guard roots.contains(root) else {
            throw CatalogError(.notFound, "There is no root \(root): see `saccade watch list`.")
        }
        scan(ScanScope(roots: [root]))
        return [root]
    }

    private func scan(_ scope: ScanScope) {
        requestScan(scope)
        wakeup.fire()
    }
}
