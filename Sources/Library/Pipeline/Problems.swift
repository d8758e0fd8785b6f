internal import Catalog
internal import DecodeProtocol

extension Problem {
    /// What a decoder's error means for a media item that was tried `attempts` times.
    init(_ error: any Error, after attempts: Int, _ retry: RetryPolicy, at now: Timestamp) {
        guard let error = error as? DecodeError else {
            self.init(code: .decode, message: "\(error)", retryAt: retry.next(after: attempts, at: now))
            return
        }
        self.init(
            code: Code(rawValue: error.code.rawValue), message: error.message,
            retryAt: error.isRetryable
                ? retry.next(after: attempts, at: now, costsWorker: error.code.costsWorker) : nil)
    }
}

extension MediaProperties {
    init(_ info: MediaInfo) {
        self.init(
            duration: info.isStill ? 0 : info.duration, width: info.width, height: info.height, codec: info.codec,
            container: info.container, recordedAt: info.creationTime)
    }
}
