import CFFmpeg
import DecodeProtocol

/// Decodes the packets of one text track with FFmpeg's decoder for it.
@safe
final class SubtitleDecoder {
    private let context: UnsafeMutablePointer<AVCodecContext>
    private let stream: UnsafeMutablePointer<AVStream>
    let language: String

    /// Bytes of a packet that may be a line of text.
    private static let longestPacket = 64 << 10
    /// Seconds that a line of unknown duration is taken to stand.
    private static let usualDuration = 3.0
    /// Pictures of text and closed captions within the video are left out.
    private static let codecs = [
        AV_CODEC_ID_SUBRIP, AV_CODEC_ID_SRT, AV_CODEC_ID_ASS, AV_CODEC_ID_SSA, AV_CODEC_ID_MOV_TEXT, AV_CODEC_ID_WEBVTT,
        AV_CODEC_ID_TEXT,
    ]

    /// - Parameter stream: of a container that is open for as long as this is used.
    /// - Returns: nil for a stream that is no text, or that this build of FFmpeg can't decode.
    init?(_ stream: UnsafeMutablePointer<AVStream>) {
        guard let parameters = unsafe stream.pointee.codecpar,
            unsafe parameters.pointee.codec_type == AVMEDIA_TYPE_SUBTITLE,
            unsafe Self.codecs.contains(parameters.pointee.codec_id),
            let codec = unsafe avcodec_find_decoder(parameters.pointee.codec_id),
            let context = unsafe avcodec_alloc_context3(codec)
        else { return nil }
        unsafe avcodec_parameters_to_context(context, parameters)
        unsafe context.pointee.pkt_timebase = unsafe stream.pointee.time_base
        guard unsafe avcodec_open2(context, codec, nil) >= 0 else {
            var freed: UnsafeMutablePointer<AVCodecContext>? = unsafe context
            unsafe avcodec_free_context(&freed)
            return nil
        }
        unsafe self.context = unsafe context
        unsafe self.stream = unsafe stream
        let tags = unsafe MediaTag.all(in: stream.pointee.metadata)
        language = TextCollector.language(tags.first { $0.key.lowercased() == "language" }?.value ?? "")
    }

    deinit {
        var freed: UnsafeMutablePointer<AVCodecContext>? = unsafe context
        unsafe avcodec_free_context(&freed)
    }

    var index: Int32 { unsafe stream.pointee.index }

    /// The lines of one packet, from its beginning to its end in the stream's seconds. A packet that can't be decoded has none.
    func decode(_ packet: Packet) throws(DecodeError) -> (start: Double, end: Double, lines: [String])? {
        guard let timestamp = packet.timestamp else { return nil }
        let unit = unsafe stream.pointee.time_base.seconds
        let start = Double(timestamp) * unit
        let duration = Double(packet.duration) * unit
        guard packet.byteCount <= Self.longestPacket else { return nil }
        let isBoxed = unsafe context.pointee.codec_id == AV_CODEC_ID_MOV_TEXT
        try packet.makeUTF8(isBoxed: isBoxed)
        var subtitle = unsafe AVSubtitle()
        var isThere: Int32 = 0
        let status = unsafe packet.withUnsafePacket {
            unsafe avcodec_decode_subtitle2(context, &subtitle, &isThere, $0)
        }
        guard status >= 0, isThere != 0 else { return nil }
        defer { unsafe avsubtitle_free(&subtitle) }
        let lines = unsafe (0..<Int(subtitle.num_rects)).compactMap { place -> String? in
            guard let event = unsafe subtitle.rects[place]?.pointee.ass else { return nil }
            return unsafe PlainText.ofEvent(String(cString: event))
        }
        return (start, start + (duration > 0 ? duration : Self.usualDuration), lines)
    }
}

extension Packet {
    var byteCount: Int { unsafe withUnsafePacket { unsafe Int($0.pointee.size) } }

    var streamIndex: Int32 { unsafe withUnsafePacket { unsafe $0.pointee.stream_index } }

    /// Converts the packet's text, if it isn't UTF-8: FFmpeg refuses what isn't.
    ///
    /// - Parameter isBoxed: whether the text stands after its length in two bytes, with boxes of style behind it (3GPP timed text,
    ///   TS 26.245, 5.17); a converted text loses them.
    fileprivate func makeUTF8(isBoxed: Bool) throws(DecodeError) {
        let bytes = unsafe withUnsafePacket { packet in
            unsafe [UInt8](UnsafeBufferPointer(start: packet.pointee.data, count: Int(max(0, packet.pointee.size))))
        }
        var text = bytes[...]
        if isBoxed {
            guard bytes.count >= 2 else { return }
            text = bytes[2..<min(bytes.count, 2 + Int(bytes[0]) << 8 + Int(bytes[1]))]
        }
        guard !TextEncoding.isPlainUTF8(text) else { return }
        var converted = TextEncoding.utf8(text)
        if isBoxed {
            converted = Array(converted.prefix(Int(UInt16.max)))
            converted = [UInt8(converted.count >> 8), UInt8(converted.count & 0xFF)] + converted
        }
        try replaceBytes(converted)
    }

    /// Everything else of the packet stays.
    private func replaceBytes(_ bytes: [UInt8]) throws(DecodeError) {
        var replacement = unsafe av_packet_alloc()
        defer { unsafe av_packet_free(&replacement) }
        guard let new = unsafe replacement, unsafe av_new_packet(new, Int32(bytes.count)) >= 0 else { throw .memory }
        unsafe bytes.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe new.pointee.data.update(from: start, count: source.count) }
        }
        unsafe withUnsafePacket { packet in
            unsafe av_packet_copy_props(new, packet)
            unsafe new.pointee.stream_index = unsafe packet.pointee.stream_index
            unsafe av_packet_unref(packet)
            unsafe av_packet_move_ref(packet, new)
        }
    }
}
