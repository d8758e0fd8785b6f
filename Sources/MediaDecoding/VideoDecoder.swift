import CFFmpeg
import DecodeProtocol

/// FFmpeg's decoder for one stream.
@safe
final class VideoDecoder {
    private let context: UnsafeMutablePointer<AVCodecContext>
    private let scratch: UnsafeMutablePointer<AVFrame>
    /// Packets that the decoder refused and frames that came out broken.
    private(set) var damaged = 0
    private(set) var decoded = 0

    /// - Throws: `DecodeError` with `unsupported`, `tooLarge`, `outOfMemory`.
    init(_ file: MediaFile, limits: WorkerLimits, threads: Int, log: FFmpegLog) throws(DecodeError) {
        let id = file.codec
        guard let codec = unsafe avcodec_find_decoder(id) else {
            let name = unsafe String(cString: avcodec_get_name(id))
            throw DecodeError(
                .unsupported, isRetryable: false,
                message: id == AV_CODEC_ID_NONE
                    ? "The video's codec is not known." : "This FFmpeg has no decoder for \(name).")
        }
        try Self.check(file.codedSize.width, file.codedSize.height, limits)
        guard let context = unsafe avcodec_alloc_context3(codec) else { throw .memory }
        guard let scratch = unsafe av_frame_alloc() else {
            var freed: UnsafeMutablePointer<AVCodecContext>? = unsafe context
            unsafe avcodec_free_context(&freed)
            throw .memory
        }
        unsafe self.context = unsafe context
        unsafe self.scratch = unsafe scratch
        unsafe file.configure(context)
        unsafe context.pointee.max_pixels = Int64(limits.pixels)
        unsafe context.pointee.thread_count = Int32(threads)
        unsafe context.pointee.thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE
        let status = unsafe avcodec_open2(context, codec, nil)
        guard status >= 0 else {
            throw status == saccade_error_no_memory
                ? .memory
                : DecodeError(
                    .unsupported, isRetryable: false,
                    message: log.explain("The decoder can't be opened: \(reason(status))."))
        }
    }

    deinit {
        var freedFrame: UnsafeMutablePointer<AVFrame>? = unsafe scratch
        unsafe av_frame_free(&freedFrame)
        var freedContext: UnsafeMutablePointer<AVCodecContext>? = unsafe context
        unsafe avcodec_free_context(&freedContext)
    }

    /// - Throws: `DecodeError` with `tooLarge`.
    static func check(_ width: Int, _ height: Int, _ limits: WorkerLimits) throws(DecodeError) {
        guard width > 0, height > 0, width.multipliedReportingOverflow(by: height).partialValue > limits.pixels else {
            return
        }
        throw .tooLarge(width: width, height: height, limit: limits.pixels)
    }

    /// Gives the decoder a packet, or nil for "no more". A broken packet is counted and left out.
    /// - Parameter isLookedAt: whether the packet's picture may be delivered. Where it isn't, and nothing refers to it,
    ///   its blocks' edges can't be seen and aren't smoothed.
    /// - Returns: false if the decoder wants its frames to be taken first.
    func send(_ packet: Packet?, isLookedAt: Bool = true) throws(DecodeError) -> Bool {
        let status: Int32
        if let packet {
            unsafe context.pointee.skip_loop_filter = isLookedAt ? AVDISCARD_DEFAULT : AVDISCARD_NONREF
            status = unsafe packet.withUnsafePacket { unsafe avcodec_send_packet(context, $0) }
        } else {
            status = unsafe avcodec_send_packet(context, nil)
        }
        if status == saccade_error_again { return false }
        if status < 0, status != saccade_error_eof { try note(status) }
        return true
    }

    /// Takes the next decoded frame, in the order of display.
    /// - Parameter place: gives time and duration (s) of a frame by what it says of itself, in units of the stream.
    /// - Returns: nil when the decoder needs another packet, or is empty.
    func receive(
        _ place: (_ timestamp: Int64, _ duration: Int64) -> (time: Double, duration: Double)
    ) throws(DecodeError) -> DecodedFrame? {
        while true {
            let status = unsafe avcodec_receive_frame(context, scratch)
            if status == saccade_error_again || status == saccade_error_eof { return nil }
            if status < 0 {
                try note(status)
                // An error without progress would come back for ever.
                guard damaged < 1_000_000 else { return nil }
                continue
            }
            decoded += 1
            if unsafe scratch.pointee.decode_error_flags != 0 { damaged += 1 }
            let at = unsafe place(scratch.pointee.best_effort_timestamp, saccade_frame_duration(scratch))
            return try unsafe DecodedFrame(moving: scratch, time: at.time, duration: at.duration)
        }
    }

