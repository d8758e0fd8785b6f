package import DecodeProtocol
package import Models
package import SystemPackage

extension SampledFrame {
    /// The picture as a model takes it; it shares the pixels.
    package var image: RGBImage { RGBImage(width: side, height: side, pixels: pixels) }
}

/// Where the pipeline gets its frames: the worker processes, or a fake in tests.
package protocol FrameSource: Sendable {
    /// The frames of a file, decoded as they are asked for: who doesn't ask for the next event, stops the decoding.
    ///
    /// Iterating throws `DecodeError`. Dropping the iterator or cancelling the task gives up the rest.
    func frames(of file: FilePath, sampling: FrameSampling) -> DecodeEvents

    /// What the file says of itself, without decoding it.
    /// - Throws: `DecodeError`.
    func probe(_ file: FilePath) async throws -> MediaInfo

    /// The picture displayed at `time` (s) as JPEG, upright, its longer side at most `longestSide` px.
    /// - Throws: `DecodeError`.
    func thumbnail(of file: FilePath, at time: Double, longestSide: Int) async throws -> [UInt8]

    /// Some seconds of a video from `start` (s) on as WebM, without sound, upright, its longer side at most `longestSide` px.
    /// - Throws: `DecodeError`.
    func preview(of file: FilePath, at start: Double, seconds: Double, longestSide: Int) async throws -> [UInt8]

    /// The text of a media file, or of a file of subtitles; none is an empty list.
    /// - Throws: `DecodeError`.
    func text(of file: FilePath, _ place: TextPlace) async throws -> [TextLine]
}

/// A sequence of events that is pulled by its one iterator.
package struct DecodeEvents: AsyncSequence, Sendable {
    package typealias Element = DecodeEvent

    /// Gives the next event, in the executor of whoever asks.
    package typealias Pull = () async throws -> DecodeEvent?

    private let start: @Sendable () -> Pull

    /// - Parameter start: called once for each iterator; returns what gives that iterator's next event.
    package init(_ start: @escaping @Sendable () -> Pull) {
        self.start = start
    }

    /// A sequence of known events, for tests.
    package init(_ events: [DecodeEvent]) {
        self.init {
            var rest = events[...]
            return { rest.popFirst() }
        }
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(pull: start())
    }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let pull: Pull

        package mutating func next() async throws -> DecodeEvent? {
            try await pull()
        }
    }
}
