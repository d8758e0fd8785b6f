import Basics
internal import Catalog
internal import DecodeProtocol
import DecodeWorkers
import FolderWatch
internal import Models
internal import Synchronization
internal import SystemPackage
internal import Threads

/// Decodes, encodes and stores media: frames stream from the decoders through a bounded queue to one encoder, whose
/// batches cross clips and files, and from there into one transaction a batch.
///
/// Memory is bounded by the queue and by what each decoder's ``ClipAssembler`` holds, whatever the length of a video.
/// Indexing of a media item resumes after its last committed clip.
final class IngestPipeline: Sendable {
    /// What the pipeline works with.
    struct Parts: Sendable {
        var catalog: Catalog
        var index: IndexRecord
        var keeper: LiveIndexKeeper
        var encoder: any ClipEncoder
        var source: any FrameSource
        var files: any FileSystem
        var clock: any WallClock
        var settings: IngestSettings
        /// Shared by the pipelines of all indexes, as is the thread that encodes.
        var writer: CatalogWriter
        var computing: BlockingExecutor
        var latencies: IngestLatencies
        /// Waits until a batch may be encoded.
        var waitForTurn: @Sendable () async -> Void
        /// Is told how long a batch was encoded, in seconds.
        var didEncode: @Sendable (Double) -> Void
        /// Is told what happens, for people.
        var report: @Sendable (LibraryEvent.Kind) -> Void
        /// Is told of files that are not what the catalog says.
        var markDirty: @Sendable (FilePath) -> Void
        /// The other machines that see the same files; nil where there are none.
        var shared: (any SharedContents)?
    }

    let parts: Parts
    let meter = StageMeter()
    private var writer: CatalogWriter { parts.writer }
    /// Waits for other machines, for as many contents as are decoded beside each other.
    private let asking: BlockingExecutor
    private let working = Mutex<[MediaID: MediaWork]>([:])
    private let isStopped = Mutex(false)

    init(_ parts: Parts) {
        self.parts = parts
        asking = BlockingExecutor(label: "claims", threads: parts.settings.decodeWorkers)
    }

    /// The media in work, in the order of their ids.
    var current: [IngestStatus.Work] {
        working.withLock { Array($0.values) }.sorted { $0.job.media < $1.job.media }.map { work in
            let progress = work.progress.withLock { $0 }
            return IngestStatus.Work(
                media: work.job.media, path: work.path, position: progress.position, duration: progress.duration,
                clips: progress.clips)
        }
    }

    /// The media in work.
    var mediaInWork: Set<MediaID> { working.withLock { Set($0.keys) } }

    private func persist<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async -> CatalogWriter.Outcome<Value> {
        await writer.persist(while: { !self.isStopped.withLock { $0 } }, body)
    }

    private func waitForSpace() async -> Bool {
        await writer.waitForSpace { !self.isStopped.withLock { $0 } }
    }

