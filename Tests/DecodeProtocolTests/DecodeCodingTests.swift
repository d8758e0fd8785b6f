import DecodeProtocol
import Testing

@Suite struct DecodeCodingTests {
    static let requests: [DecodeRequest] = [
        .probe,
        .frames(FrameSampling()),
        .frames(
            FrameSampling(
                framesPerSecond: 0.5, geometry: FrameGeometry(side: 2048, fit: .cover, filter: .area),
                detectsCuts: false, start: 3.25, end: 9)),
        .thumbnail(time: 12.5, longestSide: 320),
        .preview(start: 12.5, seconds: 10, longestSide: 480),
        .text(.media), .text(.subtitles(.webVTT)),
    ]

    static let messages: [DecodeMessage] = [
        .event(
            .mediaInfo(
                MediaInfo(
                    duration: 12.5, width: 1920, height: 1080, codec: "h264", container: "mov,mp4 🎬", isStill: false,
                    creationTime: 1_700_000_000))),
        .event(.mediaInfo(MediaInfo(width: 1, height: 1, codec: "png", container: "png_pipe", isStill: true))),
        .event(.frame(SampledFrame(time: 1.5, side: 2, pixels: Array(0..<12)))),
        .event(.cut(time: 4.25)), .event(.progress(time: 0)), .thumbnail([0xFF, 0xD8, 0xFF]), .thumbnail([]),
        .preview([0x1A, 0x45]),
        .event(.end(duration: 60)),
        .text([
            TextLine(kind: .subtitle, start: 1, end: 2.5, language: "en", text: "Où est 日本? 🎬"),
            TextLine(kind: .title, start: 0, end: 0, text: String(repeating: "é", count: TextLimits.lineBytes / 2)),
        ]),
        .failure(DecodeError(.tooLarge, isRetryable: false, message: "It is too large.")),
    ]

    private func part(_ bytes: [UInt8], payloadLimit: Int = DecodeLimits.payloadBytes) throws -> WireMessage {
        var stream = WireStream(payloadLimit: payloadLimit)
        var rest = bytes[...]
        var found: WireMessage?
        while found == nil, !rest.isEmpty {
            stream.append(&rest)
            found = try stream.next()
        }
        #expect(!stream.isWithinMessage && rest.isEmpty)
        return try #require(found)
    }

    @Test(arguments: requests) func `A request is read as it was written`(request: DecodeRequest) throws {
        let part = try part(request.encoded(request: 9), payloadLimit: 0)
        #expect(part.header.request == 9)
        #expect(try DecodeRequest(part) == request)
    }

    @Test(arguments: messages) func `A message is read as it was written`(message: DecodeMessage) throws {
        let part = try part(message.bytes(request: 77))
        #expect(part.header.request == 77)
        #expect(try DecodeMessage(part) == message)
    }

    @Test func `Lines of text leave in as few messages as hold them, in their order`() throws {
        let lines = (0..<100).map {
            TextLine(
                kind: .subtitle, start: Double($0), end: Double($0), text: String(repeating: "x", count: 1 + 20 * $0))
        }
        let messages = DecodeMessage.batches(of: lines)
        #expect(messages.count == 4)
        var found: [TextLine] = []
        for message in messages {
            #expect(try DecodeMessage(part(message.bytes(request: 1))) == message)
            if case .text(let some) = message { found += some }
        }
        #expect(found == lines)
        #expect(DecodeMessage.batches(of: []).isEmpty)
    }

    @Test(arguments: [
        TextLine(kind: .subtitle, start: 2, end: 1, text: "backwards"),
        TextLine(kind: .subtitle, start: -1, end: 1, text: "before the beginning"),
        TextLine(kind: .subtitle, start: 0, end: 1, text: ""),
        TextLine(kind: .subtitle, start: 0, end: 1, text: String(repeating: "x", count: TextLimits.lineBytes + 1)),
        TextLine(kind: .subtitle, start: 0, end: 1, language: String(repeating: "x", count: 36), text: "x"),
    ])
    func `A line of text that can't be is refused`(line: TextLine) throws {
        let part = try part(DecodeMessage.text([line]).bytes(request: 1))
        #expect(throws: WireError.self) { try DecodeMessage(part) }
    }

