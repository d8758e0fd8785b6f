import DecodeProtocol
import SystemPackage

/// One request to the pool, whose answers are pulled one by one by whoever made it. When it is dropped early, its
/// worker ends.
final class DecodeRun {
    private enum State {
        case waiting
        case running(DecodeWorker)
        case over
    }

    private let pool: DecodeWorkerPool
    private let request: DecodeRequest
    private var state = State.waiting

    init(pool: DecodeWorkerPool, request: DecodeRequest) {
        self.pool = pool
        self.request = request
    }

    deinit { loseWorker() }

    /// The next message up to and with `end`, then nil.
    func next() async throws(DecodeError) -> DecodeMessage? {
        do throws(DecodeError) {
            if case .waiting = state {
                let worker = try await pool.acquire()
                state = .running(worker)
                try await worker.send(request)
            }
            guard case .running(let worker) = state else { return nil }
            let message = try await worker.receive()
            switch message {
            case .event(.frame(let frame)): try check(frame)
            case .event(.end): finish(worker)
            case .failure(let error):
                finish(worker)
                throw error
            case .event, .thumbnail: break
            }
            return message
        } catch {
            loseWorker()
            throw error
        }
    }

    /// A worker that was taken over by a file may not fill this process with larger pictures than were asked for.
    private func check(_ frame: SampledFrame) throws(DecodeError) {
        guard case .frames(_, let sampling) = request, frame.side == sampling.geometry.side else {
            throw DecodeError(
                .protocolBroken, isRetryable: true,
                message: "The decode worker sent a picture of \(frame.side) pixels that wasn't asked for.")
        }
    }

    private func finish(_ worker: DecodeWorker) {
        state = .over
        pool.release(worker)
    }

    /// The worker, if one still runs for this, can't be used again: nobody knows what it is about to say.
    private func loseWorker() {
        if case .running(let worker) = state {
            worker.kill()
            pool.discard()
        }
        state = .over
    }
}
