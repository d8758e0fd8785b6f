import Basics
internal import Catalog
internal import Dispatch
internal import Synchronization
internal import SystemPackage
internal import Threads

/// A file that nobody writes to any more.
struct SettledFile: Sendable {
    enum Content: Sendable {
        case found(FoundFile.Content)
        /// Written to while it was read: it has to settle again.
        case changing(FileAttributes)
        case gone
    }

    var path: FilePath
    var stamp: FileStamp
    /// What the catalog has at the path.
    var known: MediaFile?
    var root: RootID?

    /// What it is by its content, or why it can't be read. Blocking.
    func content(_ files: any FileSystem, _ retry: RetryPolicy, at now: Timestamp) -> Content {
        guard stamp.size > 0 else {
            return .found(.problem(Problem(code: .empty, message: "The file is empty.", retryAt: nil)))
        }
        do throws(Errno) {
            let identity = try files.identity(of: path)
            let attributes = try files.attributes(of: path, followsLinks: true)
            return attributes.stamp.isSameContent(as: stamp) ? .found(.media(identity)) : .changing(attributes)
        } catch {
            if error == .noSuchFileOrDirectory { return .gone }
            let attempts = (known?.stamp.isSameContent(as: stamp) ?? false) ? (known?.attempts ?? 0) + 1 : 1
            let advice = error == .permissionDenied ? " Give the user that runs Saccade the right to read it." : ""
            return .found(
                .problem(
                    Problem(
                        code: .unreadable, message: "It can't be read: \(error).\(advice)",
                        retryAt: retry.next(after: attempts, at: now))))
        }
    }
}

/// Threads that read files beside each other: what is waited for is the disk or the network, more than the processor.
final class FileReaders: Sendable {
    /// Files that are taken in at once.
    static let batch = 256
    private static let width = 8
    private let executor = BlockingExecutor(label: "identify", threads: width)

    /// Blocking.
    func map<Value: Sendable>(
        _ files: [SettledFile], _ body: @escaping @Sendable (SettledFile) -> Value
    ) -> [Value] {
        let pieces = min(Self.width, files.count / 2)
        guard pieces > 1 else { return files.map(body) }
        let results = Mutex([Value?](repeating: nil, count: files.count))
        let done = DispatchGroup()
        for piece in 0..<pieces {
            done.enter()
            executor.start {
                for place in stride(from: piece, to: files.count, by: pieces) {
                    let value = body(files[place])
                    results.withLock { $0[place] = value }
                }
                done.leave()
            }
        }
        done.wait()
        return results.withLock { $0.compactMap { $0 } }
    }
}
