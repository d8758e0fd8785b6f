import DecodeProtocol

extension FuzzTarget {
    /// The bytes between daemon and worker: the first says who reads, the rest is the stream.
    static let decodeProtocol = FuzzTarget(name: "protocol") {
        let requests: [DecodeRequest] = [
            .probe,
            .frames(FrameSampling(start: 2, end: 12)),
            .thumbnail(time: 1.5, longestSide: 320),
            .preview(start: 1.5, seconds: 10, longestSide: 480),
            .text(.subtitles(.subRip)),
        ]
        let info = MediaInfo(
            duration: 12.5, width: 1920, height: 1080, codec: "h264", container: "mov,mp4", creationTime: 1_700_000_000)
        let messages: [DecodeMessage] = [
            .event(.mediaInfo(info)), .event(.frame(SampledFrame(time: 0.5, side: 2, pixels: [UInt8](0..<12)))),
            .event(.cut(time: 3)), .event(.progress(time: 4)), .thumbnail([0xFF, 0xD8, 0xFF, 0xD9]),
            .preview([0x1A, 0x45, 0xDF, 0xA3]),
            .text([TextLine(kind: .subtitle, start: 1, end: 2, language: "en", text: "Où?")]),
            .event(.end(duration: 12.5)), .failure(DecodeError(.damaged, isRetryable: false, message: "not one frame")),
        ]
        let streams =
            requests.map { [0] + $0.encoded(request: 7) } + messages.map { [1] + bytes(of: $0, request: 7) }
        return streams + [[1] + messages.flatMap { bytes(of: $0, request: 9) }]
    } check: { input in
        guard let reader = input.first else { return }
        let isRequest = reader % 2 == 0
        let limit = isRequest ? 0 : DecodeLimits.payloadBytes
        let stream = Array(input.dropFirst())
        let whole = contents(of: [stream[...]], payloadLimit: limit)
        let inPieces = contents(of: pieces(of: stream), payloadLimit: limit)
        require(whole == inPieces, "a stream says the same however it is cut")
        for message in whole.messages {
            if isRequest {
                keepsItsMeaning(message) { message in
                    let request = try DecodeRequest(message)
                    return (request, request.encoded(request: message.header.request))
                }
            } else {
                keepsItsMeaning(message) { message in
                    let read = try DecodeMessage(message)
                    return (read, bytes(of: read, request: message.header.request))
                }
            }
        }
    }
}

private func bytes(of message: DecodeMessage, request: UInt32) -> [UInt8] {
    let (head, payload) = message.encoded(request: request)
    return head + payload
}

private struct Contents: Equatable {
    var messages: [WireMessage] = []
    var error: WireError?
}

private func contents(of pieces: [ArraySlice<UInt8>], payloadLimit: Int) -> Contents {
    var found = Contents()
    var stream = WireStream(payloadLimit: payloadLimit)
    do throws(WireError) {
        for piece in pieces {
            var rest = piece
            while !rest.isEmpty {
                require(stream.missing > 0, "a stream without a whole message needs more bytes")
                let taken = stream.fill { room in
                    let count = min(room.count, rest.count)
                    room.copyBytes(from: rest.prefix(count))
                    return count
                }
                rest = rest.dropFirst(taken)
                while let message = try stream.next() { found.messages.append(message) }
            }
        }
    } catch {
        found.error = error
    }
    return found
}

/// What was read is written so that the same is read again. Strings that aren't UTF-8 grow threefold when they are repaired, and are
/// then cut at their limit: only the second writing of long ones has to keep everything.
private func keepsItsMeaning<Value: Equatable>(
    _ message: WireMessage, _ read: (WireMessage) throws -> (Value, [UInt8])
) {
    guard let (first, bytes) = try? read(message) else { return }
    func again(_ bytes: [UInt8]) -> (Value, [UInt8]) {
        guard let whole = contents(of: [bytes[...]], payloadLimit: DecodeLimits.payloadBytes).messages.first,
            let result = try? read(whole)
        else { fatalError("what was written can be read") }
        return result
    }
    let (second, rewritten) = again(bytes)
    require(second == first || message.body.count * 3 > DecodeLimits.stringBytes, "decoding undoes encoding")
    require(again(rewritten).0 == second, "decoding undoes encoding, at least the second time")
}
