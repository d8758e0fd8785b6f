import CFFmpeg
import DecodeProtocol

/// A reference-counted decoded picture of FFmpeg.
@safe
final class DecodedFrame {
    let frame: UnsafeMutablePointer<AVFrame>
    /// Seconds from the beginning of the media.
    let time: Double
    /// Seconds for which it is displayed, as far as the container tells; 0 if it doesn't.
    let duration: Double

    /// Takes over the picture that `source` refers to.
    init(moving source: UnsafeMutablePointer<AVFrame>, time: Double, duration: Double) throws(DecodeFailure) {
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
}

/// FFmpeg's decoder for one stream.
@safe
final class VideoDecoder {
    let context: UnsafeMutablePointer<AVCodecContext>
    private let scratch: UnsafeMutablePointer<AVFrame>
    /// Packets that the decoder refused and frames that came out broken.
    private(set) var damaged = 0
    private(set) var decoded = 0
    /// The last error of the decoder, 0 if none.
    private(set) var lastError: Int32 = 0

    /// - Throws: `DecodeFailure` with `unsupported`, `tooLarge`, `outOfMemory`.
    init(_ file: MediaFile, limits: WorkerLimits, threads: Int, log: FFmpegLog) throws(DecodeFailure) {
        let parameters = unsafe file.stream.pointee.codecpar!
        let id = unsafe parameters.pointee.codec_id
        guard let codec = unsafe avcodec_find_decoder(id) else {
            let name = unsafe String(cString: avcodec_get_name(id))
            throw DecodeFailure(
                code: .unsupported, isRetryable: false,
                message: id == AV_CODEC_ID_NONE
                    ? "The video's codec is not known." : "This FFmpeg has no decoder for \(name).")
        }
        try unsafe Self.check(Int(parameters.pointee.width), Int(parameters.pointee.height), limits)
        guard let context = unsafe avcodec_alloc_context3(codec) else { throw .memory }
        guard let scratch = unsafe av_frame_alloc() else {
            var freed: UnsafeMutablePointer<AVCodecContext>? = unsafe context
            unsafe avcodec_free_context(&freed)
            throw .memory
        }
        unsafe self.context = unsafe context
        unsafe self.scratch = unsafe scratch
        unsafe avcodec_parameters_to_context(context, parameters)
        unsafe context.pointee.pkt_timebase = unsafe file.stream.pointee.time_base
        unsafe context.pointee.max_pixels = Int64(limits.pixels)
        unsafe context.pointee.thread_count = Int32(threads)
        unsafe context.pointee.thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE
        let status = unsafe avcodec_open2(context, codec, nil)
        guard status >= 0 else {
            throw status == saccade_error_no_memory
                ? .memory
                : DecodeFailure(
                    code: .unsupported, isRetryable: false,
                    message: log.explain("The decoder can't be opened: \(reason(status))."))
        }
    }

    deinit {
        var freedFrame: UnsafeMutablePointer<AVFrame>? = unsafe scratch
        unsafe av_frame_free(&freedFrame)
        var freedContext: UnsafeMutablePointer<AVCodecContext>? = unsafe context
        unsafe avcodec_free_context(&freedContext)
    }

    /// - Throws: `DecodeFailure` with `tooLarge`.
    static func check(_ width: Int, _ height: Int, _ limits: WorkerLimits) throws(DecodeFailure) {
        guard width > 0, height > 0, width.multipliedReportingOverflow(by: height).partialValue > limits.pixels else {
            return
        }
        throw .tooLarge(width: width, height: height, limit: limits.pixels)
    }

    /// Gives the decoder a packet, or nil for "no more". A broken packet is counted and left out.
    /// - Returns: false if the decoder wants its frames to be taken first.
    func send(_ packet: UnsafeMutablePointer<AVPacket>?) throws(DecodeFailure) -> Bool {
        let status = unsafe avcodec_send_packet(context, packet)
        if status == saccade_error_again { return false }
        if status < 0, status != saccade_error_eof { try note(status) }
        return true
    }

    /// Takes the next decoded frame, in the order of display.
    /// - Parameter time: gives time and duration (s) of the frame.
    /// - Returns: nil when the decoder needs another packet, or is empty.
    func receive(
        _ time: (UnsafeMutablePointer<AVFrame>) -> (time: Double, duration: Double)
    ) throws(DecodeFailure) -> DecodedFrame? {
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
            let at = unsafe time(scratch)
            return try unsafe DecodedFrame(moving: scratch, time: at.time, duration: at.duration)
        }
    }

    /// Forgets everything, for a packet elsewhere in the stream.
    func flush() {
        unsafe avcodec_flush_buffers(context)
    }

    private func note(_ status: Int32) throws(DecodeFailure) {
        if status == saccade_error_no_memory { throw .memory }
        damaged += 1
        lastError = status
    }
}

extension DecodeFailure {
    static func tooLarge(width: Int, height: Int, limit: Int) -> DecodeFailure {
        let millions = (Double(limit) / 1e5).rounded() / 10
        return DecodeFailure(
            code: .tooLarge, isRetryable: false,
            message:
                "The picture of \(width)x\(height) px is over the limit of \(millions) million pixels: scale it down.")
    }
}
