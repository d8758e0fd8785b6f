import DecodeProtocol
import DecodeWorkers
import TestSupport
import Testing

@Suite struct ClipAssemblerTests {
    private static let pixel: [UInt8] = [0, 0, 0]

    private func clips(
        duration: Double, cuts: [Double] = [], rate: Double = 2, policy: ClipAssembler.Policy = .init()
    ) -> [AssembledClip] {
        var assembler = ClipAssembler(policy: policy)
        var clips: [AssembledClip] = []
        var remaining = cuts[...]
        for index in 0..<Int((duration * rate).rounded(.up)) {
            let time = Double(index) / rate
            while let cut = remaining.first, cut <= time {
                clips += assembler.addCut(at: remaining.removeFirst())
                _ = cut
            }
            clips += assembler.add(SampledFrame(time: time, side: 1, pixels: Self.pixel))
        }
        for cut in remaining { clips += assembler.addCut(at: cut) }
        return clips + assembler.finish(duration: duration)
    }

    private func spans(_ clips: [AssembledClip]) -> [[Double]] {
        clips.map { [$0.start, $0.end] }
    }

    @Test func `One picture is one clip at 0`() {
        var assembler = ClipAssembler()
        #expect(assembler.consume(.frame(SampledFrame(time: 0, side: 1, pixels: Self.pixel))).isEmpty)
        let clips = assembler.consume(.end(duration: 0))
        #expect(spans(clips) == [[0, 0]] && clips[0].frames.count == 1 && clips[0].shot == 0)
    }