    @Test func `The bytes of version 5 stay as they are`() {
        let thumbnail = DecodeRequest.thumbnail(time: 1.5, longestSide: 320)
        #expect(
            thumbnail.encoded(request: 258) == [
                12, 0, 0, 0, 5, 3, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 64, 1, 0, 0,
            ])
        let frames = DecodeRequest.frames(
            FrameSampling(geometry: FrameGeometry(side: 224, fit: .cover, filter: .bilinear)))
        #expect(
            frames.encoded(request: 1) == [
                24, 0, 0, 0, 5, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 224, 0, 0, 0, 1, 1, 1, 0, 0,
                0, 0, 0, 0, 0, 0, 0,
            ])
        let failure = DecodeMessage.failure(DecodeError(.noVideo, isRetryable: false, message: "no"))
        #expect(
            failure.bytes(request: 1) == [19, 0, 0, 0, 5, 7, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0]
                + Array("no-video".utf8) + [0, 2, 0, 0, 0, 0x6E, 0x6F])
        let frame = DecodeMessage.event(.frame(SampledFrame(time: 1.5, side: 1, pixels: [7, 8, 9])))
        #expect(
            frame.bytes(request: 1) == [
                12, 0, 0, 0, 5, 2, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 1, 0, 0, 0, 7, 8, 9,
            ])
        let text = DecodeRequest.text(.subtitles(.ass))
        #expect(text.encoded(request: 1) == [2, 0, 0, 0, 5, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2])
        let line = DecodeMessage.text([TextLine(kind: .chapter, start: 0, end: 1.5, language: "e", text: "hi")])
        #expect(
            line.bytes(request: 1) == [32, 0, 0, 0, 5, 8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
                + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 1, 0, 0, 0, 0x65, 2, 0, 0, 0, 0x68, 0x69])
    }

    @Test func `The codes that catalogs hold stay as they are`() {
        #expect(
            DecodeError.Code.allCases.map(\.rawValue) == [
                "not-found", "unreadable", "read-error", "not-media", "no-video", "unsupported", "damaged", "too-large",
                "out-of-memory", "bad-request", "worker-crashed", "out-of-time", "worker-stuck", "protocol-broken",
                "worker-unavailable", "cancelled", "too-long",
            ])
    }

    @Test(arguments: DecodeError.Code.allCases)
    func `A worker may say what it found out of the file, and nothing of itself`(code: DecodeError.Code) throws {
        let message = DecodeMessage.failure(DecodeError(code, isRetryable: true, message: "so"))
        let read = try? DecodeMessage(part(message.bytes(request: 0)))
        #expect(read == (code.isOfFile ? message : nil))
    }

    @Test func `A stream may come in pieces of any size`() throws {
        let bytes = Self.messages.flatMap { $0.bytes(request: 5) }
        for size in [1, 2, 3, 7, 11, 12, 15, 16, 17, 64, 4096] {
            var stream = WireStream(payloadLimit: DecodeLimits.payloadBytes)
            var found: [DecodeMessage] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                var piece = bytes[start..<min(start + size, bytes.count)]
                while !piece.isEmpty {
                    stream.append(&piece)
                    if let message = try stream.next() { found.append(try DecodeMessage(message)) }
                }
            }
            #expect(found == Self.messages && !stream.isWithinMessage)
        }
    }

    @Test func `No more room is made than for what a header announces`() throws {
        var stream = WireStream(payloadLimit: DecodeLimits.payloadBytes)
        #expect(stream.missing == WireHeader.size)
        var bytes = DecodeMessage.event(.frame(SampledFrame(time: 0, side: 2, pixels: Array(0..<12))))
            .bytes(request: 1)[...]
        stream.append(&bytes)
        #expect(stream.missing == 0)
        #expect(try stream.next() == nil && stream.missing == 12)
        stream.append(&bytes)
        #expect(try stream.next() == nil && stream.missing == 12)
        stream.append(&bytes)
        #expect(try stream.next()?.payload == Array(0..<12))
    }

    @Test(arguments: requests) func `A request cut short or too long is refused`(request: DecodeRequest) throws {
        var part = try part(request.encoded(request: 0))
        let body = part.body
        for count in 0..<body.count {
            part.body = Array(body[..<count])
            #expect(throws: WireError.self) { try DecodeRequest(part) }
        }
        part.body = body + [0]
        #expect(throws: WireError.self) { try DecodeRequest(part) }
        part.body = body
        part.payload = [0]
        #expect(throws: WireError.self) { try DecodeRequest(part) }
    }

    @Test(arguments: messages) func `A message cut short or too long is refused`(message: DecodeMessage) throws {
        var part = try part(message.bytes(request: 0))
        let (body, payload) = (part.body, part.payload)
        for count in 0..<body.count {
            part.body = Array(body[..<count])
            #expect(throws: WireError.self) { try DecodeMessage(part) }
        }
        part.body = body + [0]
        #expect(throws: WireError.self) { try DecodeMessage(part) }
        // A picture may be of any number of bytes, pixels and what has none may not.
        if case .thumbnail = message { return }
        if case .preview = message { return }
        part.body = body
        for count in Array(0..<payload.count) + [payload.count + 1] {
            part.payload = Array(repeating: 0, count: count)
            #expect(throws: WireError.self) { try DecodeMessage(part) }
        }
    }

    @Test func `Mutated bytes are refused or read, and never more`() {
        var random = SystemRandomNumberGenerator()
        let originals = Self.messages.map { $0.bytes(request: 1) } + Self.requests.map { $0.encoded(request: 1) }
        for _ in 0..<4000 {
            var bytes = originals.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
            }
            var stream = WireStream(payloadLimit: 65_536)
            var rest = bytes[...]
            do {
                while !rest.isEmpty {
                    stream.append(&rest)
                    guard let message = try stream.next() else { continue }
                    _ = try? DecodeMessage(message)
                    _ = try? DecodeRequest(message)
                }
            } catch {
                #expect(!error.description.isEmpty)
            }
            #expect(stream.missing <= 65_536)
        }
    }

    @Test func `Another version, a part over its limit and bytes in the padding are refused`() {
        func error(_ bytes: [UInt8]) -> WireError.Code? {
            var stream = WireStream(bodyLimit: 100, payloadLimit: 300)
            var rest = bytes[...]
            stream.append(&rest)
            do {
                _ = try stream.next()
                return nil
            } catch {
                // What is broken stays so.
                #expect(throws: error) { try stream.next() }
                return error.code
            }
        }
        #expect(error([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == .version)
        #expect(error([0, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == .version)
        #expect(error([101, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == .length)
        #expect(error([0xFF, 0xFF, 0xFF, 0xFF, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == .length)
        #expect(error([0, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 45, 1, 0, 0]) == .length)
        #expect(error([0, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]) == .length)
        #expect(error([0, 0, 0, 0, 5, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == .content)
        #expect(error([100, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 44, 1, 0, 0]) == nil)
    }

    @Test(arguments: [
        FrameSampling(framesPerSecond: 0), FrameSampling(framesPerSecond: .nan), FrameSampling(framesPerSecond: 1e9),
        FrameSampling(geometry: FrameGeometry(side: 0)), FrameSampling(geometry: FrameGeometry(side: 4096)),
        FrameSampling(geometry: FrameGeometry(side: -1)), FrameSampling(start: -1), FrameSampling(start: .infinity),
        FrameSampling(end: .nan),
    ])
    func `A sampling out of range is refused`(sampling: FrameSampling) throws {
        let bytes = DecodeRequest.frames(sampling).encoded(request: 0)
        let part = try part(bytes)
        #expect(throws: WireError.self) { try DecodeRequest(part) }
    }

    @Test(arguments: [(12, 2), (13, 5), (14, 2)])
    func `A fit, filter or truth that there isn't is refused`(place: Int, value: UInt8) throws {
        // After 8 bytes of the rate and 4 of the side.
        var part = try part(DecodeRequest.frames(FrameSampling()).encoded(request: 0))
        part.body[place] = value
        #expect(throws: WireError.self) { try DecodeRequest(part) }
    }

    @Test(arguments: [-0.1, 1e7, 1e300])
    func `A time that no media has is refused`(time: Double) throws {
        for event in [
            DecodeEvent.frame(SampledFrame(time: time, side: 1, pixels: [0, 0, 0])), .cut(time: time),
            .progress(time: time), .end(duration: time),
        ] {
            let part = try part(DecodeMessage.event(event).bytes(request: 0))
            #expect(throws: WireError.self) { try DecodeMessage(part) }
        }
    }

    @Test func `A long text is cut on a character's border`() throws {
        let long = String(repeating: "é", count: 9000)
        let message = DecodeMessage.failure(DecodeError(.damaged, isRetryable: true, message: long))
        guard case .failure(let failure) = try DecodeMessage(part(message.bytes(request: 0))) else {
            Issue.record("not a failure")
            return
        }
        #expect(failure.message.utf8.count <= DecodeLimits.stringBytes && failure.message.count > 1500)
        #expect(failure.message.allSatisfy { $0 == "é" })
    }

    @Test func `The worker's limits are told by its arguments`() throws {
        let limits = WorkerLimits(
            addressSpace: 1 << 30, stalledCPUSeconds: 7, pixels: 1000, threads: 3, givesWay: true, endsWhenRefused: true
        )
        let (read, parent) = try WorkerLimits.parse(limits.arguments(parent: 42))
        #expect(read == limits && parent == 42)
        for wrong in [["--memory"], ["--memory", "x"], ["--memory", "-1"], ["--colour", "1"], ["1"]] {
            #expect(throws: WireError.self) { try WorkerLimits.parse(wrong) }
        }
    }
}

extension DecodeMessage {
    fileprivate func bytes(request: UInt32) -> [UInt8] {
        let (head, payload) = encoded(request: request)
        return head + payload
    }
}

extension WireStream {
    /// Takes as many of the bytes as there is room for.
    fileprivate mutating func append(_ bytes: inout ArraySlice<UInt8>) {
        let taken = fill { room in
            let count = min(room.count, bytes.count)
            room.copyBytes(from: bytes.prefix(count))
            return count
        }
        bytes = bytes.dropFirst(taken)
    }
}
