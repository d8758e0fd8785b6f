import DecodeProtocol
import Testing

@Suite struct DecodeCodingTests {
    static let requests: [DecodeRequest] = [
        .probe(.path(Array("/a/b.mp4".utf8))),
        .probe(.path([0x2F, 0xFF, 0xE9])),
        .probe(.descriptor(7)),
        .frames(.path([0x61]), FrameSampling()),
        .frames(
            .descriptor(3),
            FrameSampling(
                framesPerSecond: 0.5, accuracy: .automatic, frameSize: 2048, detectsCuts: false, start: 3.25, end: 9,
                tolerance: 0.5)),
        .thumbnail(.path([0x61]), time: 12.5, longestSide: 320),
    ]

    static let messages: [DecodeMessage] = [
        .mediaInfo(
            MediaInfo(
                duration: 12.5, width: 1920, height: 1080, rotation: 90, codec: "h264", container: "mov,mp4",
                frameRate: 29.97, isStill: false, creationTime: 1_700_000_000,
                metadata: [MetadataEntry(key: "title", value: "Grüße 🎬"), MetadataEntry(key: "", value: "")])),
        .mediaInfo(MediaInfo(width: 1, height: 1, codec: "png", container: "png_pipe", isStill: true)),
        .frame(time: 1.5, size: 2, pixels: Array(0..<12)),
        .cut(time: 4.25), .progress(time: 0),
        .thumbnail(time: 3, jpeg: [0xFF, 0xD8, 0xFF]),
        .end(
            DecodeSummary(
                duration: 60, decodedFrames: 1500, deliveredFrames: 120, skippedPackets: 700, damagedPackets: 3)),
        .failure(DecodeFailure(code: .tooLarge, isRetryable: false, message: "It is too large.")),
    ]

    private func parts(_ bytes: [UInt8], limit: Int) throws -> (WireHeader, [UInt8]) {
        var stream = WireStream(limit: limit)
        stream.append(bytes)
        let part = try #require(try stream.next())
        #expect(try stream.next() == nil && !stream.isWithinMessage)
        return (part.header, part.body)
    }

    @Test(arguments: requests) func `A request is read as it was written`(request: DecodeRequest) throws {
        let (header, body) = try parts(request.encoded(request: 9), limit: DecodeLimits.requestBytes)
        #expect(header.request == 9)
        #expect(try DecodeRequest(kind: header.kind, body: body) == request)
    }

    @Test(arguments: messages) func `A message is read as it was written`(message: DecodeMessage) throws {
        let (header, body) = try parts(message.encoded(request: 77), limit: DecodeLimits.messageBytes)
        #expect(header.request == 77)
        #expect(try DecodeMessage(kind: header.kind, body: body) == message)
    }