    @Test func `Frames without end at one time are thinned`() {
        var assembler = ClipAssembler()
        for _ in 0..<20_000 { #expect(assembler.add(SampledFrame(time: 1, side: 1, pixels: Self.pixel)).isEmpty) }
        #expect(assembler.heldFrames <= 1024)
        #expect(assembler.finish(duration: 2).first?.frames.count == 8)
    }

    @Test func `A media without frames has no clips`() {
        var assembler = ClipAssembler()
        #expect(assembler.addCut(at: 3).isEmpty && assembler.finish(duration: 9).isEmpty)
    }

    @Test func `A short shot is one clip, and a long one is divided evenly`() {
        #expect(spans(clips(duration: 7.5)) == [[0, 7.5]])
        #expect(spans(clips(duration: 10)) == [[0, 10]])
        let (third, two): (Double, Double) = (25 * 1 / 3, 25 * 2 / 3)
        #expect(spans(clips(duration: 25)) == [[0, third], [third, two], [two, 25]])
        #expect(clips(duration: 25).allSatisfy { $0.frames.count == 8 && $0.shot == 0 })
    }

    @Test func `Cuts divide shots, and clips never cross them`() {
        let clips = self.clips(duration: 20, cuts: [3, 15])
        #expect(spans(clips) == [[0, 3], [3, 9], [9, 15], [15, 20]])
        #expect(clips.map(\.shot) == [0, 1, 1, 2])
    }

    @Test func `A shot shorter than a second joins the next one, the last the one before`() {
        #expect(spans(clips(duration: 10, cuts: [4, 4.5, 8])) == [[0, 4], [4, 8], [8, 10]])
        #expect(spans(clips(duration: 10, cuts: [0.5, 4])) == [[0, 4], [4, 10]])
        #expect(spans(clips(duration: 10, cuts: [9.5])) == [[0, 10]])
        #expect(spans(clips(duration: 0.5, cuts: [0.2])) == [[0, 0.5]])
    }

    @Test func `A decoder that makes up an end gets no more clips than a media item may have`() {
        var assembler = ClipAssembler()
        var clips = assembler.add(SampledFrame(time: 0, side: 1, pixels: Self.pixel))
        #expect(!assembler.isFull)
        clips += assembler.finish(duration: 691_200)
        #expect(clips.count == ClipAssembler.Policy().clips && assembler.isFull)
        #expect(clips.allSatisfy { $0.end - $0.start <= 10 && $0.frames.count == 1 })
        #expect(assembler.consume(.frame(SampledFrame(time: 691_200, side: 1, pixels: Self.pixel))).isEmpty)
    }

    @Test func `Times that leap and go back make no more clips than a media item may have`() {
        var assembler = ClipAssembler(policy: .init(clips: 100), clips: 90)
        var left = 0
        for round in 0..<1000 {
            let time: Double = round.isMultiple(of: 2) ? 691_200 : 0
            left += assembler.consume(.cut(time: time)).count
            left += assembler.consume(.frame(SampledFrame(time: time, side: 1, pixels: Self.pixel))).count
        }
        left += assembler.consume(.end(duration: 691_200)).count
        #expect(left == 10 && assembler.isFull && assembler.heldFrames <= 1024)
    }

    @Test func `A media item of just as many clips as one may have isn't too long`() {
        let clips = clips(duration: 100, policy: .init(clips: 10))
        #expect(clips.count == 10 && clips.last?.end == 100)
    }

    @Test func `Frames are chosen evenly`() {
        let times = clips(duration: 10).flatMap { $0.frames.map(\.time) }
        #expect(times.count == 8)
        let steps: [Double] = zip(times, times.dropFirst()).map { $1 - $0 }
        #expect(steps.allSatisfy { (1...1.5).contains($0) })
        #expect(times[0] <= 1 && times[7] >= 8.5)
    }

    @Test func `A clip in which nothing new was shown has the frame that still stands`() {
        var assembler = ClipAssembler()
        var clips = assembler.add(SampledFrame(time: 0, side: 1, pixels: Self.pixel))
        clips += assembler.add(SampledFrame(time: 38, side: 1, pixels: Self.pixel))
        clips += assembler.finish(duration: 40)
        #expect(spans(clips) == [[0, 10], [10, 20], [20, 30], [30, 40]])
        #expect(clips.map { $0.frames.map(\.time) } == [[0], [0], [0], [38]])
    }

    @Test func `A media whose first frame is late is covered from 0`() {
        var assembler = ClipAssembler()
        let early = assembler.add(SampledFrame(time: 12, side: 1, pixels: Self.pixel))
        let clips = early + assembler.finish(duration: 16)
        #expect(spans(clips) == [[0, 8], [8, 16]])
        #expect(clips.allSatisfy { $0.frames.map(\.time) == [12] })
    }

    @Test func `A duration that is too short is stretched to the last frame`() {
        var assembler = ClipAssembler()
        _ = assembler.add(SampledFrame(time: 0, side: 1, pixels: Self.pixel))
        _ = assembler.add(SampledFrame(time: 5, side: 1, pixels: Self.pixel))
        #expect(spans(assembler.finish(duration: 0)) == [[0, 5]])
    }

    @Test func `An endless shot leaves in clips of the longest length, and holds no more than the window`() {
        var assembler = ClipAssembler()
        var left = 0
        for index in 0..<20_000 {
            let time = Double(index) / 2
            for clip in assembler.add(SampledFrame(time: time, side: 1, pixels: Self.pixel)) {
                #expect(clip.start == Double(left) * 10 && clip.end == clip.start + 10)
                left += 1
            }
            #expect(time - Double(left) * 10 <= 60)
        }
        let last = assembler.finish(duration: 10_000)
        #expect(last.last?.end == 10_000)
        #expect(last.allSatisfy { $0.end - $0.start > 8.3 && $0.end - $0.start <= 10 })
    }

    @Test(arguments: 0..<300) func `Clips cover a media without gap or overlap, whatever its cuts`(seed: Int) {
        var random = SeededGenerator(state: UInt64(seed))
        let duration = Double.random(in: 0.1...200, using: &random)
        let rates: [Double] = [0.2, 1, 2, 5, 12.5]
        let rate: Double = rates[Int.random(in: 0..<5, using: &random)]
        var cuts: [Double] = []
        let count = Int.random(in: 0...60, using: &random)
        for _ in 0..<count {
            cuts.append(Double.random(in: 0...duration, using: &random))
        }
        cuts.sort()
        let clips: [AssembledClip] = self.clips(duration: duration, cuts: cuts, rate: rate)
        let (first, last) = (clips[0], clips[clips.count - 1])
        #expect(first.start == 0)
        #expect(last.end == duration)
        for (clip, next) in zip(clips, clips.dropFirst()) {
            #expect(clip.end == next.start)
            #expect(next.shot == clip.shot || next.shot == clip.shot + 1)
        }
        for clip in clips {
            let length = clip.end - clip.start
            #expect(length > 0 && length <= 10 + 1e-6)
            #expect((1...8).contains(clip.frames.count))
            let times = clip.frames.map(\.time)
            #expect(times == times.sorted() && Set(times).count == times.count)
            if times.count > 1 {
                #expect(times[0] >= clip.start && times[times.count - 1] < clip.end)
            }
        }
        for shot in 0...last.shot {
            let parts = clips.filter { $0.shot == shot }
            let length: Double = parts[parts.count - 1].end - parts[0].start
            #expect(length >= 1 - 1e-9 || last.shot == 0)
        }
    }
}
