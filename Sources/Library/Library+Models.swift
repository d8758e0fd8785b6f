internal import Basics
import Search
package import Catalog
internal import DecodeProtocol
internal import Logging
internal import Models
internal import Synchronization
package import SystemPackage
internal import Threads

/// What became of a model that is to be used.
package enum ModelUse: Sendable, Equatable {
    /// Its index answers already.
    case live
    /// Its index is built beside the one that answers.
    case building
    /// Its index answers from now on.
    case switched
}

/// What the index of a model needs.
package struct IndexDemand: Sendable, Equatable {
    /// Clips that are still to be made, about.
    package var clips: Int
    /// Bytes that they will take of the databases, about.
    package var bytes: Int64
    /// Bytes that can still be written; nil when the system doesn't say.
    package var free: Int64?

    /// What the databases need beside the index, for their logs.
    private static let spare: Int64 = 64 << 20

    package var fits: Bool { clips == 0 || free.map { $0 >= bytes + Self.spare } ?? true }
}

extension Library {
    /// The folder of the model that was chosen for a state folder, whether or not it is in use by another process; nil where none was, and where
    /// that can't be read: who opens the folder is told why.
    package static func chosenModel(in state: FilePath) -> FilePath? {
        do {
            let catalog = try Catalog(state: state, access: .readOnly)
            defer { catalog.close() }
            return try catalog.chosenModel()
        } catch {
            // It will be mended, and what was chosen with it.
            return error.code == .damaged ? Catalog.keptModel(in: state) : nil
        }
    }

    /// The folder of the model of a state folder's live index, likewise.
    package static func liveModel(in state: FilePath) -> FilePath? {
        guard let catalog = try? Catalog(state: state, access: .readOnly) else { return nil }
        defer { catalog.close() }
        return (try? catalog.liveIndex())?.model
    }

    /// An index beside the live one.
    package enum OtherIndex: Sendable {
        case next, previous
    }

    /// What the index of a model would need. Encodes one clip, to see that the model works and how much it stores. Blocking.
    ///
    /// - Throws: ``ModelUseError`` `unusable`; `CatalogError`.
    package func demand(of model: IndexingModel) throws -> IndexDemand {
        let clip = try Self.trial(of: model.encoder)
        let known = try catalog.indexes().filter { $0.state != .retired && model.hasDigest($0.digest) }
        let made = try known.map { try catalog.progress(of: $0.id).clips }.max() ?? 0
        let live = try catalog.liveIndex().map { try catalog.progress(of: $0.id) } ?? BuildProgress()
        let expected = Self.expectedClips(live)
        let clips = known.contains { $0.state == .live } ? 0 : max(0, expected - made)
        let each = ClipCost.bytes(dimensions: model.encoder.dimensions, features: clip.rerankFeatures?.count)
        let free = try freeSpace(catalog.state).map { try $0 + catalog.freeBytes() }
        return IndexDemand(clips: clips, bytes: Int64(clips) * each, free: free)
    }

    /// Clips that an index has when all of its media are done as those are that are done.
    private static func expectedClips(_ progress: BuildProgress) -> Int {
        guard progress.doneSeconds > 0 else { return progress.clips }
        return Int((Double(progress.clips) * progress.seconds / progress.doneSeconds).rounded(.up))
    }

    private static func trial(of encoder: any ClipEncoder) throws(ModelUseError) -> EncodedClip {
        let side = encoder.input.geometry.side
        let pixels = (0..<side * side * 3).map { UInt8(truncatingIfNeeded: ($0 % 3 + 1) * ($0 / 3 % side) / 2) }
        let picture = RGBImage(width: side, height: side, pixels: pixels)
        let encoded: EncodedClip?
        do {
            encoded = try encoder.encode(clips: [[RGBImage](repeating: picture, count: encoder.framesPerClip)]).first
        } catch {
            throw ModelUseError(.unusable, "The model can't encode a clip: \(error)")
        }
        guard let encoded, encoded.embedding.count == encoder.dimensions, EmbeddingLength.admits(encoded.embedding)
        else {
            throw ModelUseError(
                .unusable, "The model gives no usable vector for a clip: import it again, or name another model.")
        }
        return encoded
    }

