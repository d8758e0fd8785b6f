import CFFmpeg
import DecodeProtocol

/// Answers what needs one picture or none: a probe, a thumbnail, a still.
struct PictureRun {
    private let file: MediaFile
    private let limits: WorkerLimits
    private let progress: ProgressReporter
    private let scaler: PictureScaler

    init(
        _ media: Int32, limits: WorkerLimits, progress: ProgressReporter, scaler: PictureScaler
    ) throws(DecodeError) {
        let file = try MediaFile(media, limits: limits, log: .shared) { progress.beat() }
        self.init(file, limits: limits, progress: progress, scaler: scaler)
    }

    init(_ file: MediaFile, limits: WorkerLimits, progress: ProgressReporter, scaler: PictureScaler) {
        self.file = file
        self.limits = limits
        self.progress = progress
        self.scaler = scaler
    }

    /// - Returns: seconds that the container promises.
    func probe() throws(DecodeError) -> Double {
        let decoder = try VideoDecoder(file, limits: limits, threads: 1, log: .shared)
        let size = file.codedSize
        var info = file.info(width: size.width, height: size.height, orientation: file.orientation)
        if file.isStill || info.width <= 0 || info.height <= 0 {
            info = describe(try picture(at: 0, decoder))
        }
        progress.emit(.mediaInfo(info))
        return info.duration ?? 0
    }

    /// Delivers the one frame of a still picture.
    func still(_ geometry: FrameGeometry) throws(DecodeError) {
        let decoder = try VideoDecoder(file, limits: limits, threads: 1, log: .shared)
        let picture = try picture(at: 0, decoder)
        progress.emit(.mediaInfo(describe(picture)))
        let pixels = try scaler.rgb(picture, geometry, file.display(of: picture))
        progress.emit(.frame(SampledFrame(time: 0, side: geometry.side, pixels: pixels)))
    }

    /// - Returns: a JPEG file.
    func thumbnail(at time: Double, longestSide: Int) throws(DecodeError) -> [UInt8] {
        let decoder = try VideoDecoder(file, limits: limits, threads: 1, log: .shared)
        let picture = try picture(at: file.isStill ? 0 : time, decoder)
        progress.emit(.mediaInfo(describe(picture)))
        let (width, height) = thumbnailSize(of: picture, longestSide: longestSide)
        let orientation = file.display(of: picture).orientation
        let pixels = try scaler.rgb(picture, width: width, height: height, orientation: orientation)
        let turned = orientation.turned(width: width, height: height)
        return try ThumbnailEncoder.jpeg(pixels, width: turned.width, height: turned.height)
    }

    private func describe(_ picture: DecodedFrame) -> MediaInfo {
        file.info(
            width: picture.width, height: picture.height, orientation: file.display(of: picture).orientation,
            frameTags: picture.tags)
    }

    /// Square pixels, upright or not, at most `longestSide`.
    private func thumbnailSize(of picture: DecodedFrame, longestSide: Int) -> (width: Int, height: Int) {
        var (width, height) = (Double(picture.width) * file.display(of: picture).pixelAspect, Double(picture.height))
        let scale = min(1, Double(longestSide) / max(width, height))
        (width, height) = (width * scale, height * scale)
        return (max(1, Int(width.rounded())), max(1, Int(height.rounded())))
    }

    /// The picture displayed at `time` (s), or the nearest there is.
    private func picture(at time: Double, _ decoder: VideoDecoder) throws(DecodeError) -> DecodedFrame {
        if time > 0, !file.seek(to: time) {
            // A file that can't seek is decoded from where it stands, its beginning.
            decoder.flush()
        }
        let packet = try Packet()
        let step = file.frameStep
        var timeline = Timeline()
        var best: DecodedFrame?
        var isAtEnd = false
        while true {
            if !isAtEnd {
                isAtEnd = try !file.read(into: packet)
                _ = try decoder.send(isAtEnd ? nil : packet)
                packet.clear()
            }
            while let next = try decoder.receive({ timestamp, _ in
                (timeline.place(file.seconds(timestamp), step: step), step)
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

    private func undecodable(_ decoder: VideoDecoder) -> DecodeError {
        file.nothingDecoded(by: decoder, limits: limits)
    }
}

extension MediaFile {
    /// Seconds from one frame to the next, as far as the container tells.
    var frameStep: Double {
        let rate = unsafe stream.pointee.avg_frame_rate.seconds
        return rate > 0.01 && rate < 1000 ? 1 / rate : 0.04
    }

    /// Why a media item gave no frame at all.
    func nothingDecoded(by decoder: VideoDecoder, limits: WorkerLimits) -> DecodeError {
        if let size = FFmpegLog.shared.refusedSize {
            return .tooLarge(width: size.width, height: size.height, limit: limits.pixels)
        }
        if decoder.damaged == 0 {
            return DecodeError(
                .damaged, isRetryable: false, message: "The video has no frames: it may have been cut off.")
        }
        return DecodeError(
            .damaged, isRetryable: false,
            message: FFmpegLog.shared.explain("Not one frame of the video could be decoded."))
    }
}
