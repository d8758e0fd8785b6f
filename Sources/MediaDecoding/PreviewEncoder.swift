import CFFmpeg
import DecodeProtocol

/// Encodes RGB pictures as VP8 in WebM, in memory. Every browser plays that, and it encodes many times faster than it plays.
@safe
final class PreviewEncoder {
    private var context: UnsafeMutablePointer<AVCodecContext>?
    private var container: UnsafeMutablePointer<AVFormatContext>?
    private var frame: UnsafeMutablePointer<AVFrame>?
    private var packet: UnsafeMutablePointer<AVPacket>?
    private var scaler: OpaquePointer?
    private let width: Int
    private let height: Int
    /// Of the last picture, in ``timeBase``.
    private var latest: Int64 = -1

    /// Milliseconds, as WebM counts.
    private static let timeBase = AVRational(num: 1, den: 1000)
    private static let bitRate: Int64 = 700_000

    /// - Parameters:
    ///   - width: even.
    ///   - height: even.
    /// - Throws: `DecodeError` with `unsupported` where FFmpeg has no such encoder, or `outOfMemory`.
    init(width: Int, height: Int) throws(DecodeError) {
        self.width = width
        self.height = height
        guard let codec = unsafe avcodec_find_encoder_by_name("libvpx") else {
            throw DecodeError(
                .unsupported, isRetryable: false,
                message: "This FFmpeg has no VP8 encoder, so there are no previews: install one with libvpx.")
        }
        unsafe context = unsafe avcodec_alloc_context3(codec)
        unsafe frame = unsafe av_frame_alloc()
        unsafe packet = unsafe av_packet_alloc()
        unsafe scaler = unsafe sws_getContext(
            Int32(width), Int32(height), AV_PIX_FMT_RGB24, Int32(width), Int32(height), AV_PIX_FMT_YUV420P,
            SWS_BILINEAR,
            nil, nil, nil)
        guard let context = unsafe context, let frame = unsafe frame, unsafe packet != nil, unsafe scaler != nil else {
            throw .memory
        }
        unsafe context.pointee.width = Int32(width)
        unsafe context.pointee.height = Int32(height)
        unsafe context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
        unsafe context.pointee.time_base = Self.timeBase
        unsafe context.pointee.framerate = AVRational(num: Int32(PreviewLimits.framesPerSecond), den: 1)
        unsafe context.pointee.bit_rate = Self.bitRate
        unsafe context.pointee.gop_size = Int32(2 * PreviewLimits.framesPerSecond)
        unsafe context.pointee.thread_count = 1
        unsafe av_opt_set(context.pointee.priv_data, "deadline", "realtime", 0)
        // Negative, so that the speed is fixed: else it follows the clock, and the same pictures give other bytes.
        unsafe av_opt_set(context.pointee.priv_data, "cpu-used", "-8", 0)
        try unsafe check(avcodec_open2(context, codec, nil))
        unsafe frame.pointee.width = Int32(width)
        unsafe frame.pointee.height = Int32(height)
        unsafe frame.pointee.format = AV_PIX_FMT_YUV420P.rawValue
        try unsafe check(av_frame_get_buffer(frame, 0))
        try unsafe openContainer(context)
    }

    private func openContainer(_ context: UnsafeMutablePointer<AVCodecContext>) throws(DecodeError) {
        try unsafe check(avformat_alloc_output_context2(&container, nil, "webm", nil))
        guard let container = unsafe container, let stream = unsafe avformat_new_stream(container, nil) else {
            throw .memory
        }
        try unsafe check(avcodec_parameters_from_context(stream.pointee.codecpar, context))
        unsafe stream.pointee.time_base = Self.timeBase
        try unsafe check(avio_open_dyn_buf(&container.pointee.pb))
        // The same pictures give the same bytes.
        unsafe container.pointee.flags |= AVFMT_FLAG_BITEXACT
        try unsafe check(avformat_write_header(container, nil))
    }

    deinit {
        if let container = unsafe container, unsafe container.pointee.pb != nil { _ = takeBytes() }
        unsafe avformat_free_context(container)
        unsafe avcodec_free_context(&context)
        unsafe av_frame_free(&frame)
        unsafe av_packet_free(&packet)
        unsafe sws_freeContext(scaler)
    }

    /// - Parameters:
    ///   - pixels: row-major RGB, `height` × `width` × 3 bytes.
    ///   - time: in seconds; at least a millisecond after the last one.
    func add(_ pixels: [UInt8], at time: Double) throws(DecodeError) {
        guard let frame = unsafe frame else { throw .memory }
        // The encoder may still hold the last picture.
        try unsafe check(av_frame_make_writable(frame))
        try unsafe convert(pixels, into: frame)
        latest = max(latest + 1, Int64((time * 1000).rounded()))
        unsafe frame.pointee.pts = latest
        try unsafe encode(frame)
    }

    /// Call it once, at the end.
    ///
    /// - Returns: the file.
    func finish() throws(DecodeError) -> [UInt8] {
        try unsafe encode(nil)
        try unsafe check(av_write_trailer(container))
        return takeBytes()
    }

    private func encode(_ frame: UnsafeMutablePointer<AVFrame>?) throws(DecodeError) {
        guard let container = unsafe container, let packet = unsafe packet else { throw .memory }
        try unsafe check(avcodec_send_frame(context, frame))
        while true {
            let status = unsafe avcodec_receive_packet(context, packet)
            if status == saccade_error_again || status == saccade_error_eof { return }
            try check(status)
            unsafe packet.pointee.stream_index = 0
            unsafe av_packet_rescale_ts(packet, Self.timeBase, container.pointee.streams[0]!.pointee.time_base)
            try unsafe check(av_interleaved_write_frame(container, packet))
        }
    }

    /// Closes what the container was written to.
    private func takeBytes() -> [UInt8] {
        guard let container = unsafe container else { return [] }
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = unsafe avio_close_dyn_buf(container.pointee.pb, &buffer)
        unsafe container.pointee.pb = nil
        defer { unsafe av_free(buffer) }
        return unsafe Array(UnsafeBufferPointer(start: buffer, count: Int(max(0, count))))
    }

    /// In BT.601 of limited range, which is what players take for granted of small pictures.
    private func convert(_ pixels: [UInt8], into frame: UnsafeMutablePointer<AVFrame>) throws(DecodeError) {
        let strides: [Int32] = [Int32(width * 3), 0, 0, 0]
        var planes = unsafe [frame.pointee.data.0, frame.pointee.data.1, frame.pointee.data.2, nil]
        var lines = unsafe [frame.pointee.linesize.0, frame.pointee.linesize.1, frame.pointee.linesize.2, 0]
        let status = unsafe pixels.withUnsafeBufferPointer { pixels in
            let sources: [UnsafePointer<UInt8>?] = unsafe [pixels.baseAddress, nil, nil, nil]
            return unsafe sws_scale(scaler, sources, strides, 0, Int32(height), &planes, &lines)
        }
        try check(status)
    }

    private func check(_ status: Int32) throws(DecodeError) {
        guard status < 0 else { return }
        if status == saccade_error_no_memory { throw .memory }
        throw DecodeError(
            .unsupported, isRetryable: false, message: "The preview can't be encoded: \(reason(status)).")
    }
}