    /// Uses a model from now on: its index is built beside the live one, which answers until that one is complete and has been checked.
    ///
    /// An index that is built for another model is given up; the previous one is built on, if it is this model's.
    /// - Throws: ``ModelUseError``, `CatalogError`; all is as it was then.
    package func use(_ model: IndexingModel, choosing choice: ModelChoice) async throws -> ModelUse {
        let lease = try await beginChange()
        defer { endChange(lease) }
        let next = state.withLock { $0.tracks.next }
        if let live = keeper.live?.record, model.hasDigest(live.digest) {
            if let next, state.withLock({ $0.tracks.live }) != nil {
                try await giveUp(next, choosing: choice)
            } else {
                try await BlockingExecutor.shared.run { [catalog] in try catalog.choose(choice) }
            }
            return .live
        }
        if let next, model.hasDigest(next.index.digest) {
            try await BlockingExecutor.shared.run { [catalog] in try catalog.choose(choice) }
            next.problem.withLock { $0 = nil }
            return .building
        }
        let needed = try await BlockingExecutor.shared.run { [self] in try demand(of: model) }
        guard needed.fits else { throw ModelUseError(needed, state: catalog.state.string) }
        await next?.finish()
        do {
            let record = try await BlockingExecutor.shared.run { [self] () throws -> IndexRecord in
                try catalog.choose(choice)
                return try catalog.prepareIndex(model, at: clock.now)
            }
            exchangeNext(track(model, record))
            report(.modelChanged(digest: record.digest, "its index is built beside the live one"))
            return .building
        } catch {
            if let next { exchangeNext(track(next.model, next.index)) }
            throw error
        }
    }

    /// Lets the previous index answer again at once; it is caught up with what came since. The one that answered is the previous one then, and
    /// one that was being built is given up.
    ///
    /// - Parameter model: the previous index's.
    /// - Throws: ``ModelUseError``, `CatalogError`, `VectorIndexError`; the answers come from where they came from then.
    package func usePrevious(_ model: IndexingModel) async throws -> ModelUse {
        let lease = try await beginChange()
        defer { endChange(lease) }
        let previous = try await BlockingExecutor.shared.run { [catalog] in try catalog.index(.previous) }
        guard let previous else { throw ModelUseError.noPrevious }
        guard model.hasDigest(previous.digest) else {
            throw ModelUseError(.unusable, "The previous index was made with the model \(previous.digest.prefix(12)).")
        }
        if let next = state.withLock({ $0.tracks.next }) {
            guard state.withLock({ $0.tracks.live }) != nil else {
                throw ModelUseError(
                    .busy, "The model of the live index is gone, and the next index is being built: wait for it.")
            }
            try await giveUp(next, choosing: nil)
        }
        let old = try await BlockingExecutor.shared.run { [self] in
            try keeper.switchLive(to: previous, choosing: model.folder.map { .folder($0) })
            let track = track(model, previous)
            return state.withLock { state in
                defer { state.tracks = Tracks(live: track) }
                return state.tracks.live
            }
        }
        tracksChanged.fire()
        var record = previous
        record.state = .live
        report(.indexSwitched(record))
        report(.modelChanged(digest: record.digest, "it answers again"))
        await old?.finish()
        return .switched
    }

