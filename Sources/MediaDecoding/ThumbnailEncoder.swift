import CFFmpeg
import DecodeProtocol

/// Encodes RGB pictures as baseline JPEG with FFmpeg's own encoder.
enum ThumbnailEncoder {
    /// 1 is the best, 31 the worst of the encoder's scale.
    private static let quality: Int32 = 4

    /// - Parameter pixels: row-major RGB, `height` × `width` × 3 bytes.
    static func jpeg(_ pixels: [UInt8], width: Int, height: Int) throws(DecodeError) -> [UInt8] {
        guard let codec = unsafe avcodec_find_encoder(AV_CODEC_ID_MJPEG) else {
            throw DecodeError(
                .unsupported, isRetryable: false, message: "This FFmpeg has no JPEG encoder.")
        }
        var context = unsafe avcodec_alloc_context3(codec)
        var frame = unsafe av_frame_alloc()
        var packet = unsafe av_packet_alloc()
        defer {
            unsafe avcodec_free_context(&context)
            unsafe av_frame_free(&frame)
            unsafe av_packet_free(&packet)
        }
        guard let context = unsafe context, let frame = unsafe frame, let packet = unsafe packet else { throw .memory }
        unsafe context.pointee.width = Int32(width)
        unsafe context.pointee.height = Int32(height)
        unsafe context.pointee.pix_fmt = AV_PIX_FMT_YUVJ420P
        unsafe context.pointee.color_range = AVCOL_RANGE_JPEG
        unsafe context.pointee.time_base = AVRational(num: 1, den: 25)
        unsafe context.pointee.flags |= AV_CODEC_FLAG_QSCALE
        unsafe context.pointee.global_quality = FF_QP2LAMBDA * quality
        unsafe context.pointee.thread_count = 1
        unsafe frame.pointee.width = Int32(width)
        unsafe frame.pointee.height = Int32(height)
        unsafe frame.pointee.format = AV_PIX_FMT_YUVJ420P.rawValue
        unsafe frame.pointee.quality = unsafe context.pointee.global_quality
        try unsafe check(avcodec_open2(context, codec, nil))
        try unsafe check(av_frame_get_buffer(frame, 0))
        try unsafe convert(pixels, width: width, height: height, into: frame)
        try unsafe check(avcodec_send_frame(context, frame))
        try unsafe check(avcodec_send_frame(context, nil))
        try unsafe check(avcodec_receive_packet(context, packet))
        return unsafe Array(UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size)))
    }

    private static func convert(
        _ pixels: [UInt8], width: Int, height: Int, into frame: UnsafeMutablePointer<AVFrame>
    ) throws(DecodeError) {
        let scaler = unsafe sws_getContext(
            Int32(width), Int32(height), AV_PIX_FMT_RGB24, Int32(width), Int32(height), AV_PIX_FMT_YUV420P, SWS_BICUBIC,
            nil, nil, nil)
        guard let scaler = unsafe scaler else { throw .memory }
        defer { unsafe sws_freeContext(scaler) }
        unsafe sws_setColorspaceDetails(
            scaler, sws_getCoefficients(SWS_CS_DEFAULT), 1, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16)
        let strides: [Int32] = [Int32(width * 3), 0, 0, 0]
        var planes = unsafe [frame.pointee.data.0, frame.pointee.data.1, frame.pointee.data.2, nil]
        var lines = unsafe [frame.pointee.linesize.0, frame.pointee.linesize.1, frame.pointee.linesize.2, 0]
        let status = unsafe pixels.withUnsafeBufferPointer { pixels in
            let sources: [UnsafePointer<UInt8>?] = unsafe [pixels.baseAddress, nil, nil, nil]
            return unsafe sws_scale(scaler, sources, strides, 0, Int32(height), &planes, &lines)
        }
        try check(status)
    }

    private static func check(_ status: Int32) throws(DecodeError) {
        guard status < 0 else { return }
        if status == saccade_error_no_memory { throw .memory }
        throw DecodeError(
            .unsupported, isRetryable: false, message: "The thumbnail can't be encoded: \(reason(status)).")
    }
}
