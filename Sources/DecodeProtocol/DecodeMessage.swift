/// One decoded picture of a media item.
package struct SampledFrame: Sendable, Equatable {
    /// Its true time in seconds from the beginning.
    package var time: Double
    /// Rows and columns, in pixels.
    package var side: Int
    /// `side` × `side` × 3 bytes: R, G, B.
    package var pixels: [UInt8]

    package init(time: Double, side: Int, pixels: [UInt8]) {
        self.time = time
        self.side = side
        self.pixels = pixels
    }
}

/// What decoding a media item yields, in the order of time.
package enum DecodeEvent: Sendable, Equatable {
    /// Always the first, apart from `progress`.
    case mediaInfo(MediaInfo)
    case frame(SampledFrame)
    /// A shot begins at this time (s); it comes before every frame at or after that time.
    case cut(time: Double)
    /// Decoding has come to this time (s). The worker says so at least twice a second while it says nothing else.
    case progress(time: Double)
    /// Always the last, unless there is an error. `duration` is the seconds from the beginning to the end of the last
    /// frame that was seen; 0 for a still picture.
    case end(duration: Double)
}

/// What the worker says. A request is answered by zero or more messages and then exactly one `end` or `failure`.
package enum DecodeMessage: Sendable, Equatable {
    case event(DecodeEvent)
    /// A JPEG file.
    case thumbnail([UInt8])
    /// A WebM file.
    case preview([UInt8])
    /// Some lines of text, at least one; as many as fit ``DecodeLimits/bodyBytes``, which ``batches(of:)`` sees to.
    case text([TextLine])
    case failure(DecodeError)
}

extension DecodeRequest {
    private enum Kind: UInt8 {
        case probe = 1
        case frames = 2
        case thumbnail = 3
        case text = 4
        case preview = 5
    }

    /// The bytes of the request, header included.
    package func encoded(request: UInt32) -> [UInt8] {
        var body = WireWriter()
        let kind: Kind
        switch self {
        case .probe:
            kind = .probe
        case .frames(let sampling):
            kind = .frames
            body.double(sampling.framesPerSecond)
            body.uint32(UInt32(clamping: sampling.geometry.side))
            body.uint8(sampling.geometry.fit.rawValue)
            body.uint8(sampling.geometry.filter.rawValue)
            body.bool(sampling.detectsCuts)
            body.double(sampling.start)
            body.optionalDouble(sampling.end)
        case .thumbnail(let time, let longestSide):
            kind = .thumbnail
            body.double(time)
            body.uint32(UInt32(clamping: longestSide))
        case .preview(let start, let seconds, let longestSide):
            kind = .preview
            body.double(start)
            body.double(seconds)
            body.uint32(UInt32(clamping: longestSide))
        case .text(let place):
            kind = .text
            place.write(to: &body)
        }
        return WireHeader.bytes(kind: kind.rawValue, request: request, body: body)
    }

    /// Takes a request apart.
    /// - Throws: `WireError` when a value is missing, left over or out of its range.
    package init(_ message: WireMessage) throws(WireError) {
        guard let kind = Kind(rawValue: message.header.kind) else {
            throw WireError(.kind, "There is no request of kind \(message.header.kind).")
        }
        guard message.payload.isEmpty else { throw WireError(.length, "A request has no payload.") }
        var reader = WireReader(message.body)
        switch kind {
        case .probe:
            self = .probe
        case .frames:
            let sampling = FrameSampling(
                framesPerSecond: try reader.double(), geometry: try FrameGeometry(from: &reader),
                detectsCuts: try reader.bool(), start: try reader.double(), end: try reader.optionalDouble())
            guard (0.0001...1000).contains(sampling.framesPerSecond), (0...1e9).contains(sampling.start),
                (sampling.end ?? 0).magnitude <= 1e9
            else { throw WireError(.content, "The sampling's rate or span is out of range.") }
            self = .frames(sampling)
        case .thumbnail:
            let time = try reader.double()
            guard (0...1e9).contains(time) else { throw WireError(.content, "The thumbnail's time is out of range.") }
            self = .thumbnail(time: time, longestSide: try reader.count(in: 1...DecodeLimits.frameSize))
        case .preview:
            let (start, seconds) = (try reader.double(), try reader.double())
            guard (0...1e9).contains(start), (0.001...PreviewLimits.seconds).contains(seconds) else {
                throw WireError(.content, "The preview's span is out of range.")
            }
            self = .preview(
                start: start, seconds: seconds,
                longestSide: try reader.count(in: 2...PreviewLimits.longestSide))
        case .text:
            self = .text(try TextPlace(from: &reader))
        }
        try reader.finish()
    }
}

extension FrameGeometry {
    fileprivate init(from reader: inout WireReader) throws(WireError) {
        let side = try reader.count(in: 1...DecodeLimits.frameSize)
        guard let fit = Fit(rawValue: try reader.uint8()), let filter = Filter(rawValue: try reader.uint8()) else {
            throw WireError(.content, "There is no such fit or filter of a frame.")
        }
        self.init(side: side, fit: fit, filter: filter)
    }
}