    /// Gives up an index beside the live one. When it is the next one, the live index's model is what is to be used.
    ///
    /// - Throws: ``ModelUseError``, `CatalogError`.
    package func forget(_ other: OtherIndex) async throws {
        let lease = try await beginChange()
        defer { endChange(lease) }
        switch other {
        case .next:
            let tracks = state.withLock { $0.tracks }
            guard let next = tracks.next else {
                let kept = try await BlockingExecutor.shared.run { [catalog] in
                    guard let kept = try catalog.index(.building) else {
                        throw ModelUseError(.notFound, "No index is being built: see `saccade model list`.")
                    }
                    try catalog.retire(kept.id, choosing: tracks.live?.model.folder.map { .folder($0) })
                    return kept
                }
                report(.modelChanged(digest: kept.digest, "its index is given up"))
                break
            }
            guard let live = tracks.live else {
                throw ModelUseError(
                    .unusable, "The model of the live index is gone, so the next index is needed: use another model.")
            }
            try await giveUp(next, choosing: live.model.folder.map { .folder($0) })
        case .previous:
            let previous = try await BlockingExecutor.shared.run { [catalog] in
                guard let previous = try catalog.index(.previous) else { throw ModelUseError.noPrevious }
                try catalog.retire(previous.id)
                return previous
            }
            report(.modelChanged(digest: previous.digest, "its index is given up"))
        }
        // Bit by bit: nobody waits for it.
        scanning.start { [weak self] in
            do {
                try self?.purge()
            } catch {
                self?.logger.warning("what was given up is deleted at the next rescan: \(error)")
            }
        }
    }

    private func giveUp(_ next: IngestTrack, choosing choice: ModelChoice?) async throws {
        await next.finish()
        do {
            try await BlockingExecutor.shared.run { [catalog] in
                try catalog.retire(next.index.id, choosing: choice)
            }
            exchangeNext(nil)
            report(.modelChanged(digest: next.index.digest, "its index is given up"))
        } catch {
            exchangeNext(track(next.model, next.index))
            throw error
        }
    }

    private func exchangeNext(_ next: IngestTrack?) {
        state.withLock { $0.tracks.next = next }
        tracksChanged.fire()
    }

    /// Waits until no other change goes on.
    private func beginChange() async throws(ModelUseError) -> Lease {
        while !Task.isCancelled {
            let ticket = changeEnded.ticket
            if let lease = changes.enter(limit: 1) { return lease }
            await changeEnded.wait(since: ticket)
        }
        throw ModelUseError(.busy, "Another change of models goes on: try again in a moment.")
    }

    func endChange(_ lease: Lease) {
        lease.end()
        changeEnded.fire()
        completion.fire()
    }

    /// How far the next index is. Blocking.
    func build(_ track: IngestTrack) throws -> IngestStatus.Build {
        let progress = try catalog.progress(of: track.index.id)
        let live = try catalog.liveIndex().map { try catalog.progress(of: $0.id) }
        let current = track.pipeline.current
        let done = min(progress.seconds, progress.doneSeconds + current.reduce(0) { $0 + $1.position })
        let rate = track.pipeline.meter.rates(at: clock.uptime).videoRate
        return IngestStatus.Build(
            index: track.index, progress: progress,
            expectedClips: max(
                progress.clips, Self.expectedClips(progress.doneSeconds > 0 ? progress : live ?? progress)),
            fraction: progress.seconds > 0 ? done / progress.seconds : 1,
            remaining: rate > 0 ? (progress.seconds - done) / rate : nil, current: current,
            waiting: try catalog.queueDepth(of: track.index.id, at: clock.now),
            missing: try catalog.mediaMissing(from: track.index.id), problem: track.problem.withLock { $0 })
    }

    /// How far the next index is; nil when none is built.
    package func build() throws -> IngestStatus.Build? {
        try state.withLock { $0.tracks.next }.map { try build($0) }
    }
}

extension ModelUseError {
    static let noPrevious = ModelUseError(
        .notFound, "There is no previous index: see `saccade model list`.")

    fileprivate init(_ demand: IndexDemand, state: String) {
        let megabytes = { (bytes: Int64) in "\((bytes + 999_999) / 1_000_000) MB" }
        self.init(
            .noSpace,
            """
            The index of this model needs about \(megabytes(demand.bytes)) for \(demand.clips) clips, and there are \
            \(megabytes(demand.free ?? 0)) free for \(state): free some, or give up the previous index with \
            `saccade model forget previous`.
            """)
    }
}
