import DecodeProtocol
import DecodeWorkers
import Testing

@Suite struct AnswerBoundsTests {
    private let frames = DecodeRequest.frames(FrameSampling(geometry: FrameGeometry(side: 2)))

    private func frame(_ time: Double, side: Int = 2) -> DecodeMessage {
        .event(.frame(SampledFrame(time: time, side: side, pixels: [UInt8](repeating: 0, count: side * side * 3))))
    }

    private func code(_ body: () throws -> Void) -> DecodeError.Code? {
        do { try body() } catch { return (error as? DecodeError)?.code }
        return nil
    }

    @Test func `Two frames a second may come for as long as a media item may be`() {
        var bounds = AnswerBounds(frames, deadline: .seconds(30))
        #expect(
            code { for step in 0..<100_000 { try bounds.take(frame(Double(step) / 2), after: .seconds(1)) } } == nil)
    }

    @Test func `Frames from a resumed place on may come`() {
        let request = DecodeRequest.frames(FrameSampling(geometry: FrameGeometry(side: 2), start: 3600))
        var bounds = AnswerBounds(request, deadline: .seconds(30))
        #expect(code { for step in 0..<1_000 { try bounds.take(frame(3600 + Double(step) / 2), after: .zero) } } == nil)
    }

    @Test func `A flood of frames at one time is found out, and times that go back are none`() {
        var bounds = AnswerBounds(frames, deadline: .seconds(30))
        #expect(code { for step in 0..<100 { try bounds.take(frame(step % 2 == 0 ? 50 : 0), after: .zero) } } == nil)
        #expect(code { for _ in 0..<100 { try bounds.take(frame(0), after: .zero) } } == .protocolBroken)
    }

    @Test func `A picture of another size, of another request, or a second file is found out`() {
        var bounds = AnswerBounds(frames, deadline: .seconds(30))
        #expect(code { try bounds.take(frame(0, side: 4), after: .zero) } == .protocolBroken)
        var probe = AnswerBounds(.probe, deadline: .seconds(30))
        #expect(code { try probe.take(frame(0), after: .zero) } == .protocolBroken)
        var thumbnail = AnswerBounds(.thumbnail(time: 0, longestSide: 64), deadline: .seconds(30))
        #expect(code { try thumbnail.take(.thumbnail([1]), after: .zero) } == nil)
        #expect(code { try thumbnail.take(.thumbnail([1]), after: .zero) } == .protocolBroken)
    }

    @Test func `Signs of life that lead nowhere end, and those that get on don't`() {
        var bounds = AnswerBounds(frames, deadline: .seconds(30))
        #expect(
            code {
                for step in 0..<10_000 { try bounds.take(.event(.progress(time: Double(step))), after: .seconds(20)) }
            } == nil)
        #expect(
            code { for _ in 0..<100 { try bounds.take(.event(.progress(time: 5)), after: .seconds(20)) } }
                == .workerStuck)
    }

    @Test func `A long file is read for its text`() {
        var bounds = AnswerBounds(.text(.media), deadline: .seconds(30))
        #expect(code { for _ in 0..<3600 { try bounds.take(.event(.progress(time: 0)), after: .seconds(1)) } } == nil)
        #expect(
            code { for _ in 0..<3601 { try bounds.take(.event(.progress(time: 0)), after: .seconds(1)) } }
                == .workerStuck)
    }
}
