internal import Basics
package import Catalog
import FolderWatch
internal import Synchronization
package import SystemPackage
internal import Threads

/// What became of a file that was to be indexed.
package struct FileOutcome: Sendable, Equatable {
    package enum Result: Sendable, Equatable {
        case indexed(clips: Int)
        /// Its content was indexed before.
        case known(clips: Int)
        case failed(Problem)
        /// The work was stopped before its turn.
        case stopped
    }

    package var path: FilePath
    package var media: MediaID?
    package var result: Result
}

extension Library {
    /// Indexes files, and the candidate files below directories, without watching them; ``events(buffer:)`` tells the
    /// progress. Not for a library that runs.
    ///
    /// A file that is named is taken whatever its name, and at once, without waiting for it to settle. Files that were named
    /// before and are gone leave the index. The text that they carry, and files of subtitles beside them, are read as well.
    /// - Returns: one outcome a file.
    /// - Throws: ``CatalogError``.
    package func index(_ paths: [FilePath]) async throws -> [FileOutcome] {
        let taken = try await scanning.run { [self] in
            var numbers: [UInt64: UInt64] = [:]
            let taken = try paths.flatMap { try takeAll($0, &numbers) }
            // Last, so that a file that was moved is one that has another path.
            try scanner.giveUpStandaloneFiles(renumbered: numbers)
            for directory in Set(taken.filter { $0.media != nil }.map { $0.path.removingLastComponent() }) {
                try scanner.takeSubtitles(in: directory)
            }
            return taken
        }
        let before = try await states(of: taken.compactMap(\.media))
        let wanted = taken.compactMap(\.media).filter { before[$0]?.isWanted ?? true }
        let track = state.withLock { $0.tracks.wanted }
        let feed = JobFeed(
            catalog: catalog, index: indexRecord.id, clock: clock, only: Array(Set(wanted)).sorted(), hand: hand,
            inWork: { [weak self] in self?.inWork ?? [] }, onIdle: {})
        let isStopped = state.withLock { state in
            state.feed = feed
            return state.isStopped
        }
        if !isStopped, let track {
            await track.pipeline.run(feed)
            await text.readAll(of: Array(Set(taken.compactMap(\.media))).sorted())
        }
        await finishNext()
        let after = try await states(of: taken.compactMap(\.media))
        return try await BlockingExecutor.shared.run { [self] in
            try taken.map { file in
                guard let media = file.media else { return file }
                var file = file
                switch after[media]?.state {
                case .indexed:
                    let clips = try catalog.clips(of: media, index: indexRecord.id).count
                    file.result = before[media]?.state == .indexed ? .known(clips: clips) : .indexed(clips: clips)
                case .failed:
                    let problem = try catalog.problem(of: media, index: indexRecord.id)
                    file.result = problem.map { .failed($0) } ?? .stopped
                case .pending, .running, nil:
                    file.result = .stopped
                }
                return file
            }
        }
    }

    private func states(of media: [MediaID]) async throws -> [MediaID: Job] {
        try await BlockingExecutor.shared.run { [self] in
            var jobs: [MediaID: Job] = [:]
            for id in media { jobs[id] = try catalog.job(of: id, index: indexRecord.id) }
            return jobs
        }
    }

    /// Puts a file, or the candidates below a directory, into the catalog.
    ///
    /// - Parameters:
    ///   - numbers: gets the numbers of file systems that have others than they had, see ``StandaloneFiles``.
    ///   - ignored: what is left out of the directory that was named; nil for one that was.
    private func takeAll(
        _ path: FilePath, _ numbers: inout [UInt64: UInt64], _ ignored: IgnoredFiles? = nil
    ) throws -> [FileOutcome] {
        let files = scanner.files
        let resolved: FilePath
        let attributes: FileAttributes
        do throws(Errno) {
            resolved = try FilePath.realPath(of: path)
            attributes = try files.attributes(of: resolved, followsLinks: true)
        } catch {
            let problem = Problem(code: .unreadable, message: "\(path) can't be read: \(error).", retryAt: nil)
            return [FileOutcome(path: path, media: nil, result: .failed(problem))]
        }
        switch attributes.kind {
        case .regular: return [try take(resolved, attributes.stamp, &numbers)]
        case .directory:
            let entries: [DirectoryEntry]
            do throws(Errno) {
                entries = try files.entries(of: resolved)
            } catch {
                let problem = Problem(code: .unreadable, message: "The folder can't be read: \(error).", retryAt: nil)
                return [FileOutcome(path: path, media: nil, result: .failed(problem))]
            }
            let ignored = ignored ?? IgnoredFiles(in: resolved, settings.folders.ignored, files: files)
            return try entries.sorted { $0.name.string < $1.name.string }.flatMap { entry -> [FileOutcome] in
                let child = resolved.appending(entry.name)
                guard !CandidateFiles.isHidden(entry.name), !CandidateFiles.isSystem(child),
                    let attributes = try? files.attributes(of: child, followsLinks: false)
                else { return [] }
                let isFolder = attributes.kind == .directory
                let isFile = attributes.kind == .regular && settings.folders.candidates.contains(entry.name)
                guard isFolder || isFile, !ignored.contains(child, isFolder: isFolder) else { return [] }
                return try takeAll(child, &numbers, ignored)
            }
        case .symbolicLink, .other:
            let problem = Problem(code: .unreadable, message: "\(path) is no regular file.", retryAt: nil)
            return [FileOutcome(path: path, media: nil, result: .failed(problem))]
        }
    }

    private func take(
        _ path: FilePath, _ stamp: FileStamp, _ numbers: inout [UInt64: UInt64]
    ) throws -> FileOutcome {
        let known = try catalog.file(at: path)
        if let before = known?.stamp, before.isSameContent(as: stamp), before.device != stamp.device {
            numbers[before.device] = stamp.device
        }
        let isKnown = known?.deletedAt == nil && known?.problem == nil && known?.stamp == stamp
        let media = isKnown ? known?.media : try scanner.take(path, stamp, known: known, root: known?.root)
        guard let media else {
            let problem =
                try catalog.file(at: path)?.problem
                ?? Problem(code: .changing, message: "It is being written to: try again later.", retryAt: nil)
            return FileOutcome(path: path, media: nil, result: .failed(problem))
        }
        return FileOutcome(path: path, media: media, result: .stopped)
    }
}
