import CFFmpeg
import DecodeProtocol

/// A packet of FFmpeg that is held for a while.
@safe
final class Packet {
    let pointer: UnsafeMutablePointer<AVPacket>

    init() throws(DecodeFailure) {
        guard let pointer = unsafe av_packet_alloc() else { throw .memory }
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        var freed: UnsafeMutablePointer<AVPacket>? = unsafe pointer
        unsafe av_packet_free(&freed)
    }
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
        let raw = unsafe packet.pointer.pointee
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

    /// Whether each wanted time has a key frame within `tolerance` (s), as far as the container's index tells.
    func hasKeyFrames(near sampling: FrameSampling) -> Bool {
        let count = unsafe avformat_index_get_entries_count(stream)
        let unit = unsafe stream.pointee.time_base.seconds
        guard count > 0, unit > 0, let first = unsafe avformat_index_get_entry(stream, 0) else { return false }
        // An index holds times of decoding; the first one's delay is taken for all.
        let shown = unsafe stream.pointee.start_time
        let delay = unsafe shown == saccade_no_timestamp ? 0 : shown - first.pointee.timestamp
        var keys: [Double] = []
        for index in 0..<count {
            guard let entry = unsafe avformat_index_get_entry(stream, index) else { break }
            if unsafe entry.pointee.flags & AVINDEX_KEYFRAME != 0,
                let time = unsafe seconds(entry.pointee.timestamp + delay)
            {
                keys.append(time)
            }
        }
        let end = unsafe min(sampling.end ?? .infinity, Double(format.pointee.duration) / Double(AV_TIME_BASE))
        guard let last = keys.last, end > 0, end < Timeline.longestMedia else { return false }
        var key = 0
        var wanted = sampling.start
        while wanted < end {
            while key + 1 < keys.count, abs(keys[key + 1] - wanted) <= abs(keys[key] - wanted) { key += 1 }
            guard abs(keys[key] - wanted) <= sampling.tolerance else { return false }
            wanted += 1 / sampling.framesPerSecond
        }
        return last > 0 || keys.count == 1
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