    @Test func `The bytes of version 1 stay as they are`() {
        let request = DecodeRequest.thumbnail(.path([0x2F, 0x61]), time: 1.5, longestSide: 320).encoded(request: 258)
        #expect(
            request == [
                19, 0, 0, 0, 1, 3, 0, 0, 2, 1, 0, 0, 0, 2, 0, 0, 0, 0x2F, 0x61, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 64, 1, 0,
                0,
            ])
        let message = DecodeMessage.failure(DecodeFailure(code: .noVideo, isRetryable: false, message: "no"))
        #expect(message.encoded(request: 1) == [8, 0, 0, 0, 1, 7, 0, 0, 1, 0, 0, 0, 5, 0, 2, 0, 0, 0, 0x6E, 0x6F])
    }

    @Test func `A stream may come in pieces of any size`() throws {
        let bytes = Self.messages.flatMap { $0.encoded(request: 5) }
        for size in [1, 2, 3, 7, 11, 12, 13, 64, 4096] {
            var stream = WireStream(limit: DecodeLimits.messageBytes)
            var found: [DecodeMessage] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                stream.append(bytes[start..<min(start + size, bytes.count)])
                while let (header, body) = try stream.next() {
                    found.append(try DecodeMessage(kind: header.kind, body: body))
                }
            }
            #expect(found == Self.messages)
        }
    }

    @Test(arguments: requests) func `A request cut short or too long is refused`(request: DecodeRequest) throws {
        let (header, body) = try parts(request.encoded(request: 0), limit: DecodeLimits.requestBytes)
        for count in 0..<body.count {
            #expect(throws: WireError.self) { try DecodeRequest(kind: header.kind, body: Array(body[..<count])) }
        }
        #expect(throws: WireError.self) { try DecodeRequest(kind: header.kind, body: body + [0]) }
    }

    @Test(arguments: messages) func `A message cut short or too long is refused`(message: DecodeMessage) throws {
        let (header, body) = try parts(message.encoded(request: 0), limit: DecodeLimits.messageBytes)
        for count in 0..<body.count {
            #expect(throws: WireError.self) { try DecodeMessage(kind: header.kind, body: Array(body[..<count])) }
        }
        #expect(throws: WireError.self) { try DecodeMessage(kind: header.kind, body: body + [0]) }
    }

    @Test func `Mutated bytes are refused or read, and never more`() {
        var random = SystemRandomNumberGenerator()
        let originals = Self.messages.map { $0.encoded(request: 1) } + Self.requests.map { $0.encoded(request: 1) }
        for _ in 0..<4000 {
            var bytes = originals.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
            }
            var stream = WireStream(limit: DecodeLimits.requestBytes)
            stream.append(bytes)
            do {
                while let (header, body) = try stream.next() {
                    _ = try? DecodeMessage(kind: header.kind, body: body)
                    _ = try? DecodeRequest(kind: header.kind, body: body)
                }
            } catch {
                #expect(!error.description.isEmpty)
            }
            #expect(stream.missing <= DecodeLimits.requestBytes + WireHeader.size)
        }
    }

    @Test func `Another version, a body over the limit and bytes in the padding are refused`() {
        func error(_ bytes: [UInt8]) -> WireError.Code? {
            var stream = WireStream(limit: 100)
            stream.append(bytes)
            do {
                _ = try stream.next()
                return nil
            } catch {
                return error.code
            }
        }
        #expect(error([0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]) == .version)
        #expect(error([101, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]) == .length)
        #expect(error([0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0, 0, 0, 0, 0, 0]) == .length)
        #expect(error([0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0]) == .content)
        #expect(error([100, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]) == nil)
    }

    @Test(arguments: [
        FrameSampling(framesPerSecond: 0), FrameSampling(framesPerSecond: .nan), FrameSampling(framesPerSecond: 1e9),
        FrameSampling(frameSize: 0), FrameSampling(frameSize: 4096), FrameSampling(start: -1),
        FrameSampling(start: .infinity), FrameSampling(end: .nan), FrameSampling(tolerance: -1),
    ])
    func `A sampling out of range is refused`(sampling: FrameSampling) throws {
        let bytes = DecodeRequest.frames(.path([0x61]), sampling).encoded(request: 0)
        let (header, body) = try parts(bytes, limit: DecodeLimits.requestBytes)
        #expect(throws: WireError.self) { try DecodeRequest(kind: header.kind, body: body) }
    }

    @Test(arguments: [-0.1, 1e7, 1e300])
    func `A time that no media has is refused`(time: Double) throws {
        for message in [
            DecodeMessage.frame(time: time, size: 1, pixels: [0, 0, 0]), .cut(time: time), .progress(time: time),
            .end(DecodeSummary(duration: time)),
        ] {
            let (header, body) = try parts(message.encoded(request: 0), limit: DecodeLimits.messageBytes)
            #expect(throws: WireError.self) { try DecodeMessage(kind: header.kind, body: body) }
        }
    }

    @Test func `A long tag is cut on a character's border`() throws {
        let long = String(repeating: "é", count: 9000)
        let message = DecodeMessage.failure(DecodeFailure(code: .damaged, isRetryable: true, message: long))
        let (header, body) = try parts(message.encoded(request: 0), limit: DecodeLimits.messageBytes)
        guard case .failure(let failure) = try DecodeMessage(kind: header.kind, body: body) else {
            Issue.record("not a failure")
            return
        }
        #expect(failure.message.utf8.count <= DecodeLimits.stringBytes && failure.message.count > 1500)
        #expect(failure.message.allSatisfy { $0 == "é" })
    }

    @Test func `The worker's limits are told by its arguments`() throws {
        let limits = WorkerLimits(addressSpace: 1 << 30, stalledCPUSeconds: 7, pixels: 1000, threads: 3)
        let (read, parent) = try WorkerLimits.parse(limits.arguments(parent: 42))
        #expect(read == limits && parent == 42)
        for wrong in [["--memory"], ["--memory", "x"], ["--memory", "-1"], ["--colour", "1"], ["1"]] {
            #expect(throws: WireError.self) { try WorkerLimits.parse(wrong) }
        }
    }
}
