import CFFmpeg
import DecodeProtocol

/// Answers a request for frames: reads packets, decodes what is needed, samples, scales and delivers.
final class FrameRun {
    private let file: MediaFile
    private let sampling: FrameSampling
    private let limits: WorkerLimits
    private let progress: ProgressReporter
    private let scaler: PictureScaler

    private let usesKeyFrames: Bool
    private var inspector: PacketInspector?
    private var plan: DecodePlan<Packet>
    private var sampler: FrameSampler<DecodedFrame>
    private var timeline: Timeline
    private var cuts: CutMessages?
    private var entries = 0
    private var skipped = 0
    private var delivered = 0
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
        _ source: MediaSource, sampling: FrameSampling, limits: WorkerLimits, progress: ProgressReporter,
        scaler: PictureScaler
    ) throws(DecodeFailure) {
        file = try MediaFile(source, limits: limits, log: .shared) { progress.beat() }
        self.sampling = sampling
        self.limits = limits
        self.progress = progress
        self.scaler = scaler
        inspector = file.inspector
        usesKeyFrames =
            switch sampling.accuracy {
            case .exact: false
            case .keyFrames: inspector != nil
            case .automatic: inspector != nil && !sampling.detectsCuts && file.hasKeyFrames(near: sampling)
            }
        plan = DecodePlan(
            policy: DecodePlan.Policy(
                start: sampling.start, end: sampling.end ?? .infinity, rate: sampling.framesPerSecond,
                usesEntriesOnly: usesKeyFrames,
                longestGap: sampling.detectsCuts && !usesKeyFrames ? Self.longestGap : nil),
            isBlind: inspector == nil)
        sampler = FrameSampler(
            start: sampling.start, end: sampling.end, rate: sampling.framesPerSecond,
            reach: usesKeyFrames ? .infinity : 0.1)
        timeline = Timeline()
        cuts = sampling.detectsCuts ? CutMessages() : nil
    }

    func run() throws(DecodeFailure) -> DecodeSummary {
        if file.isStill {
            return try PictureRun(file, limits: limits, progress: progress, scaler: scaler).still(
                size: sampling.frameSize)
        }
        let decoder = try VideoDecoder(file, limits: limits, threads: max(1, limits.threads), log: .shared)
        let parameters = unsafe file.stream.pointee.codecpar.pointee
        if unsafe parameters.width > 0, unsafe parameters.height > 0 {
            unsafe describe(Int(parameters.width), Int(parameters.height))
        }
        if sampling.start > Self.seekGain {
            isSought =
                unsafe av_seek_frame(
                    file.format, file.stream.pointee.index, file.timestamp(sampling.start), AVSEEK_FLAG_BACKWARD) >= 0
        }
        try decodeAll(decoder)
        for picture in sampler.finish(mediaEnd: end) { try deliver(picture) }
        cuts?.finish().forEach(progress.emit)
        guard decoder.decoded > 0 else {
            throw file.deviceFailure ?? file.nothingDecoded(by: decoder, limits: limits)
        }
        return DecodeSummary(
            duration: end, decodedFrames: decoder.decoded, deliveredFrames: delivered, skippedPackets: skipped,
            damagedPackets: decoder.damaged)
    }

    private func decodeAll(_ decoder: VideoDecoder) throws(DecodeFailure) {
        while end <= Timeline.longestMedia {
            switch plan.next() {
            case .needsPacket:
                if plan.isComplete {
                    plan.end(at: end)
                } else if try !readPacket() {
                    plan.end(at: end)
                }
            case .decode(let packet, let isWanted):
                // Where nothing refers to the picture and nobody looks at it closely, its blocks' edges can't be seen.
                unsafe decoder.context.pointee.skip_loop_filter = isWanted ? AVDISCARD_DEFAULT : AVDISCARD_NONREF
                while try unsafe !decoder.send(packet.pointer) { try take(from: decoder) }
                try take(from: decoder)
            case .skip(_, let time):
                skipped += 1
                if let time { sampler.noteSkipped(at: time) }
            case .finished:
                while try unsafe !decoder.send(nil) { try take(from: decoder) }
                try take(from: decoder)
                return
            }
        }
    }

    /// Reads a packet into the plan, seeking over what isn't wanted.
    private func readPacket() throws(DecodeFailure) -> Bool {
        if sampling.detectsCuts == false, !plan.isBlind, entries > 1, let next = plan.nextWanted,
            next - plan.horizon > 2 * Self.seekGain
        {
            _ = file.skip(to: next, from: plan.horizon, gain: Self.seekGain)
        }
        let packet = try Packet()
        guard try unsafe file.read(into: packet.pointer) else { return false }
        let description = file.describe(packet, &inspector)
        if let time = description.time, time >= 0, time < end + Timeline.longestJump {
            let duration = unsafe Double(packet.pointer.pointee.duration) * file.stream.pointee.time_base.seconds
            end = max(end, time + (duration > 0 && duration < Timeline.longestJump ? duration : file.frameStep))
        }
        if unsafe packet.pointer.pointee.pts == saccade_no_timestamp, !plan.isBlind {
            plan.goBlind()
            // The first packet is decoded at once, so that its time of decoding is its picture's. After a seek it isn't the media's.
            if timeline.latest == nil { timeline = Timeline(start: isSought ? description.decodeTime : 0) }
        }
        if description.facts.isEntry { entries += 1 }
        plan.add(packet, description)
        progress.beat()
        return true
    }

    private func take(from decoder: VideoDecoder) throws(DecodeFailure) {
        let step = file.frameStep
        while let next = try unsafe decoder.receive({ frame in
            let time = unsafe timeline.place(file.seconds(frame.pointee.best_effort_timestamp), step: step)
            let said = unsafe Double(saccade_frame_duration(frame)) * file.stream.pointee.time_base.seconds
            return (time, said > 0 && said < Timeline.longestJump ? said : step)
        }) {
            if timeline.isBridged { plan.goBlind() }
            if !isDescribed { unsafe describe(Int(next.frame.pointee.width), Int(next.frame.pointee.height)) }
            end = max(end, next.time + next.duration)
            for picture in sampler.offer(next, time: next.time, duration: next.duration) { try deliver(picture) }
            cuts?.add(next).forEach(progress.emit)
            progress.reached(next.time)
        }
    }

    private func describe(_ width: Int, _ height: Int) {
        isDescribed = true
        unsafe progress.emit(.mediaInfo(file.info(width: width, height: height, orientation: file.orientation)))
    }

    private func deliver(_ picture: DecodedFrame) throws(DecodeFailure) {
        let size = sampling.frameSize
        let pixels = try unsafe scaler.rgb(picture.frame, width: size, height: size)
        let orientation =
            unsafe saccade_frame_display_matrix(picture.frame).map {
                unsafe Orientation(displayMatrix: Array(UnsafeBufferPointer(start: $0, count: 9)))
            } ?? file.orientation
        let turned = orientation.apply(to: pixels, width: size, height: size)
        let message = DecodeMessage.frame(time: picture.time, size: size, pixels: turned)
        if cuts == nil { progress.emit(message) } else { cuts?.hold(message, until: picture.time) }
        delivered += 1
    }
}
