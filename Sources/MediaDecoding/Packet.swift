import CFFmpeg
import DecodeProtocol

/// A packet of FFmpeg that is held for a while.
@safe
final class Packet {
    private let pointer: UnsafeMutablePointer<AVPacket>

    init() throws(DecodeError) {
        guard let pointer = unsafe av_packet_alloc() else { throw .memory }
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        var freed: UnsafeMutablePointer<AVPacket>? = unsafe pointer
        unsafe av_packet_free(&freed)
    }

    /// For FFmpeg to fill or to decode; the pointer is good for the length of the call.
    func withUnsafePacket<Result>(_ body: (UnsafeMutablePointer<AVPacket>) -> Result) -> Result {
        unsafe body(pointer)
    }

    /// When its picture is displayed, in units of the stream; nil without a timestamp.
    var timestamp: Int64? {
        let timestamp = unsafe pointer.pointee.pts
        return timestamp == saccade_no_timestamp ? nil : timestamp
    }

    /// For how long, in units of the stream; 0 when unknown.
    var duration: Int64 { unsafe pointer.pointee.duration }

    func clear() { unsafe av_packet_unref(pointer) }
}

extension MediaFile {
    /// How this stream's packets are taken apart; nil if its key frames can't be relied upon.
    var inspector: PacketInspector? {
        let parameters = unsafe stream.pointee.codecpar.pointee
        let extra = unsafe UnsafeBufferPointer(start: parameters.extradata, count: Int(parameters.extradata_size))
        return switch unsafe parameters.codec_id {
        case AV_CODEC_ID_H264:
            unsafe .h264(lengthSize: extra.count >= 7 && extra[0] == 1 ? Int(extra[4] & 3) + 1 : 0)
        case AV_CODEC_ID_HEVC:
            unsafe .hevc(lengthSize: extra.count >= 23 && extra[0] == 1 ? Int(extra[21] & 3) + 1 : 0, highestLayer: 0)
        case AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO: .mpeg12
        case AV_CODEC_ID_MPEG4: .mpeg4
        case AV_CODEC_ID_VP8, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1, AV_CODEC_ID_MJPEG, AV_CODEC_ID_PRORES,
            AV_CODEC_ID_DNXHD, AV_CODEC_ID_DVVIDEO, AV_CODEC_ID_JPEG2000, AV_CODEC_ID_THEORA, AV_CODEC_ID_FFV1:
            .keyFlag
        default: nil
        }
    }

    func describe(_ packet: Packet, _ inspector: inout PacketInspector?) -> DecodePlan<Packet>.Description {
        let raw = unsafe packet.withUnsafePacket { unsafe $0.pointee }
        let isKey = unsafe raw.flags & AV_PKT_FLAG_KEY != 0
        let isShown = unsafe raw.flags & AV_PKT_FLAG_DISCARD == 0
        var facts = PacketFacts()
        if unsafe raw.size > 0, let data = unsafe raw.data {
            let bytes = unsafe UnsafeBufferPointer(start: UnsafePointer(data), count: Int(raw.size))
            facts = unsafe inspector?.inspect(bytes.span, isKey: isKey) ?? facts
        }
        let time = unsafe seconds(raw.pts)
        return unsafe DecodePlan.Description(
            time: isShown ? time : nil, decodeTime: seconds(raw.dts), facts: facts,
            bytes: Int(raw.size))
    }

    /// Goes on reading at the last key frame that the index knows at or before `time`, if that is more than `gain` after
    /// `position`; all in seconds.
    func skip(to time: Double, from position: Double, gain: Double) -> Bool {
        let index = unsafe av_index_search_timestamp(stream, timestamp(time), AVSEEK_FLAG_BACKWARD)
        guard index >= 0, let entry = unsafe avformat_index_get_entry(stream, index),
            let at = unsafe seconds(entry.pointee.timestamp), at > position + gain
        else { return false }
        return unsafe av_seek_frame(format, stream.pointee.index, entry.pointee.timestamp, AVSEEK_FLAG_BACKWARD) >= 0
    }
}
