import CFFmpeg
import DecodeProtocol

/// An open container and its video stream.
///
/// Only containers of ``MediaFormats/allowed`` are read: playlists and everything that names other files is refused.
@safe
final class MediaFile {
    private let reader: FileReader
    // Both are for this class's own extensions, which stand in several files; nobody else touches them.
    let format: UnsafeMutablePointer<AVFormatContext>
    let stream: UnsafeMutablePointer<AVStream>
    /// A single picture, whose size isn't known before it is decoded.
    let isStill: Bool
    /// Subtracted from timestamps, in seconds: media begin at 0.
    let origin: Double

    /// Opens the container in a file and finds its video stream.
    /// - Parameter descriptor: of the file; it must stay open.
    /// - Throws: `DecodeError`.
    init(_ descriptor: Int32, limits: WorkerLimits, log: FFmpegLog, onRead: @escaping () -> Void)
        throws(DecodeError)
    {
        reader = try FileReader(descriptor)
        reader.onRead = onRead
        guard var context = unsafe avformat_alloc_context() else { throw .memory }
        unsafe context.pointee.pb = unsafe reader.context
        unsafe context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
        unsafe context.pointee.max_streams = 128
        unsafe context.pointee.io_open = { _, _, _, _, _ in saccade_error_denied }
        var options: OpaquePointer?
        unsafe av_dict_set(&options, "format_whitelist", MediaFormats.allowed.joined(separator: ","), 0)
        defer { unsafe av_dict_free(&options) }
        var opening: UnsafeMutablePointer<AVFormatContext>? = unsafe context
        // Without a name the content alone decides: a name can make FFmpeg read "a%d.jpg" as a numbered sequence.
        let opened = unsafe avformat_open_input(&opening, "", nil, &options)
        guard opened >= 0, let open = unsafe opening else {
            throw Self.failure(opened, reader: reader, log: log, doing: "recognise")
        }
        unsafe context = unsafe open
        let name = unsafe String(cString: context.pointee.iformat.pointee.name)
        isStill = name.hasSuffix("_pipe")
        do throws(DecodeError) {
            if !isStill { try unsafe Self.findStreams(context, limits: limits, reader: reader, log: log) }
            unsafe stream = try unsafe Self.videoStream(context)
        } catch {
            unsafe avformat_close_input(&opening)
            throw error
        }
        unsafe format = unsafe context
        for index in unsafe 0..<Int(context.pointee.nb_streams) {
            guard let other = unsafe context.pointee.streams[index] else { continue }
            unsafe other.pointee.discard = unsafe other == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL
        }
        if isStill {
            origin = 0
        } else if unsafe context.pointee.start_time != saccade_no_timestamp {
            origin = unsafe Double(context.pointee.start_time) / Double(AV_TIME_BASE)
        } else if unsafe stream.pointee.start_time != saccade_no_timestamp {
            origin = unsafe Double(stream.pointee.start_time) * stream.pointee.time_base.seconds
        } else {
            origin = 0
        }
    }

    deinit {
        var closing: UnsafeMutablePointer<AVFormatContext>? = unsafe format
        unsafe avformat_close_input(&closing)
    }

    /// Seconds from the beginning of the media; nil for no timestamp.
    func seconds(_ timestamp: Int64) -> Double? {
        guard timestamp != saccade_no_timestamp else { return nil }
        return unsafe Double(timestamp) * stream.pointee.time_base.seconds - origin
    }

    /// Seconds that a number of the stream's units is.
    func seconds(ticks: Int64) -> Double { unsafe Double(ticks) * stream.pointee.time_base.seconds }

    /// The timestamp of a time in seconds from the beginning of the media.
    func timestamp(_ seconds: Double) -> Int64 {
        let unit = unsafe stream.pointee.time_base.seconds
        return Int64(((seconds + origin) / (unit > 0 ? unit : 1)).clamped(to: -9e15...9e15))
    }

    /// Goes on reading at the last key frame at or before `time` (s).
    /// - Returns: false if the file can't do that; reading goes on where it was.
    func seek(to time: Double) -> Bool {
        unsafe av_seek_frame(format, stream.pointee.index, timestamp(time), AVSEEK_FLAG_BACKWARD) >= 0
    }

    var codec: AVCodecID { unsafe stream.pointee.codecpar.pointee.codec_id }

    /// Pixels of the coded picture as the container says; 0 where it doesn't.
    var codedSize: (width: Int, height: Int) {
        unsafe (Int(stream.pointee.codecpar.pointee.width), Int(stream.pointee.codecpar.pointee.height))
    }

