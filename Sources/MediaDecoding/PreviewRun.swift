import DecodeProtocol

/// Answers a request for a preview: some seconds of a video, small and without sound, in a form that browsers play.
struct PreviewRun {
    private let file: MediaFile
    private let limits: WorkerLimits
    private let progress: ProgressReporter
    private let scaler: PictureScaler

    init(
        _ media: Int32, limits: WorkerLimits, progress: ProgressReporter, scaler: PictureScaler
    ) throws(DecodeError) {
        file = try MediaFile(media, limits: limits, log: .shared) { progress.beat() }
        self.limits = limits
        self.progress = progress
        self.scaler = scaler
    }

    /// Seconds before the start that are sought: some containers, such as MPEG's program streams, lead to a packet that is no key frame.
    private static let seekMargin = 1.0

    /// The size of what is encoded, and how a picture gets it.
    private struct Shape {
        /// Of the scaled picture, before it is turned.
        var width: Int
        var height: Int
        var orientation: Orientation
    }

    /// - Parameters:
    ///   - start: seconds from the beginning of the media item.
    ///   - seconds: how long it is at most.
    /// - Returns: a WebM file.
    func encoded(from start: Double, seconds: Double, longestSide: Int) throws(DecodeError) -> [UInt8] {
        guard !file.isStill else {
            throw DecodeError(.unsupported, isRetryable: false, message: "A still picture has no preview.")
        }
        let decoder = try VideoDecoder(file, limits: limits, threads: max(1, limits.threads), log: .shared)
        // A file that can't seek is decoded from where it stands, its beginning.
        if start > 0, !file.seek(to: max(0, start - Self.seekMargin)) { decoder.flush() }
        let end = start + seconds
        let step = file.frameStep
        let packet = try Packet()
        var timeline = Timeline()
        var sampler = FrameSampler<DecodedFrame>(start: start, end: end, rate: PreviewLimits.framesPerSecond)
        var encoder: (PreviewEncoder, Shape)?
        var reached = 0.0
        var isAtEnd = false
        while !isAtEnd, reached < end {
            isAtEnd = try !file.read(into: packet)
            while try !decoder.send(isAtEnd ? nil : packet) {
                try take(&timeline, step, &sampler, &encoder, &reached, from: decoder, start: start, longestSide)
            }
            packet.clear()
            try take(&timeline, step, &sampler, &encoder, &reached, from: decoder, start: start, longestSide)
        }
        for picture in sampler.finish(mediaEnd: min(reached, end)) { try add(picture, &encoder, start, longestSide) }
        guard let encoder else {
            throw file.deviceFailure
                ?? (decoder.decoded > 0 ? .nothingThere : file.nothingDecoded(by: decoder, limits: limits))
        }
        return try encoder.0.finish()
    }

    private func take(
        _ timeline: inout Timeline, _ step: Double, _ sampler: inout FrameSampler<DecodedFrame>,
        _ encoder: inout (PreviewEncoder, Shape)?, _ reached: inout Double, from decoder: VideoDecoder, start: Double,
        _ longestSide: Int
    ) throws(DecodeError) {
        while let next = try decoder.receive({ timestamp, duration in
            let said = file.seconds(ticks: duration)
            return (
                timeline.place(file.seconds(timestamp), step: step),
                said > 0 && said < Timeline.longestJump ? said : step
            )
        }) {
            reached = max(reached, next.time + next.duration)
            for picture in sampler.offer(next, time: next.time, duration: next.duration) {
                try add(picture, &encoder, start, longestSide)
            }
            progress.reached(next.time)
        }
    }

    private func add(
        _ picture: DecodedFrame, _ encoder: inout (PreviewEncoder, Shape)?, _ start: Double, _ longestSide: Int
    ) throws(DecodeError) {
        if encoder == nil {
            let shape = shape(of: picture, longestSide: longestSide)
            let turned = shape.orientation.turned(width: shape.width, height: shape.height)
            encoder = (try PreviewEncoder(width: turned.width, height: turned.height), shape)
            progress.emit(
                .mediaInfo(file.info(width: picture.width, height: picture.height, orientation: shape.orientation)))
        }
        guard let (encoder, shape) = encoder else { return }
        let pixels = try scaler.rgb(
            picture, width: shape.width, height: shape.height, orientation: shape.orientation, filter: .bilinear)
        try encoder.add(pixels, at: max(0, picture.time - start))
    }

    /// Square pixels, at most `longestSide`, both sides even as the encoder wants them, and none longer than the picture's.
    private func shape(of picture: DecodedFrame, longestSide: Int) -> Shape {
        let display = file.display(of: picture)
        let (width, height) = (Double(picture.width) * display.pixelAspect, Double(picture.height))
        let scale = min(1, Double(longestSide) / max(width, height))
        func even(_ side: Double) -> Int { max(2, Int(side * scale / 2 + 1e-6) * 2) }
        return Shape(width: even(width), height: even(height), orientation: display.orientation)
    }
}

extension DecodeError {
    fileprivate static var nothingThere: DecodeError {
        DecodeError(.damaged, isRetryable: false, message: "The video has no pictures there: it may have been cut off.")
    }
}
