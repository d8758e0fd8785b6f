import Catalog
package import Library
package import Logging
import Synchronization
package import SystemPackage

/// Watches the folders that the configuration names. One that isn't there yet is tried again until it is.
package final class ConfiguredRoots: Sendable {
    private struct State {
        var wanted: [FilePath] = []
        var missing: Set<FilePath> = []
        /// The roots that configured paths have become: a path may lead there through symbolic links.
        var roots: [FilePath: RootID] = [:]
    }

    private let library: Library
    private let logger: Logger
    private let state = Mutex(State())

    package init(library: Library, logger: Logger) {
        self.library = library
        self.logger = logger
    }

    /// Watches what is named now, and no longer what was named by the last call and isn't any more, unless another name leads there or
    /// somebody has added it by hand.
    package func apply(_ paths: [FilePath]) async {
        let dropped = state.withLock { state in
            defer {
                state.wanted = paths
                state.missing = Set(paths.filter { state.roots[$0] == nil })
            }
            let dropped = state.wanted.filter { !paths.contains($0) }.compactMap { path in
                state.roots.removeValue(forKey: path).map { (path, $0) }
            }
            return dropped.filter { !state.roots.values.contains($0.1) }
        }
        for (path, root) in dropped {
            do {
                guard try await library.root(root)?.isConfigured == true else { continue }
                try await library.removeRoot(root)
                logger.info("\(path) is no longer in the configuration: not watched any more")
            } catch {
                logger.warning("\(path) can't be given up: \(error)")
            }
        }
        await addMissing(isFirst: true)
    }

    /// Tries again what could not be watched.
    package func retry() async {
        await addMissing(isFirst: false)
    }

    private func addMissing(isFirst: Bool) async {
        for path in state.withLock({ $0.missing }).sorted(by: { $0.string < $1.string }) {
            do {
                let root = try await library.addRoot(path, isConfigured: true)
                state.withLock { state in
                    state.missing.remove(path)
                    state.roots[path] = root.id
                }
                logger.info("watching \(path)", metadata: ["root": "\(root.id)"])
            } catch {
                // A known root that is offline is kept by the catalog; the folder will be tried until it is there.
                if isFirst { logger.warning("\(path) can't be watched yet: \(error)") }
            }
        }
    }
}
