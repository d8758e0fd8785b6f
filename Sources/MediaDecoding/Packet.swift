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

/// What a packet's bytes tell before it is decoded: whether anything depends on it, and whether decoding can begin at it.
package struct PacketFacts: Equatable {
    /// No other picture refers to it.
    package var isDisposable: Bool
    /// Nothing that follows it in decoding order and is displayed after it refers to anything before it.
    package var isEntry: Bool

    package init(isDisposable: Bool = false, isEntry: Bool = false) {
        self.isDisposable = isDisposable
        self.isEntry = isEntry
    }
}

/// How the coded pictures of a stream are taken apart.
package enum PacketInspector: Equatable {
    /// H.264, with NAL units after lengths of so many bytes, or after start codes for 0.
    case h264(lengthSize: Int)
    /// H.265, likewise. `highestLayer` is the highest temporal layer that was seen.
    case hevc(lengthSize: Int, highestLayer: Int)
    case mpeg12
    case mpeg4
    /// Codecs whose key frames are entries and whose other pictures all count as referred to.
    case keyFlag

    /// - Parameter isKey: the container's mark of a key frame.
    package mutating func inspect(_ bytes: Span<UInt8>, isKey: Bool) -> PacketFacts {
        switch self {
        case .h264(let lengthSize): return Self.inspectH264(bytes, lengthSize, isKey)
        case .hevc(let lengthSize, var highest):
            let facts = Self.inspectHEVC(bytes, lengthSize, isKey, &highest)
            self = .hevc(lengthSize: lengthSize, highestLayer: highest)
            return facts
        case .mpeg12: return Self.inspectMPEG12(bytes, isKey)
        case .mpeg4: return Self.inspectMPEG4(bytes, isKey)
        case .keyFlag: return PacketFacts(isEntry: isKey)
        }
    }

    /// Rec. ITU-T H.264, 7.3.1: `nal_ref_idc` is 0 in all slices of a picture that nothing refers to. An entry is an IDR
    /// picture only: a recovery point may need the pictures before it for a while.
    private static func inspectH264(_ bytes: Span<UInt8>, _ lengthSize: Int, _ isKey: Bool) -> PacketFacts {
        var slices = 0
        var references = 0
        var isIDR = false
        var hasParameters = false
        forEachUnit(bytes, lengthSize) { start in
            switch bytes[start] & 0x1F {
            case 1...5:
                slices += 1
                references += bytes[start] & 0x60 != 0 ? 1 : 0
                isIDR = isIDR || bytes[start] & 0x1F == 5
            case 7, 8: hasParameters = true
            default: break
            }
        }
        return PacketFacts(
            isDisposable: slices > 0 && references == 0 && !hasParameters && !isKey, isEntry: isKey && isIDR)
    }

    /// Rec. ITU-T H.265, 7.4.2.2: the even types below 16 are sub-layer non-reference pictures, to which only higher temporal
    /// layers could refer; 16 to 21 are intra random access points.
    private static func inspectHEVC(
        _ bytes: Span<UInt8>, _ lengthSize: Int, _ isKey: Bool, _ highest: inout Int
    ) -> PacketFacts {
        var slices = 0
        var references = 0
        var isRandomAccess = false
        var hasParameters = false
        var layers = highest
        forEachUnit(bytes, lengthSize) { start in
            guard start + 1 < bytes.count else { return }
            let type = bytes[start] >> 1 & 0x3F
            let layer = Int(bytes[start + 1] & 0x07) - 1
            switch type {
            case 0..<32:
                slices += 1
                layers = max(layers, layer)
                references += type < 16 && type % 2 == 0 && layer >= layers ? 0 : 1
                isRandomAccess = isRandomAccess || (16...21).contains(type)
            case 32...34: hasParameters = true
            default: break
            }
        }
        highest = layers
        return PacketFacts(
            isDisposable: slices > 0 && references == 0 && !hasParameters && !isKey, isEntry: isKey && isRandomAccess)
    }

    /// ISO/IEC 13818-2, 6.2.3: `picture_coding_type` 3 is a B-picture, to which nothing refers.
    private static func inspectMPEG12(_ bytes: Span<UInt8>, _ isKey: Bool) -> PacketFacts {
        var pictures = 0
        var bidirectional = 0
        forEachStartCode(bytes) { code, start in
            if code == 0xB3 { pictures += 2 }
            guard code == 0, start + 1 < bytes.count else { return }
            pictures += 1
            if bytes[start + 1] >> 3 & 7 == 3 { bidirectional += 1 }
        }
        return PacketFacts(isDisposable: pictures == 1 && bidirectional == 1 && !isKey, isEntry: isKey)
    }

    /// ISO/IEC 14496-2, 6.2.5: `vop_coding_type` 2 is a B-VOP. A packet of two VOPs is "packed" and is left alone.
    private static func inspectMPEG4(_ bytes: Span<UInt8>, _ isKey: Bool) -> PacketFacts {
        var pictures = 0
        var bidirectional = 0
        forEachStartCode(bytes) { code, start in
            guard code == 0xB6, start < bytes.count else { return }
            pictures += 1
            if bytes[start] >> 6 == 2 { bidirectional += 1 }
        }
        return PacketFacts(isDisposable: pictures == 1 && bidirectional == 1 && !isKey, isEntry: isKey)
    }

    /// Calls `body` with the place of each NAL unit's first byte. Broken lengths end the walk.
    private static func forEachUnit(_ bytes: Span<UInt8>, _ lengthSize: Int, _ body: (Int) -> Void) {
        guard lengthSize > 0 else {
            // The byte after the start code is the unit's first.
            return forEachStartCode(bytes) { _, start in body(start - 1) }
        }
        var position = 0
        while position + lengthSize < bytes.count {
            var length = 0
            for offset in 0..<lengthSize { length = length << 8 | Int(bytes[position + offset]) }
            position += lengthSize
            guard length > 0, length <= bytes.count - position else { return }
            body(position)
            position += length
        }
    }

    /// Calls `body` with the byte after each 00 00 01, and the place that follows that byte.
    private static func forEachStartCode(_ bytes: Span<UInt8>, _ body: (UInt8, Int) -> Void) {
        var position = 0
        while position + 3 < bytes.count {
            // The third byte tells how far the next start code must be away.
            switch bytes[position + 2] {
            case 0: position += 1
            case 1:
                if bytes[position] == 0, bytes[position + 1] == 0 {
                    body(bytes[position + 3], position + 4)
                }
                position += 3
            default: position += 3
            }
        }
    }
}
