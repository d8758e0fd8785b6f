import CFFmpeg
import DecodeProtocol

/// Answers a request for frames: reads packets, decodes what is needed, samples, scales and delivers.
final class FrameRun {
    private let file: MediaFile
    private let sampling: FrameSampling
    private let limits: WorkerLimits
    private let progress: ProgressReporter
    private let scaler: PictureScaler

    private var sampler: FrameSampler<DecodedFrame>
    private var timeline = Timeline()
    private var lastTime = 0.0
    private var lastDuration = 0.0
    private var delivered = 0
    private var isDescribed = false

    init(
        _ source: MediaSource, sampling: FrameSampling, limits: WorkerLimits, progress: ProgressReporter,
        scaler: PictureScaler
    ) throws(DecodeFailure) {
        file = try MediaFile(source, limits: limits, log: .shared) { progress.beat() }
        self.sampling = sampling
        self.limits = limits
        self.progress = progress
        self.scaler = scaler
        sampler = FrameSampler(
            start: sampling.start, end: sampling.end, rate: sampling.framesPerSecond, mayHaveGaps: false)
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
        var packet = unsafe av_packet_alloc()
        defer { unsafe av_packet_free(&packet) }
        guard let packet = unsafe packet else { throw .memory }
        var isAtEnd = false
        while !isAtEnd, lastTime <= Timeline.longestMedia {
            isAtEnd = try unsafe !file.read(into: packet)
            while try unsafe !decoder.send(isAtEnd ? nil : packet) { try take(from: decoder) }
            unsafe av_packet_unref(packet)
            try take(from: decoder)
        }
        for picture in sampler.finish() { try deliver(picture) }
        guard decoder.decoded > 0 else {
            throw file.deviceFailure ?? file.nothingDecoded(by: decoder, limits: limits)
        }
        return DecodeSummary(
            duration: lastTime + lastDuration, decodedFrames: decoder.decoded, deliveredFrames: delivered,
            damagedPackets: decoder.damaged)
    }

    private func take(from decoder: VideoDecoder) throws(DecodeFailure) {
        let step = file.frameStep
        while let next = try unsafe decoder.receive({ frame in
            let time = unsafe timeline.place(file.seconds(frame.pointee.best_effort_timestamp), step: step)
            let said = unsafe Double(saccade_frame_duration(frame)) * file.stream.pointee.time_base.seconds
            return (time, said > 0 && said < Timeline.longestJump ? said : step)
        }) {
            if !isDescribed { unsafe describe(Int(next.frame.pointee.width), Int(next.frame.pointee.height)) }
            lastTime = next.time
            lastDuration = next.duration
            for picture in sampler.offer(next, time: next.time, duration: next.duration) { try deliver(picture) }
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
        progress.emit(.frame(time: picture.time, size: size, pixels: turned))
        delivered += 1
    }
}
