extension DecodeRequest {
    private enum Kind: UInt8 {
        case probe = 1
        case frames = 2
        case thumbnail = 3
    }

    /// The bytes of the request, header included.
    package func encoded(request: UInt32) -> [UInt8] {
        var body = WireWriter()
        let kind: Kind
        switch self {
        case .probe(let source):
            kind = .probe
            source.write(to: &body)
        case .frames(let source, let sampling):
            kind = .frames
            source.write(to: &body)
            body.double(sampling.framesPerSecond)
            body.uint8(sampling.accuracy.rawValue)
            body.uint32(UInt32(sampling.frameSize))
            body.bool(sampling.detectsCuts)
            body.double(sampling.start)
            body.optionalDouble(sampling.end)
            body.double(sampling.tolerance)
        case .thumbnail(let source, let time, let longestSide):
            kind = .thumbnail
            source.write(to: &body)
            body.double(time)
            body.uint32(UInt32(longestSide))
        }
        return framed(body, kind: kind.rawValue, request: request)
    }

    /// Reads the body of a request.
    /// - Throws: `WireError` when a value is missing, left over or out of its range.
    package init(kind: UInt8, body: [UInt8]) throws(WireError) {
        guard let kind = Kind(rawValue: kind) else { throw WireError(.kind, "There is no request of kind \(kind).") }
        var reader = WireReader(body)
        let source = try MediaSource(from: &reader)
        switch kind {
        case .probe:
            self = .probe(source)
        case .frames:
            var sampling = FrameSampling()
            sampling.framesPerSecond = try reader.double()
            let accuracy = try reader.uint8()
            guard let accuracy = FrameSampling.Accuracy(rawValue: accuracy) else {
                throw WireError(.content, "There is no accuracy \(accuracy).")
            }
            sampling.accuracy = accuracy
            sampling.frameSize = try reader.count(in: 1...DecodeLimits.frameSize)
            sampling.detectsCuts = try reader.bool()
            sampling.start = try reader.double()
            sampling.end = try reader.optionalDouble()
            sampling.tolerance = try reader.double()
            guard (0.0001...1000).contains(sampling.framesPerSecond), (0...1e9).contains(sampling.start),
                sampling.tolerance >= 0, (sampling.end ?? 0).magnitude <= 1e9
            else { throw WireError(.content, "The sampling's rate or span is out of range.") }
            self = .frames(source, sampling)
        case .thumbnail:
            let time = try reader.double()
            guard (0...1e9).contains(time) else { throw WireError(.content, "The thumbnail's time is out of range.") }
            self = .thumbnail(source, time: time, longestSide: try reader.count(in: 1...DecodeLimits.frameSize))
        }
        try reader.finish()
    }
}