    /// Works until the feed ends; then what is decoded already is stored.
    func run(_ feed: JobFeed) async {
        let queue = ClipQueue(limit: parts.settings.queuedFrames)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.encode(queue, feed) }
            await withTaskGroup(of: Bool.self) { decoders in
                for _ in 0..<parts.settings.decodeWorkers {
                    decoders.addTask {
                        await self.decode(feed, into: queue)
                        return false
                    }
                }
                // A decoder that waits for its worker is not asked again whether to stop.
                decoders.addTask {
                    await feed.waitForStop()
                    return true
                }
                var working = parts.settings.decodeWorkers
                while working > 0, let isStopped = await decoders.next(), !isStopped { working -= 1 }
                decoders.cancelAll()
            }
            queue.close()
        }
    }

    // Decoding.

    private func decode(_ feed: JobFeed, into queue: ClipQueue) async {
        while !feed.isStopped {
            do {
                guard let job = try await feed.next() else { return }
                writer.resume(.reading)
                await process(job, feed, queue)
            } catch {
                writer.pause(.reading, "\(error)")
                await writer.wait(seconds: 30)
            }
        }
    }

    private func process(_ job: Job, _ feed: JobFeed, _ queue: ClipQueue) async {
        let catalog = parts.catalog
        guard await waitForSpace(), let isMine = await persist({ try catalog.begin(job) }).value else { return }
        defer { feed.giveBack(job.media) }
        guard isMine else { return }
        let file = await BlockingExecutor.files.run { [files = parts.files, markDirty = parts.markDirty] in
            job.files.first { file in
                let there = try? files.attributes(of: file.path, followsLinks: true)
                if let there, there.stamp.isSameContent(as: file.stamp) { return true }
                markDirty(file.path)
                return false
            }
        }
        guard let file else {
            let nowhere = MediaWork(job: job, path: job.files.first?.path ?? FilePath())
            await queue.send(.init(work: nowhere, step: .vanished(vanished(job))))
            return
        }
        if job.isStale {
            let keeper = parts.keeper
            let cleared = await persist {
                try catalog.clear(job)
                try keeper.catchUp()
            }
            if case .refused(let error) = cleared {
                let nowhere = MediaWork(job: job, path: file.path)
                await queue.send(.init(work: nowhere, step: .failed(refusal(error, of: job))))
            }
            guard cleared.value != nil else { return }
        }
        guard await claim(job, at: file) else { return }
        let work = MediaWork(job: job, path: file.path)
        working.withLock { $0[job.media] = work }
        parts.report(.mediaStarted(job.media, path: file.path))
        await read(file, work, feed, queue)
    }

    /// Asks the other machines for a content that is begun.
    ///
    /// - Returns: whether it is to be decoded here. Its job's state is in the catalog where it isn't.
    private func claim(_ job: Job, at file: MediaFile) async -> Bool {
        guard let shared = parts.shared else { return true }
        let (catalog, index, keeper, now) = (parts.catalog, parts.index, parts.keeper, parts.clock.now)
        switch await asking.run({ shared.claim(job.identity, for: index) }) {
        case .own: return true
        case .elsewhere(let seconds):
            _ = await persist { try catalog.release(job.media, of: index.id, until: now + seconds) }
            return false
        case .made(let made):
            parts.report(.mediaStarted(job.media, path: file.path))
            let clips = made.clips.map { clip in
                var clip = clip
                clip.media = job.media
                return clip
            }
            let outcome = await persist {
                try catalog.setProperties(made.properties, of: job.media)
                _ = try catalog.commit(clips, of: index, finished: [job.media], at: now)
                try keeper.catchUp()
            }
            // What another machine has made and this catalog doesn't take is made here.
            if case .refused = outcome { return true }
            guard outcome.value != nil else { return false }
            parts.report(.mediaIndexed(job.media, clips: clips.count))
            return false
        }
    }

    private func refusal(_ error: CatalogError, of job: Job) -> Problem {
        Problem(
            code: .catalog, message: "Its clips can't be stored: \(error.message)",
            retryAt: parts.settings.folders.retry.next(after: job.attempts + 1, at: parts.clock.now))
    }

    private func vanished(_ job: Job) -> Problem {
        Problem(
            code: .vanished,
            message: "It was not there, or had changed, when its turn came: it is looked for again.",
            retryAt: parts.clock.now + max(parts.settings.folders.settleTime, 30))
    }

    /// Reads a file into clips. Its first worker that dies is replaced at once: one that was killed for what went on beside it,
    /// such as too little memory, costs what it had in hand and no time.
    private func read(_ file: MediaFile, _ work: MediaWork, _ feed: JobFeed, _ queue: ClipQueue) async {
        var reading = ClipReading(of: work.job, framesPerClip: parts.encoder.framesPerClip)
        var mayReplace = work.job.attempts == 0
        while true {
            do {
                try await read(file, work, &reading, feed, queue)
                return
            } catch {
                guard !feed.isHalted, !Task.isCancelled else {
                    await queue.send(.init(work: work, step: .released))
                    return
                }
                guard mayReplace, (error as? DecodeError)?.code == .workerCrashed else {
                    await fail(error, reading, work, feed, queue)
                    return
                }
                mayReplace = false
                reading.goBack()
            }
        }
    }

    /// - Throws: what the decoder throws.
    private func read(
        _ file: MediaFile, _ work: MediaWork, _ reading: inout ClipReading, _ feed: JobFeed, _ queue: ClipQueue
    ) async throws {
        let sampling = FrameSampling(
            framesPerSecond: parts.settings.framesPerSecond, geometry: parts.encoder.input.geometry,
            start: reading.position
        )
        var events = parts.source.frames(of: file.path, sampling: sampling).makeAsyncIterator()
        var properties = MediaProperties()
        while true {
            let began = ContinuousClock.now
            let event = try await events.next()
            meter.addDecoding(seconds: began.age)
            guard !feed.isHalted, !Task.isCancelled, let event else {
                await queue.send(.init(work: work, step: .released))
                return
            }
            if work.progress.withLock({ $0.isOver }) { return }
            switch event {
            case .mediaInfo(let info):
                writer.resume(.decoding)
                properties = MediaProperties(info)
                await keep(properties, work)
            case .progress(let time):
                work.progress.withLock { $0.position = max($0.position, time) }
            case .frame(let frame):
                work.progress.withLock { $0.position = max($0.position, frame.time) }
                fallthrough
            case .cut:
                try await send(reading.consume(event), of: work, feed, queue)
                if reading.isTooLong { throw DecodeError.tooLong }
            case .end(let duration):
                if properties.duration != duration, duration > 0 {
                    properties.duration = duration
                    await keep(properties, work)
                }
                try await end(&reading, duration: duration, file, work, feed, queue)
                return
            }
        }
    }

    private func keep(_ properties: MediaProperties, _ work: MediaWork) async {
        let (catalog, media) = (parts.catalog, work.job.media)
        work.progress.withLock { $0.duration = properties.duration }
        _ = await persist { try catalog.setProperties(properties, of: media) }
    }

    /// Sends the last clips of a media item whose file is still the one that was asked for.
    private func end(
        _ reading: inout ClipReading, duration: Double, _ file: MediaFile, _ work: MediaWork, _ feed: JobFeed,
        _ queue: ClipQueue
    ) async throws {
        let isSame = await BlockingExecutor.files.run { [files = parts.files] in
            let there = try? files.attributes(of: file.path, followsLinks: true)
            return there.map { $0.stamp.isSameContent(as: file.stamp) } ?? true
        }
        guard isSame else {
            parts.markDirty(file.path)
            await queue.send(.init(work: work, step: .changed))
            return
        }
        let clips = reading.finish(duration: duration)
        guard reading.count > 0 else {
            let problem = Problem(code: .noFrames, message: "It holds no picture that can be decoded.", retryAt: nil)
            await queue.send(.init(work: work, step: .failed(problem)))
            return
        }
        try await send(clips, of: work, feed, queue, last: reading.isTooLong ? nil : reading.count - 1)
        if reading.isTooLong { throw DecodeError.tooLong }
        if clips.isEmpty { await queue.send(.init(work: work, step: .finished)) }
    }

    /// - Parameter last: the ordinal of the media item's last clip, if that is known.
    /// - Throws: `DecodeError` with `cancelled` when the feed was stopped or rests meanwhile.
    private func send(
        _ clips: [(clip: AssembledClip, ordinal: Int)], of work: MediaWork, _ feed: JobFeed, _ queue: ClipQueue,
        last: Int? = nil
    ) async throws {
        for (clip, ordinal) in clips {
            guard !feed.isHalted, !Task.isCancelled else { throw DecodeError.cancelled }
            await queue.send(.init(work: work, step: .clip(clip, ordinal: ordinal, isLast: ordinal == last)))
        }
    }

    private func fail(
        _ error: any Error, _ reading: ClipReading, _ work: MediaWork, _ feed: JobFeed, _ queue: ClipQueue
    ) async {
        switch (error as? DecodeError)?.code {
        case .cancelled:
            await queue.send(.init(work: work, step: .released))
        case .workerUnavailable:
            await queue.send(.init(work: work, step: .released))
            writer.pause(.decoding, "\(error)")
            await writer.wait(seconds: 30)
        case .notFound:
            parts.markDirty(work.path)
            await queue.send(.init(work: work, step: .vanished(vanished(work.job))))
        default:
            let problem = Problem(
                error, after: work.job.attempts + 1, parts.settings.folders.retry, at: parts.clock.now)
            // What could be read of a file that will not get better can be found.
            if problem.retryAt == nil {
                var reading = reading
                for (clip, ordinal) in reading.finish(duration: 0) {
                    guard !feed.isStopped, !Task.isCancelled else { break }
                    await queue.send(.init(work: work, step: .clip(clip, ordinal: ordinal, isLast: false)))
                }
            }
            await queue.send(.init(work: work, step: .failed(problem)))
        }
    }

    // Encoding and storing.

    private func encode(_ queue: ClipQueue, _ feed: JobFeed) async {
        let settings = parts.settings
        while let batch = await queue.nextBatch(
            frames: settings.batchFrames, wait: settings.batchWait, clock: parts.clock)
        {
            await put(batch)
            // Whoever waits for media to be stored looks again.
            feed.poke()
        }
    }

    private func put(_ batch: [ClipQueue.Item]) async {
        let batch = batch.filter { !$0.work.progress.withLock { $0.isOver } }
        let encoder = parts.encoder
        await parts.waitForTurn()
        let (encoded, seconds) = await parts.computing.run {
            let began = ContinuousClock.now
            return (EncodedBatch(batch, with: encoder), began.age)
        }
        parts.didEncode(seconds)
        meter.addEncoding(seconds: seconds)
        if !encoded.clips.isEmpty { parts.latencies.encoding.record(seconds) }
        // What was encoded is kept even where there is too little room, once the program ends.
        _ = await waitForSpace()
        await commit(encoded)
        for (work, problem) in encoded.refused { await close(work, .failed(problem)) }
        for item in batch {
            if case .clip = item.step { continue }
            await close(item.work, item.step)
        }
    }

    private func commit(_ batch: EncodedBatch) async {
        guard !batch.clips.isEmpty || !batch.finished.isEmpty else { return }
        let began = ContinuousClock.now
        let (catalog, index, keeper) = (parts.catalog, parts.index, parts.keeper)
        let (clips, finished) = (batch.clips, batch.finished.map(\.job.media))
        let now = parts.clock.now
        let outcome = await persist {
            try catalog.commit(clips, of: index, finished: finished, at: now)
        }
        if case .refused(let error) = outcome {
            // Later clips of these media items would leave a gap before them.
            for work in batch.works + batch.finished { await close(work, .failed(refusal(error, of: work.job))) }
        }
        if case .stopped = outcome {
            // Nor may a later batch that finds room during the stop: the next start resumes before the gap.
            for work in batch.works + batch.finished { work.progress.withLock { $0.isOver = true } }
        }
        guard let ids = outcome.value else { return }
        let stored = zip(ids, clips).filter { $0.0 != nil }.map(\.1)
        _ = await persist { try keeper.catchUp() }
        meter.addStoring(seconds: began.age)
        parts.latencies.storing.record(began.age)
        meter.addClips(
            stored.count, frames: batch.frames, videoSeconds: stored.reduce(0) { $0 + $1.end - $1.start },
            at: parts.clock.uptime)
        for (work, clip) in zip(batch.works, clips) {
            let progress = work.progress.withLock { progress in
                progress.clips = max(progress.clips, clip.ordinal + 1)
                return progress
            }
            parts.report(
                .mediaProgress(
                    work.job.media, position: clip.end, duration: progress.duration, clips: progress.clips))
        }
        for work in batch.finished {
            _ = working.withLock { $0.removeValue(forKey: work.job.media) }
            parts.report(.mediaIndexed(work.job.media, clips: work.progress.withLock { $0.clips }))
        }
    }

    /// Keeps how work on a media item ended without its last clip.
    private func close(_ work: MediaWork, _ step: ClipQueue.Step) async {
        let (catalog, index, media) = (parts.catalog, parts.index.id, work.job.media)
        let (keeper, now) = (parts.keeper, parts.clock.now)
        let isOver = work.progress.withLock { progress in
            defer { progress.isOver = true }
            return progress.isOver
        }
        guard !isOver else { return }
        switch step {
        case .clip, .finished: return
        case .failed(let problem), .vanished(let problem):
            let isAttempt = if case .failed = step { true } else { false }
            _ = await persist {
                try catalog.fail(media, of: index, problem, isAttempt: isAttempt, at: now)
            }
            parts.report(.mediaFailed(media, path: work.path.isEmpty ? nil : work.path, problem))
        case .released:
            _ = await persist { try catalog.release(media, of: index) }
        case .changed:
            _ = await persist {
                try catalog.restart(media, of: index)
                try keeper.catchUp()
            }
        }
        _ = working.withLock { $0.removeValue(forKey: media) }
        if let shared = parts.shared {
            let (index, content) = (parts.index, work.job.identity)
            await asking.run { shared.release(content, for: index) }
        }
    }

    /// Lets what waits for better times give up.
    func stop() {
        isStopped.withLock { $0 = true }
        writer.look()
    }
}
