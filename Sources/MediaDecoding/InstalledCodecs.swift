private import CFFmpeg

/// Which of the formats that Saccade promises the installed FFmpeg can decode.
package enum InstalledCodecs {
    /// FFmpeg's names of them.
    package static let promised = [
        "h264", "hevc", "vp8", "vp9", "av1", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "prores", "gif", "png",
        "webp",
        "bmp", "tiff",
    ]

    /// Whether there is a decoder for a codec of that name.
    package static func canDecode(_ name: String) -> Bool {
        guard let descriptor = unsafe avcodec_descriptor_get_by_name(name) else { return false }
        return unsafe avcodec_find_decoder(descriptor.pointee.id) != nil
    }
}