    /// Tells a decoder what it is to decode.
    func configure(_ context: UnsafeMutablePointer<AVCodecContext>) {
        unsafe avcodec_parameters_to_context(context, stream.pointee.codecpar)
        unsafe context.pointee.pkt_timebase = unsafe stream.pointee.time_base
    }

    /// The next packet of the video stream.
    /// - Returns: false at the end, also when the rest of the file can't be parsed.
    /// - Throws: `DecodeError` when the device failed, or for lack of memory.
    func read(into packet: Packet) throws(DecodeError) -> Bool {
        while try readAny(into: packet) {
            if unsafe packet.streamIndex == stream.pointee.index { return true }
            packet.clear()
        }
        return false
    }

    /// The next packet of the streams that are not discarded; as ``read(into:)``.
    func readAny(into packet: Packet) throws(DecodeError) -> Bool {
        let status = unsafe packet.withUnsafePacket { unsafe av_read_frame(format, $0) }
        if status >= 0 { return true }
        if status == saccade_error_no_memory { throw .memory }
        if reader.errorNumber != 0 { throw .device(reader.errorNumber) }
        return false
    }

    /// Why nothing could be decoded, if the device is to blame.
    var deviceFailure: DecodeError? {
        reader.errorNumber == 0 ? nil : .device(reader.errorNumber)
    }

    private static func findStreams(
        _ context: UnsafeMutablePointer<AVFormatContext>, limits: WorkerLimits, reader: FileReader, log: FFmpegLog
    ) throws(DecodeError) {
        let count = unsafe Int(context.pointee.nb_streams)
        var options: [OpaquePointer?] = unsafe (0..<count).map { _ in
            var dictionary: OpaquePointer?
            unsafe av_dict_set_int(&dictionary, "max_pixels", Int64(limits.pixels), 0)
            return unsafe dictionary
        }
        defer { for index in unsafe options.indices { unsafe av_dict_free(&options[index]) } }
        for index in 0..<count {
            guard let stream = unsafe context.pointee.streams[index] else { continue }
            if unsafe stream.pointee.codecpar.pointee.codec_type != AVMEDIA_TYPE_VIDEO {
                unsafe stream.pointee.discard = AVDISCARD_ALL
            }
        }
        let found = unsafe avformat_find_stream_info(context, &options)
        guard found >= 0 else { throw failure(found, reader: reader, log: log, doing: "find the streams of") }
    }

    private static func videoStream(
        _ context: UnsafeMutablePointer<AVFormatContext>
    ) throws(DecodeError) -> UnsafeMutablePointer<AVStream> {
        let streams = unsafe (0..<Int(context.pointee.nb_streams)).compactMap { unsafe context.pointee.streams[$0] }
        let videos = unsafe streams.filter {
            unsafe $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
                && $0.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
        }
        let best = unsafe av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        guard let stream = unsafe videos.first(where: { unsafe $0.pointee.index == best }) ?? videos.first else {
            let message =
                unsafe streams.isEmpty ? "The file holds no streams." : "The file holds no video, only sound or text."
            throw DecodeError(
                .noVideo, isRetryable: false, message: message)
        }
        return unsafe stream
    }

    private static func failure(_ status: Int32, reader: FileReader, log: FFmpegLog, doing: String) -> DecodeError {
        if status == saccade_error_no_memory { return .memory }
        if reader.errorNumber != 0 { return .device(reader.errorNumber) }
        if let kind = log.refusedFormat {
            return DecodeError(
                .notMedia, isRetryable: false,
                message: "It is a file of the kind \"\(kind)\", which is not a video or picture that can be indexed.")
        }
        return DecodeError(
            .notMedia, isRetryable: false, message: log.explain("FFmpeg can't \(doing) this file: \(reason(status))."))
    }
}

/// FFmpeg's words for one of its error numbers.
func reason(_ status: Int32) -> String {
    var text = [CChar](repeating: 0, count: 128)
    unsafe av_strerror(status, &text, text.count)
    return unsafe text.withUnsafeBufferPointer { unsafe String(cString: $0.baseAddress!) }
}

extension AVRational {
    /// The value of a fraction in seconds or a second; 0 when it has no value.
    var seconds: Double { den == 0 ? 0 : Double(num) / Double(den) }

    /// How much wider than high a pixel is; nil where that isn't told, or makes no sense.
    var pixelAspect: Double? { seconds > 0.1 && seconds < 10 ? seconds : nil }
}

extension Double {
    func clamped(to range: ClosedRange<Double>) -> Double {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
