internal import Catalog
internal import Synchronization
internal import Threads

/// An index that ingest fills, with its model: the live one, or the one that is built beside it.
final class IngestTrack: Sendable {
    private enum Phase {
        case waiting, running, ended
    }

    let model: IndexingModel
    let index: IndexRecord
    let pipeline: IngestPipeline
    let feed: JobFeed
    /// Why the index can't take over although it is complete.
    let problem = Mutex<String?>(nil)
    private let phase = Mutex(Phase.waiting)
    private let ended = Wakeup()

    init(model: IndexingModel, index: IndexRecord, pipeline: IngestPipeline, feed: JobFeed) {
        self.model = model
        self.index = index
        self.pipeline = pipeline
        self.feed = feed
    }

    /// Whether ``run()`` has not been called; only the first to ask is told so.
    func start() -> Bool {
        phase.withLock { phase in
            guard phase == .waiting else { return false }
            phase = .running
            return true
        }
    }

    /// Works until ``stop()``; to be called after ``start()``.
    func run() async {
        await pipeline.run(feed)
        phase.withLock { $0 = .ended }
        ended.fire()
    }

    /// Ends ``run()`` within seconds.
    func stop() {
        feed.stop()
        pipeline.stop()
    }

    /// As ``stop()``, and waits until nothing more is written; it can't be started afterwards.
    func finish() async {
        stop()
        while true {
            let ticket = ended.ticket
            let isOver = phase.withLock { phase in
                if phase == .waiting { phase = .ended }
                return phase == .ended
            }
            // Nobody waits any more for a change whose task was cancelled, but its track must be at rest before another one follows.
            if isOver { return }
            await ended.wait(since: ticket)
            if Task.isCancelled { await Task.yield() }
        }
    }
}
