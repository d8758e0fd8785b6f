import DecodeProtocol

extension FuzzTarget {
    /// The bytes between daemon and worker: the first says who reads, the rest is the stream.
    static let decodeProtocol = FuzzTarget(name: "protocol") {
        let requests: [DecodeRequest] = [
            .probe(.path(Array("/videos/a.mp4".utf8))),
            .frames(.path(Array("/videos/\u{e9}.mkv".utf8)), FrameSampling(start: 2, end: 12)),
            .thumbnail(.path([0x2F, 0xFF]), time: 1.5, longestSide: 320),
        ]
        let info = MediaInfo(
            duration: 12.5, width: 1920, height: 1080, rotation: 90, codec: "h264", container: "mov,mp4",
            frameRate: 25, creationTime: 1_700_000_000, metadata: [MetadataEntry(key: "title", value: "A dog")])
        let messages: [DecodeMessage] = [
            .mediaInfo(info), .frame(time: 0.5, size: 2, pixels: [UInt8](0..<12)), .cut(time: 3), .progress(time: 4),
            .thumbnail(time: 1, jpeg: [0xFF, 0xD8, 0xFF, 0xD9]),
            .end(DecodeSummary(duration: 12.5, decodedFrames: 300, deliveredFrames: 25)),
            .failure(DecodeFailure(code: .damaged, isRetryable: false, message: "not one frame")),
        ]
        let streams =
            requests.map { [0] + $0.encoded(request: 7) } + messages.map { [1] + $0.encoded(request: 7) }
        return streams + [[1] + messages.flatMap { $0.encoded(request: 9) }]
    } check: { input in
        guard let reader = input.first else { return }
        let isRequest = reader % 2 == 0
        let limit = isRequest ? DecodeLimits.requestBytes : DecodeLimits.messageBytes
        let stream = Array(input.dropFirst())
        let whole = bodies(of: [stream[...]], limit: limit)
        let inPieces = bodies(of: pieces(of: stream), limit: limit)
        require(whole == inPieces, "a stream says the same however it is cut")
        for (header, body) in zip(whole.headers, whole.bodies) {
            if isRequest {
                keepsItsMeaning(body) { body in
                    let request = try DecodeRequest(kind: header.kind, body: body)
                    return (request, request.encoded(request: header.request))
                }
            } else {
                keepsItsMeaning(body) { body in
                    let message = try DecodeMessage(kind: header.kind, body: body)
                    return (message, message.encoded(request: header.request))
                }
            }
        }
    }
}

private struct Bodies: Equatable {
    var headers: [WireHeader] = []
    var bodies: [[UInt8]] = []
    var error: WireError?
}

private func bodies(of pieces: [ArraySlice<UInt8>], limit: Int) -> Bodies {
    var found = Bodies()
    var stream = WireStream(limit: limit)
    for piece in pieces {
        stream.append(piece)
        do {
            while let (header, body) = try stream.next() {
                found.headers.append(header)
                found.bodies.append(body)
            }
        } catch {
            found.error = error
            return found
        }
        require(stream.missing > 0, "a stream without a whole message needs more bytes")
    }
    return found
}

/// What was read is written so that the same is read again. Strings that aren't UTF-8 grow threefold when they are repaired, and are
/// then cut at their limit: only the second writing of long ones has to keep everything.
private func keepsItsMeaning<Value: Equatable>(_ body: [UInt8], _ read: ([UInt8]) throws -> (Value, [UInt8])) {
    guard let (first, bytes) = try? read(body) else { return }
    guard let (second, again) = try? read(Array(bytes.dropFirst(WireHeader.size))) else {
        fatalError("what was written can be read")
    }
    require(second == first || body.count * 3 > DecodeLimits.stringBytes, "decoding undoes encoding")
    guard let (third, _) = try? read(Array(again.dropFirst(WireHeader.size))) else {
        fatalError("what was written twice can be read")
    }
    require(third == second, "decoding undoes encoding, at least the second time")
}
