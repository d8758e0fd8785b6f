import DecodeProtocol
import Models
import SystemPackage

/// One request to the pool, whose answers are pulled one by one. When it is dropped early, its worker ends.
actor DecodeRun {
    private enum State {
        case waiting
        case running(DecodeWorker, DecodeWorker.Content?)
        case over
    }

    private let pool: DecodeWorkerPool
    private let file: FilePath
    private let request: DecodeRequest
    private var state = State.waiting
    private var isDescribed = false

    init(pool: DecodeWorkerPool, file: FilePath, request: DecodeRequest) {
        self.pool = pool
        self.file = file
        self.request = request
    }

    deinit {
        if case .running(let worker, _) = state {
            worker.kill()
            pool.lose()
        }
    }

    /// The next event, or nil after `end`.
    func next() async throws(DecodeError) -> DecodeEvent? {
        while let message = try await nextMessage() {
            switch message {
            case .mediaInfo(let information):
                isDescribed = true
                return .mediaInfo(information)
            case .frame(let time, let size, let pixels):
                return .frame(
                    SampledFrame(time: time, image: RGBImage(width: size, height: size, pixels: pixels)))
            case .cut(let time): return .cut(time: time)
            case .progress(let time):
                // The worker's signs of life while it opens a large file.
                if isDescribed { return .progress(time: time) }
            case .end(let summary): return .end(summary)
            case .thumbnail, .failure: continue
            }
        }
        return nil
    }

    /// The next message up to and with `end`, then nil.
    func nextMessage() async throws(DecodeError) -> DecodeMessage? {
        do throws(DecodeError) {
            if case .waiting = state { try await start() }
            guard case .running(let worker, _) = state else { return nil }
            let message = try await worker.receive()
            switch message {
            case .end:
                finish(worker)
            case .failure(let failure):
                finish(worker)
                throw DecodeError(failure)
            default:
                break
            }
            return message
        } catch {
            abandon(error)
            throw error
        }
    }

    private func start() async throws(DecodeError) {
        let worker = try await pool.lend()
        let content = await worker.content(of: file)
        do throws(DecodeError) {
            if let content { try pool.check(content) }
        } catch {
            pool.takeBack(worker)
            state = .over
            throw error
        }
        state = .running(worker, content)
        try await worker.send(request)
    }

    private func finish(_ worker: DecodeWorker) {
        state = .over
        pool.takeBack(worker)
    }

    /// The worker, if one still runs for this, is lost with `error`.
    private func abandon(_ error: DecodeError) {
        guard case .running(let worker, let content) = state else {
            state = .over
            return
        }
        state = .over
        worker.kill()
        if let content, error.code != .cancelled { pool.noteCrash(on: content, error) }
        pool.lose()
    }
}