extension MediaSource {
    fileprivate func write(to writer: inout WireWriter) {
        switch self {
        case .path(let bytes):
            writer.uint8(0)
            writer.blob(bytes)
        case .descriptor(let descriptor):
            writer.uint8(1)
            writer.uint32(UInt32(bitPattern: descriptor))
        }
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        switch try reader.uint8() {
        case 0:
            let path = try reader.blob(limit: DecodeLimits.pathBytes)
            guard !path.isEmpty, !path.contains(0) else {
                throw WireError(.content, "A path is empty or holds a zero.")
            }
            self = .path(path)
        case 1: self = .descriptor(Int32(bitPattern: try reader.uint32()))
        case let kind: throw WireError(.content, "There is no media source of kind \(kind).")
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
    }

    /// The bytes of the message, header included.
    package func encoded(request: UInt32) -> [UInt8] {
        var body = WireWriter()
        let kind: Kind
        switch self {
        case .mediaInfo(let info):
            kind = .mediaInfo
            info.write(to: &body)
        case .frame(let time, let size, let pixels):
            kind = .frame
            body.bytes.reserveCapacity(pixels.count + 16)
            body.double(time)
            body.uint32(UInt32(size))
            body.bytes += pixels
        case .cut(let time):
            kind = .cut
            body.double(time)
        case .progress(let time):
            kind = .progress
            body.double(time)
        case .thumbnail(let time, let jpeg):
            kind = .thumbnail
            body.double(time)
            body.blob(jpeg)
        case .end(let summary):
            kind = .end
            body.double(summary.duration)
            body.int64(Int64(summary.decodedFrames))
            body.int64(Int64(summary.deliveredFrames))
            body.int64(Int64(summary.skippedPackets))
            body.int64(Int64(summary.damagedPackets))
        case .failure(let failure):
            kind = .failure
            body.uint8(failure.code.rawValue)
            body.bool(failure.isRetryable)
            body.string(failure.message)
        }
        return framed(body, kind: kind.rawValue, request: request)
    }

    /// Reads the body of a message.
    /// - Throws: `WireError` when a value is missing, left over or out of its range.
    package init(kind: UInt8, body: [UInt8]) throws(WireError) {
        guard let kind = Kind(rawValue: kind) else { throw WireError(.kind, "There is no message of kind \(kind).") }
        var reader = WireReader(body)
        switch kind {
        case .mediaInfo:
            self = .mediaInfo(try MediaInfo(from: &reader))
        case .frame:
            let time = try reader.mediaTime()
            let size = try reader.count(in: 1...DecodeLimits.frameSize)
            self = .frame(time: time, size: size, pixels: try reader.raw(size * size * 3))
        case .cut:
            self = .cut(time: try reader.mediaTime())
        case .progress:
            self = .progress(time: try reader.mediaTime())
        case .thumbnail:
            let time = try reader.double()
            self = .thumbnail(time: time, jpeg: try reader.blob(limit: DecodeLimits.messageBytes))
        case .end:
            self = .end(
                DecodeSummary(
                    duration: try reader.mediaTime(),
                    decodedFrames: try reader.total(),
                    deliveredFrames: try reader.total(),
                    skippedPackets: try reader.total(),
                    damagedPackets: try reader.total()))
        case .failure:
            let code = try reader.uint8()
            guard let code = DecodeFailure.Code(rawValue: code) else {
                throw WireError(.content, "There is no failure code \(code).")
            }
            self = .failure(
                DecodeFailure(code: code, isRetryable: try reader.bool(), message: try reader.string()))
        }
        try reader.finish()
    }
}

extension MediaInfo {
    fileprivate func write(to writer: inout WireWriter) {
        writer.optionalDouble(duration)
        writer.uint32(UInt32(width))
        writer.uint32(UInt32(height))
        writer.uint16(UInt16(rotation))
        writer.string(codec)
        writer.string(container)
        writer.optionalDouble(frameRate)
        writer.bool(isStill)
        writer.optionalDouble(creationTime)
        let entries = metadata.prefix(DecodeLimits.metadataEntries)
        writer.uint32(UInt32(entries.count))
        for entry in entries {
            writer.string(entry.key)
            writer.string(entry.value)
        }
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        let duration = try reader.optionalDouble()
        let width = try reader.count(in: 1...1_000_000)
        let height = try reader.count(in: 1...1_000_000)
        let rotation = Int(try reader.uint16())
        guard rotation < 360, rotation % 90 == 0 else {
            throw WireError(.content, "A rotation is \(rotation) degrees.")
        }
        self.init(
            duration: duration,
            width: width,
            height: height,
            rotation: rotation,
            codec: try reader.string(),
            container: try reader.string(),
            frameRate: try reader.optionalDouble(),
            isStill: try reader.bool(),
            creationTime: try reader.optionalDouble()
        )
        let count = try reader.count(in: 0...DecodeLimits.metadataEntries)
        for _ in 0..<count { metadata.append(MetadataEntry(key: try reader.string(), value: try reader.string())) }
    }
}

private func framed(_ body: WireWriter, kind: UInt8, request: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(WireHeader.size + body.bytes.count)
    WireHeader(length: body.bytes.count, kind: kind, request: request).append(to: &bytes)
    bytes += body.bytes
    return bytes
}