    /// Forgets everything, for a packet elsewhere in the stream.
    func flush() {
        unsafe avcodec_flush_buffers(context)
    }

    private func note(_ status: Int32) throws(DecodeError) {
        if status == saccade_error_no_memory { throw .memory }
        damaged += 1
    }
}

extension DecodeError {
    static func tooLarge(width: Int, height: Int, limit: Int) -> DecodeError {
        let millions = (Double(limit) / 1e5).rounded() / 10
        return DecodeError(
            .tooLarge, isRetryable: false,
            message:
                "The picture of \(width)x\(height) px is over the limit of \(millions) million pixels: scale it down.")
    }
}

/// A reference-counted decoded picture of FFmpeg.
@safe
final class DecodedFrame {
    private let frame: UnsafeMutablePointer<AVFrame>
    /// Seconds from the beginning of the media item.
    let time: Double
    /// Seconds for which it is displayed, as far as the container tells; 0 if it doesn't.
    let duration: Double

    /// Takes over the picture that `source` refers to.
    init(moving source: UnsafeMutablePointer<AVFrame>, time: Double, duration: Double) throws(DecodeError) {
        guard let frame = unsafe av_frame_alloc() else { throw .memory }
        unsafe av_frame_move_ref(frame, source)
        unsafe self.frame = unsafe frame
        self.time = time
        self.duration = duration
    }

    deinit {
        var freed: UnsafeMutablePointer<AVFrame>? = unsafe frame
        unsafe av_frame_free(&freed)
    }

    /// Columns and rows as they are coded, in pixels.
    var width: Int { unsafe Int(frame.pointee.width) }
    var height: Int { unsafe Int(frame.pointee.height) }

    /// How much wider than high a pixel is displayed, if it says so itself.
    var pixelAspect: Double? { unsafe frame.pointee.sample_aspect_ratio.pixelAspect }

    /// How it lies, if it says so itself.
    var orientation: Orientation? {
        unsafe saccade_frame_display_matrix(frame).map {
            unsafe Orientation(displayMatrix: Array(UnsafeBufferPointer(start: $0, count: 9)))
        }
    }

    var tags: [MediaTag] { unsafe MediaTag.all(in: frame.pointee.metadata) }

    /// For what FFmpeg and the kernels do with a picture; the pointer is good for the length of the call.
    func withUnsafeFrame<Result, Failure: Error>(
        _ body: (UnsafePointer<AVFrame>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(frame)
    }

    /// The middle of the picture, about `width` × `height` px of it, which shares its memory. The whole of it where
    /// bytes hold several pixels.
    func middle(width: Int, height: Int) throws(DecodeError) -> DecodedFrame {
        guard let format = unsafe av_pix_fmt_desc_get(AVPixelFormat(frame.pointee.format)),
            unsafe format.pointee.flags & UInt64(AV_PIX_FMT_FLAG_BITSTREAM) == 0
        else { return self }
        guard let part = unsafe av_frame_clone(frame) else { throw .memory }
        defer {
            var freed: UnsafeMutablePointer<AVFrame>? = unsafe part
            unsafe av_frame_free(&freed)
        }
        // A multiple of 16 is on a border of the chroma of every format.
        let left = max(0, self.width - width) / 2 & ~15
        let top = max(0, self.height - height) / 2 & ~15
        unsafe part.pointee.crop_left = left
        unsafe part.pointee.crop_top = top
        unsafe part.pointee.crop_right = max(0, self.width - width - left)
        unsafe part.pointee.crop_bottom = max(0, self.height - height - top)
        let status = unsafe av_frame_apply_cropping(part, Int32(AV_FRAME_CROP_UNALIGNED))
        if status == saccade_error_no_memory { throw .memory }
        return try unsafe DecodedFrame(moving: part, time: time, duration: duration)
    }
}
