import CFFmpeg
import DecodeProtocol

/// Scales decoded pictures of any size and pixel format to RGB.
///
/// Bicubic over the whole footprint of an output pixel, which smooths when it shrinks, with the frame's own matrix and range.
/// A frame that names no matrix is taken for BT.601, as the ffmpeg program does, so that both see the same pixels.
@safe
final class PictureScaler {
    private var scaler: OpaquePointer?

    /// swscale's filters reach no further than 256 source pixels: beyond this ratio, whole pixels are left out first.
    private static let largestRatio = 32

    deinit {
        unsafe sws_freeContext(scaler)
    }

    /// - Returns: row-major RGB, `height` × `width` × 3 bytes, not turned.
    /// - Throws: `DecodeFailure` with `unsupported` for a pixel format that can't be converted, or `outOfMemory`.
    func rgb(
        _ frame: UnsafeMutablePointer<AVFrame>, width: Int, height: Int
    ) throws(DecodeFailure) -> [UInt8] {
        let source = unsafe frame.pointee
        guard let format = unsafe PixelFormat(source.format) else { throw unsafe Self.unconvertible(source) }
        unsafe scaler = unsafe sws_getCachedContext(
            scaler, source.width, source.height, format.scaled, Int32(width), Int32(height), AV_PIX_FMT_RGB24,
            SWS_BICUBIC, nil, nil, nil)
        guard let scaler = unsafe scaler else { throw unsafe Self.unconvertible(source) }
        let isFullRange = unsafe format.isFullRange || source.color_range == AVCOL_RANGE_JPEG
        unsafe sws_setColorspaceDetails(
            scaler, sws_getCoefficients(Int32(source.colorspace.rawValue)), isFullRange ? 1 : 0,
            sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16)
        var status: Int32 = 0
        let pixels = unsafe [UInt8](unsafeUninitializedCapacity: width * height * 3 + Self.overrun) { buffer, count in
            var planes: [UnsafeMutablePointer<UInt8>?] = unsafe [buffer.baseAddress, nil, nil, nil]
            var strides: [Int32] = [Int32(width * 3), 0, 0, 0]
            status = unsafe withUnsafePointer(to: source.data) { data in
                unsafe data.withMemoryRebound(to: UnsafePointer<UInt8>?.self, capacity: 8) { data in
                    unsafe withUnsafePointer(to: source.linesize) { lines in
                        unsafe lines.withMemoryRebound(to: Int32.self, capacity: 8) { lines in
                            unsafe sws_scale(scaler, data, lines, 0, source.height, &planes, &strides)
                        }
                    }
                }
            }
            count = width * height * 3
        }
        guard status > 0 else { throw unsafe Self.unconvertible(source) }
        return pixels
    }

    /// swscale's vector code writes whole vectors at the end of the last row.
    private static let overrun = 64

    private static func unconvertible(_ frame: AVFrame) -> DecodeFailure {
        let name =
            unsafe av_get_pix_fmt_name(AVPixelFormat(frame.format)).map { unsafe String(cString: $0) }
            ?? "\(frame.format)"
        return DecodeFailure(
            code: .unsupported, isRetryable: false,
            message:
                unsafe "A picture of \(frame.width)x\(frame.height) px in the format \(name) can't be converted to RGB."
        )
    }
}

/// A pixel format, with the obsolete "full range" ones taken apart into format and range.
private struct PixelFormat {
    let scaled: AVPixelFormat
    let isFullRange: Bool

    init?(_ raw: Int32) {
        let format = AVPixelFormat(raw)
        let plain: [(AVPixelFormat, AVPixelFormat)] = [
            (AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P), (AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P),
            (AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P), (AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUV440P),
            (AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV411P),
        ]
        let match = plain.first { $0.0 == format }
        scaled = match?.1 ?? format
        isFullRange = match != nil
        guard sws_isSupportedInput(scaled) > 0 else { return nil }
    }
}