extension TextPlace {
    fileprivate func write(to writer: inout WireWriter) {
        switch self {
        case .media: writer.uint8(0)
        case .subtitles(let format):
            writer.uint8(1)
            writer.uint8(format.rawValue)
        }
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        switch try reader.uint8() {
        case 0: self = .media
        case 1:
            guard let format = SubtitleFormat(rawValue: try reader.uint8()) else {
                throw WireError(.content, "There is no such format of subtitles.")
            }
            self = .subtitles(format)
        case let place: throw WireError(.content, "There is no place \(place) of text.")
        }
    }
}

extension DecodeMessage {
    private enum Kind: UInt8 {
        case mediaInfo = 1
        case frame = 2
        case cut = 3
        case progress = 4
        case thumbnail = 5
        case end = 6
        case failure = 7
        case text = 8
        case preview = 9
    }

    /// The bytes of the message: header and body, and the payload that is to follow them, which isn't copied.
    package func encoded(request: UInt32) -> (head: [UInt8], payload: [UInt8]) {
        var body = WireWriter()
        var payload: [UInt8] = []
        let kind: Kind
        switch self {
        case .event(.mediaInfo(let info)):
            kind = .mediaInfo
            info.write(to: &body)
        case .event(.frame(let frame)):
            kind = .frame
            body.double(frame.time)
            body.uint32(UInt32(clamping: frame.side))
            payload = frame.pixels
        case .event(.cut(let time)):
            kind = .cut
            body.double(time)
        case .event(.progress(let time)):
            kind = .progress
            body.double(time)
        case .event(.end(let duration)):
            kind = .end
            body.double(duration)
        case .thumbnail(let jpeg):
            kind = .thumbnail
            payload = jpeg
        case .preview(let webm):
            kind = .preview
            payload = webm
        case .text(let lines):
            kind = .text
            body.uint32(UInt32(clamping: lines.count))
            for line in lines { line.write(to: &body) }
        case .failure(let error):
            kind = .failure
            body.string(error.code.rawValue)
            body.bool(error.isRetryable)
            body.string(error.message)
        }
        let head = WireHeader.bytes(kind: kind.rawValue, request: request, body: body, payload: payload.count)
        return (head, payload)
    }

    /// Takes a message apart.
    /// - Throws: `WireError` when a value is missing, left over or out of its range.
    package init(_ message: WireMessage) throws(WireError) {
        guard let kind = Kind(rawValue: message.header.kind) else {
            throw WireError(.kind, "There is no message of kind \(message.header.kind).")
        }
        var reader = WireReader(message.body)
        var payload = 0
        switch kind {
        case .mediaInfo:
            self = .event(.mediaInfo(try MediaInfo(from: &reader)))
        case .frame:
            let time = try reader.mediaTime()
            let side = try reader.count(in: 1...DecodeLimits.frameSize)
            payload = side * side * 3
            self = .event(.frame(SampledFrame(time: time, side: side, pixels: message.payload)))
        case .cut:
            self = .event(.cut(time: try reader.mediaTime()))
        case .progress:
            self = .event(.progress(time: try reader.mediaTime()))
        case .end:
            self = .event(.end(duration: try reader.mediaTime()))
        case .thumbnail:
            payload = message.payload.count
            self = .thumbnail(message.payload)
        case .preview:
            payload = message.payload.count
            self = .preview(message.payload)
        case .text:
            var lines: [TextLine] = []
            for _ in 0..<(try reader.count(in: 1...DecodeLimits.bodyBytes)) {
                lines.append(try TextLine(from: &reader))
            }
            self = .text(lines)
        case .failure:
            guard let code = DecodeError.Code(rawValue: try reader.string()), code.isOfFile else {
                throw WireError(.content, "There is no such failure of a file.")
            }
            self = .failure(DecodeError(code, isRetryable: try reader.bool(), message: try reader.string()))
        }
        try reader.finish()
        guard message.payload.count == payload else {
            throw WireError(.length, "A message has \(message.payload.count) bytes after its body, not \(payload).")
        }
    }
}

extension DecodeMessage {
    /// Messages that carry `lines` in their order.
    package static func batches(of lines: [TextLine]) -> [DecodeMessage] {
        var messages: [DecodeMessage] = []
        var batch: [TextLine] = []
        var bytes = 4
        for line in lines {
            if bytes + line.wireBytes > DecodeLimits.bodyBytes {
                messages.append(.text(batch))
                batch = []
                bytes = 4
            }
            batch.append(line)
            bytes += line.wireBytes
        }
        return batch.isEmpty ? messages : messages + [.text(batch)]
    }
}

extension MediaInfo {
    fileprivate func write(to writer: inout WireWriter) {
        writer.optionalDouble(duration)
        writer.uint32(UInt32(width))
        writer.uint32(UInt32(height))
        writer.string(codec)
        writer.string(container)
        writer.bool(isStill)
        writer.optionalDouble(creationTime)
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        let side = 1...1_000_000
        self.init(
            duration: try reader.optionalDouble(), width: try reader.count(in: side),
            height: try reader.count(in: side), codec: try reader.string(), container: try reader.string(),
            isStill: try reader.bool(), creationTime: try reader.optionalDouble())
    }
}
