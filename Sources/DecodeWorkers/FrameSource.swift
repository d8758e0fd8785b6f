package import DecodeProtocol

package import Models

package import SystemPackage

/// One decoded picture, with its true time in seconds from the beginning of the media.
package struct SampledFrame: Sendable, Equatable {
    package var time: Double
    package var image: RGBImage

    package init(time: Double, image: RGBImage) {
        self.time = time
        self.image = image
    }
}

/// What decoding a media yields, in the order of time.
package enum DecodeEvent: Sendable {
    /// Always the first.
    case mediaInfo(MediaInfo)
    case frame(SampledFrame)
    /// A shot begins at this time (s); it comes before every frame at or after that time.
    case cut(time: Double)
    /// Decoding has come to this time (s).
    case progress(time: Double)
    /// Always the last, unless an error is thrown.
    case end(DecodeSummary)
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
}

/// A sequence of events that is pulled by its one iterator.
package struct DecodeEvents: AsyncSequence, Sendable {
    package typealias Element = DecodeEvent

    private let start: @Sendable () -> @Sendable () async throws -> DecodeEvent?

    /// - Parameter start: called once for each iterator; returns what gives that iterator's next event.
    package init(_ start: @escaping @Sendable () -> @Sendable () async throws -> DecodeEvent?) {
        self.start = start
    }

    /// A sequence of known events, for tests.
    package init(_ events: [DecodeEvent]) {
        self.init {
            let remaining = RemainingEvents(events)
            return { await remaining.next() }
        }
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(pull: start())
    }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let pull: @Sendable () async throws -> DecodeEvent?

        package mutating func next() async throws -> DecodeEvent? {
            try await pull()
        }
    }
}

private actor RemainingEvents {
    private var events: ArraySlice<DecodeEvent>

    init(_ events: [DecodeEvent]) {
        self.events = events[...]
    }

    func next() -> DecodeEvent? {
        events.popFirst()
    }
}
