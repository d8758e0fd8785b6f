internal import Catalog
internal import DecodeProtocol

extension Problem {
    /// What a decoder's error means for a media that was tried `attempts` times.
    init(_ error: any Error, after attempts: Int, _ retry: RetryPolicy, at now: Timestamp) {
        guard let error = error as? DecodeError else {
            self.init(code: .decode, message: "\(error)", retryAt: retry.next(after: attempts, at: now))
            return
        }
        self.init(
            code: Code(error.code), message: error.message,
            retryAt: error.isRetryable ? retry.next(after: attempts, at: now) : nil)
    }
}

extension Problem.Code {
    /// The database keeps these words, so none of them changes.
    fileprivate init(_ code: DecodeError.Code) {
        let word =
            switch code {
            case .failed(let failure): Self.word(for: failure)
            case .workerCrashed: "worker-crashed"
            case .outOfTime: "out-of-time"
            case .workerStuck: "worker-stuck"
            case .protocolBroken: "protocol-broken"
            case .poisoned: "poisoned"
            case .workerUnavailable: "worker-unavailable"
            case .cancelled: "cancelled"
            }
        self.init(rawValue: word)
    }

    private static func word(for failure: DecodeFailure.Code) -> String {
        switch failure {
        case .notFound: "not-found"
        case .unreadable: "unreadable"
        case .readError: "read-error"
        case .notMedia: "not-media"
        case .noVideo: "no-video"
        case .unsupported: "unsupported"
        case .damaged: "damaged"
        case .tooLarge: "too-large"
        case .outOfMemory: "out-of-memory"
        case .badRequest: "bad-request"
        }
    }
}

extension MediaProperties {
    init(_ info: MediaInfo) {
        self.init(
            duration: info.isStill ? 0 : info.duration, width: info.width, height: info.height, codec: info.codec,
            container: info.container, recordedAt: info.creationTime)
    }
}
