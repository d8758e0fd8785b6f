import CFFmpeg
import DecodeProtocol

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
