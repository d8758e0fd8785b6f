import Basics
internal import Catalog
internal import DecodeProtocol
import DecodeWorkers
internal import Synchronization
internal import SystemPackage
internal import Threads

/// Reads the text of media items into the catalog, one file after the other: what their files carry once they are indexed, and the files of
/// subtitles beside them.
///
/// It is a job of its own because it concerns no model: another index is built without it, and a file of subtitles that changes costs no
/// decoding.
final class TextReader: Sendable {
    private let catalog: Catalog
    private let source: any FrameSource
    private let writer: CatalogWriter
    private let clock: any WallClock
    private let retry: RetryPolicy
    private let wakeup: Wakeup
    private let mayWork: @Sendable () -> Bool
    private let report: @Sendable (LibraryEvent.Kind) -> Void
    private let isStopped = Mutex(false)

    /// - Parameters:
    ///   - writer: waits while the disk is full.
    ///   - wakeup: is fired when there may be something to read.
    ///   - mayWork: whether what waits is read now; what ``readAll(of:)`` names always is.
    init(
        catalog: Catalog, source: any FrameSource, writer: CatalogWriter, clock: any WallClock, retry: RetryPolicy,
        wakeup: Wakeup, mayWork: @escaping @Sendable () -> Bool,
        report: @escaping @Sendable (LibraryEvent.Kind) -> Void
    ) {
        self.catalog = catalog
        self.source = source
        self.writer = writer
        self.clock = clock
        self.retry = retry
        self.wakeup = wakeup
        self.mayWork = mayWork
        self.report = report
    }

    /// Reads what there is and what will be, until ``stop()``, which ends the reading of a file as well.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.work() }
            group.addTask { await self.waitForStop() }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForStop() async {
        while true {
            let ticket = wakeup.ticket
            if mustStop { return }
            await wakeup.wait(since: ticket)
        }
    }

    private func work() async {
        while !mustStop {
            let ticket = wakeup.ticket
            await renewNames()
            await readPending()
            let next = try? await BlockingExecutor.shared.run { [catalog, clock] in
                try catalog.nextTextRetry(after: clock.now)
            }
            await wakeup.wait(since: ticket, seconds: next.flatMap { $0 }.map { max(1, $0 - clock.now) }, clock: clock)
        }
    }

    /// Reads what some media items have to be read now.
    func readAll(of media: [MediaID]) async {
        await renewNames()
        for media in media { await readPending(of: media) }
    }

    func poke() { wakeup.fire() }

    /// Ends ``run()``.
    func stop() {
        isStopped.withLock { $0 = true }
        wakeup.fire()
    }

    private var mustStop: Bool { isStopped.withLock { $0 } || Task.isCancelled }

    private func renewNames() async {
        while !mustStop, await writer.persist({ [catalog] in try catalog.renewNames() }).value == true {
            report(.namesRead)
        }
    }

    private func readPending(of media: MediaID? = nil) async {
        while !mustStop, media != nil || mayWork() {
            let next = try? await BlockingExecutor.shared.run { [catalog, clock] in
                try catalog.nextTextSource(at: clock.now, of: media)
            }
            guard let next = next.flatMap({ $0 }), await read(next) else { return }
        }
    }

    /// - Returns: false when it is of no use to go on now.
    private func read(_ text: TextSource) async -> Bool {
        let lines: [Line]
        do {
            lines = try await self.lines(of: text)
        } catch {
            let code = (error as? DecodeError)?.code
            guard !mustStop, code != .cancelled else { return false }
            // Without a worker nothing can be read: ingest says so, and tries again when there is one.
            guard code != .workerUnavailable else { return false }
            let problem = Problem(error, after: text.attempts + 1, retry, at: clock.now)
            let outcome = await writer.persist { [catalog] in try catalog.failText(of: text, problem) }
            report(.textFailed(text.media, path: text.path, problem))
            return outcome.value != nil
        }
        let outcome = await writer.persist { [catalog] in try catalog.setLines(lines, of: text) }
        if outcome.value == true { report(.textRead(text.media, path: text.path, lines: lines.count)) }
        if case .refused(let error) = outcome {
            let problem = Problem(code: .catalog, message: "Its text can't be stored: \(error.message)", retryAt: nil)
            return await writer.persist { [catalog] in try catalog.failText(of: text, problem) }.value != nil
        }
        return outcome.value != nil
    }

    private func lines(of text: TextSource) async throws -> [Line] {
        let place: TextPlace
        switch text.kind {
        case .media: place = .media
        case .subtitles:
            guard let format = text.path.extension.flatMap(SubtitleFormat.init) else { return [] }
            place = .subtitles(format)
        }
        return try await source.text(of: text.path, place).map { Line($0, language: text.language) }
    }
}

extension Line {
    /// - Parameter language: of the file, where the line doesn't say.
    fileprivate init(_ line: TextLine, language: String?) {
        let kind: Kind =
            switch line.kind {
            case .subtitle: .subtitle
            case .chapter: .chapter
            case .title: .title
            case .comment: .comment
            }
        self.init(
            kind: kind, start: line.start, end: line.end, language: line.language.isEmpty ? language : line.language,
            text: line.text)
    }
}
