import CFFmpeg
import DecodeProtocol

/// Answers what needs one picture or none: a probe, a thumbnail, a still.
struct PictureRun {
    private let file: MediaFile
    private let limits: WorkerLimits
    private let progress: ProgressReporter
    private let scaler: PictureScaler

    init(
        _ source: MediaSource, limits: WorkerLimits, progress: ProgressReporter, scaler: PictureScaler
    ) throws(DecodeFailure) {
        let file = try MediaFile(source, limits: limits, log: .shared) { progress.beat() }
        self.init(file, limits: limits, progress: progress, scaler: scaler)
    }

    init(_ file: MediaFile, limits: WorkerLimits, progress: ProgressReporter, scaler: PictureScaler) {
        self.file = file
        self.limits = limits
        self.progress = progress
        self.scaler = scaler
    }

    func probe() throws(DecodeFailure) -> DecodeSummary {
        let decoder = try VideoDecoder(file, limits: limits, threads: 1, log: .shared)
        let parameters = unsafe file.stream.pointee.codecpar.pointee
        var info = unsafe file.info(
            width: Int(parameters.width), height: Int(parameters.height), orientation: file.orientation)
        if file.isStill || info.width <= 0 || info.height <= 0 {
            info = describe(try picture(at: 0, decoder))
        }
        progress.emit(.mediaInfo(info))
        return DecodeSummary(duration: info.duration ?? 0)
    }

    /// The one frame of a still picture.
    func still(size: Int) throws(DecodeFailure) -> DecodeSummary {
        let decoder = try VideoDecoder(file, limits: limits, threads: 1, log: .shared)
        let picture = try picture(at: 0, decoder)
        progress.emit(.mediaInfo(describe(picture)))
        let pixels = try unsafe scaler.rgb(picture.frame, width: size, height: size)
        let turned = orientation(of: picture).apply(to: pixels, width: size, height: size)
        progress.emit(.frame(time: 0, size: size, pixels: turned))
        return DecodeSummary(
            duration: 0, decodedFrames: decoder.decoded, deliveredFrames: 1, damagedPackets: decoder.damaged)
    }

    func thumbnail(at time: Double, longestSide: Int) throws(DecodeFailure) -> DecodeSummary {
        let decoder = try VideoDecoder(file, limits: limits, threads: 1, log: .shared)
        let picture = try picture(at: file.isStill ? 0 : time, decoder)
        progress.emit(.mediaInfo(describe(picture)))
        let (width, height) = thumbnailSize(of: picture, longestSide: longestSide)
        let pixels = try unsafe scaler.rgb(picture.frame, width: width, height: height)
        let orientation = orientation(of: picture)
        let turned = orientation.apply(to: pixels, width: width, height: height)
        let jpeg = try ThumbnailEncoder.jpeg(
            turned, width: orientation.transposes ? height : width, height: orientation.transposes ? width : height)
        progress.emit(.thumbnail(time: picture.time, jpeg: jpeg))
        return DecodeSummary(
            duration: 0, decodedFrames: decoder.decoded, deliveredFrames: 1, damagedPackets: decoder.damaged)
    }

    private func orientation(of picture: DecodedFrame) -> Orientation {
        unsafe saccade_frame_display_matrix(picture.frame).map {
            unsafe Orientation(displayMatrix: Array(UnsafeBufferPointer(start: $0, count: 9)))
        } ?? file.orientation
    }

    private func describe(_ picture: DecodedFrame) -> MediaInfo {
        unsafe file.info(
            width: Int(picture.frame.pointee.width), height: Int(picture.frame.pointee.height),
            orientation: orientation(of: picture), frameTags: picture.frame.pointee.metadata)
    }

    /// Square pixels, upright or not, at most `longestSide`.
    private func thumbnailSize(of picture: DecodedFrame, longestSide: Int) -> (width: Int, height: Int) {
        let frame = unsafe picture.frame.pointee
        let aspect = unsafe frame.sample_aspect_ratio.seconds
        var (width, height) = unsafe (Double(frame.width), Double(frame.height))
        if aspect > 0.1, aspect < 10 { width *= aspect }
        let scale = min(1, Double(longestSide) / max(width, height))
        (width, height) = (width * scale, height * scale)
        return (max(1, Int(width.rounded())), max(1, Int(height.rounded())))
    }

    /// The picture displayed at `time` (s), or the nearest there is.
    private func picture(at time: Double, _ decoder: VideoDecoder) throws(DecodeFailure) -> DecodedFrame {
        if time > 0,
            unsafe av_seek_frame(file.format, file.stream.pointee.index, file.timestamp(time), AVSEEK_FLAG_BACKWARD) < 0
        {
            // A file that can't seek is decoded from where it stands, its beginning.
            decoder.flush()
        }
        var packet = unsafe av_packet_alloc()
        defer { unsafe av_packet_free(&packet) }
        guard let packet = unsafe packet else { throw .memory }
        let step = file.frameStep
        var timeline = Timeline()
        var best: DecodedFrame?
        var isAtEnd = false
        while true {
            if !isAtEnd {
                isAtEnd = try unsafe !file.read(into: packet)
                if isAtEnd {
                    _ = try unsafe decoder.send(nil)
                } else {
                    _ = try unsafe decoder.send(packet)
                    unsafe av_packet_unref(packet)
                }
            }
            while let next = try unsafe decoder.receive({ frame in
                let at = unsafe file.seconds(frame.pointee.best_effort_timestamp)
                return (timeline.place(at, step: step), step)
            }) {
                progress.beat()
                if next.time > time + 1e-6, let best { return best }
                best = next
                if file.isStill || next.time + 1e-6 >= time { return next }
            }
            if isAtEnd {
                if let best { return best }
                throw file.deviceFailure ?? undecodable(decoder)
            }
        }
    }

    private func undecodable(_ decoder: VideoDecoder) -> DecodeFailure {
        file.nothingDecoded(by: decoder, limits: limits)
    }
}

extension MediaFile {
    /// Seconds from one frame to the next, as far as the container tells.
    var frameStep: Double {
        let rate = unsafe stream.pointee.avg_frame_rate.seconds
        return rate > 0.01 && rate < 1000 ? 1 / rate : 0.04
    }

    /// Why a media gave no frame at all.
    func nothingDecoded(by decoder: VideoDecoder, limits: WorkerLimits) -> DecodeFailure {
        if let size = FFmpegLog.shared.refusedSize {
            return .tooLarge(width: size.width, height: size.height, limit: limits.pixels)
        }
        if decoder.damaged == 0 {
            return DecodeFailure(
                code: .damaged, isRetryable: false, message: "The video has no frames: it may have been cut off.")
        }
        return DecodeFailure(
            code: .damaged, isRetryable: false,
            message: FFmpegLog.shared.explain("Not one frame of the video could be decoded."))
    }
}
