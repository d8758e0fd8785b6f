import DecodeProtocol

/// Answers a request for frames: reads packets, decodes what is needed, samples, scales and delivers.
final class FrameRun {
    private let file: MediaFile
    private let sampling: FrameSampling
    private let limits: WorkerLimits
    private let progress: ProgressReporter
    private let scaler: PictureScaler

    private var inspector: PacketInspector?
    private var plan: DecodePlan<Packet>
    private var sampler: FrameSampler<DecodedFrame>
    private var timeline: Timeline
    private var cuts: CutMessages?
    private var entries = 0
    /// The end (s) of the last frame or packet that was seen.
    private var end = 0.0
    private var isDescribed = false
    /// Whether reading began at a key frame within the media.
    private var isSought = false

    /// Seconds between wanted and known times from which on seeking is worth its while.
    private static let seekGain = 2.0
    /// Seconds that decoded frames may be apart when cuts are looked for.
    private static let longestGap = 0.17

    init(
        _ media: Int32, sampling: FrameSampling, limits: WorkerLimits, progress: ProgressReporter,
        scaler: PictureScaler
    ) throws(DecodeError) {
        file = try MediaFile(media, limits: limits, log: .shared) { progress.beat() }
        self.sampling = sampling
        self.limits = limits
        self.progress = progress
        self.scaler = scaler
        inspector = file.inspector
        plan = DecodePlan(
            policy: DecodePlan.Policy(
                start: sampling.start, end: sampling.end ?? .infinity, rate: sampling.framesPerSecond,
                longestGap: sampling.detectsCuts ? Self.longestGap : nil),
            isBlind: inspector == nil)
        sampler = FrameSampler(start: sampling.start, end: sampling.end, rate: sampling.framesPerSecond)
        timeline = Timeline()
        cuts = sampling.detectsCuts ? CutMessages() : nil
    }

    /// - Returns: the end (s) of the last frame that was seen; 0 for a still picture.
    func run() throws(DecodeError) -> Double {
        if file.isStill {
            try PictureRun(file, limits: limits, progress: progress, scaler: scaler).still(sampling.geometry)
            return 0
        }
        let decoder = try VideoDecoder(file, limits: limits, threads: max(1, limits.threads), log: .shared)
        let size = file.codedSize
        if size.width > 0, size.height > 0 { describe(size.width, size.height) }
        if sampling.start > Self.seekGain { isSought = file.seek(to: sampling.start) }
        try decodeAll(decoder)
        for picture in sampler.finish(mediaEnd: end) { try deliver(picture) }
        cuts?.finish().forEach(progress.emit)
        guard decoder.decoded > 0 else {
            throw file.deviceFailure ?? file.nothingDecoded(by: decoder, limits: limits)
        }
        return end
    }

    private func decodeAll(_ decoder: VideoDecoder) throws(DecodeError) {
        while end <= Timeline.longestMedia {
            switch plan.next() {
            case .needsPacket:
                if plan.isComplete {
                    plan.end(at: end)
                } else if try !readPacket() {
                    plan.end(at: end)
                }
            case .decode(let packet, let isWanted):
                while try !decoder.send(packet, isLookedAt: isWanted) { try take(from: decoder) }
                try take(from: decoder)
            case .skip(_, let time):
                if let time { sampler.noteSkipped(at: time) }
            case .finished:
                while try !decoder.send(nil) { try take(from: decoder) }
                try take(from: decoder)
                return
            }
        }
    }

    /// Reads a packet into the plan, seeking over what isn't wanted.
    private func readPacket() throws(DecodeError) -> Bool {
        if sampling.detectsCuts == false, !plan.isBlind, entries > 1, let next = plan.nextWanted,
            next - plan.horizon > 2 * Self.seekGain
        {
            _ = file.skip(to: next, from: plan.horizon, gain: Self.seekGain)
        }
        let packet = try Packet()
        guard try file.read(into: packet) else { return false }
        let description = file.describe(packet, &inspector)
        if let time = description.time, time >= 0, time < end + Timeline.longestJump {
            let duration = file.seconds(ticks: packet.duration)
            end = max(end, time + (duration > 0 && duration < Timeline.longestJump ? duration : file.frameStep))
        }
        if packet.timestamp == nil, !plan.isBlind {
            plan.goBlind()
            // The first packet is decoded at once, so that its time of decoding is its picture's. After a seek it isn't the media's.
            if timeline.latest == nil { timeline = Timeline(start: isSought ? description.decodeTime : 0) }
        }
        if description.facts.isEntry { entries += 1 }
        plan.add(packet, description)
        progress.beat()
        return true
    }

    private func take(from decoder: VideoDecoder) throws(DecodeError) {
        let step = file.frameStep
        while let next = try decoder.receive({ timestamp, duration in
            let time = timeline.place(file.seconds(timestamp), step: step)
            let said = file.seconds(ticks: duration)
            return (time, said > 0 && said < Timeline.longestJump ? said : step)
        }) {
            if timeline.isBridged { plan.goBlind() }
            if !isDescribed { describe(next.width, next.height) }
            end = max(end, next.time + next.duration)
            for picture in sampler.offer(next, time: next.time, duration: next.duration) { try deliver(picture) }
            cuts?.add(next).forEach(progress.emit)
            progress.reached(next.time)
        }
    }

    private func describe(_ width: Int, _ height: Int) {
        isDescribed = true
        progress.emit(.mediaInfo(file.info(width: width, height: height, orientation: file.orientation)))
    }

    private func deliver(_ picture: DecodedFrame) throws(DecodeError) {
        let pixels = try scaler.rgb(picture, sampling.geometry, file.display(of: picture))
        let frame = SampledFrame(time: picture.time, side: sampling.geometry.side, pixels: pixels)
        if cuts == nil { progress.emit(.frame(frame)) } else { cuts?.hold(frame) }
    }
}
