import CFFmpeg
import CKernels
import DecodeProtocol

/// Scales decoded pictures of any size and pixel format to RGB, upright.
///
/// With the frame's own matrix and range; a frame that names no matrix is taken for BT.601, as the ffmpeg program does,
/// so that both see the same pixels.
@safe
final class PictureScaler {
    /// A rectangle of a picture, in pixels.
    struct Part {
        var left = 0
        var top = 0
        var width: Int
        var height: Int
    }

    private var scaler: OpaquePointer?
    /// Pictures that have yet to be turned or cut.
    private var scratch: [UInt8] = []
    /// Pictures that have yet to be resampled, as large as they are coded.
    private var whole: [UInt8] = []

    /// Pixels of the largest picture that is resampled as Pillow does it, for which it is converted as a whole: 100 MB. Larger ones are
    /// left to swscale.
    private static let mostResampled = 1 << 25

    /// How much longer than the shorter side the scaled side of a covering picture is at most: a strip is cut before it
    /// is scaled.
    private static let longestCover = 4.0

    deinit {
        unsafe sws_freeContext(scaler)
    }

    /// A picture as a model gets it.
    /// - Returns: row-major RGB, `side` × `side` × 3 bytes.
    /// - Throws: `DecodeError` with `unsupported` for a pixel format that can't be converted, or `outOfMemory`.
    func rgb(
        _ picture: DecodedFrame, _ geometry: FrameGeometry, _ display: Display
    ) throws(DecodeError) -> [UInt8] {
        let side = geometry.side
        let orientation = display.orientation
        switch geometry.fit {
        case .squash:
            return try rgb(picture, width: side, height: side, orientation: orientation, filter: geometry.filter)
        case .cover:
            let picture = try shortened(picture, display.pixelAspect)
            let (columns, rows) = (Double(picture.width) * display.pixelAspect, Double(picture.height))
            // The longer side is rounded down and what is cut off before it too, as Hugging Face's preprocessing of
            // CLIP does.
            let longer = Double(side) * max(columns, rows) / min(columns, rows)
            // Where a strip could not be cut exactly, it is squashed to this.
            let longest = Double(side) * Self.longestCover * 1.5
            let long = max(side, Int(min(longer, longest)))
            let (width, height) = columns < rows ? (side, long) : (long, side)
            let turned = orientation.turned(width: width, height: height)
            let part = Part(
                left: (turned.width - side) / 2, top: (turned.height - side) / 2, width: side, height: side)
            return try rgb(
                picture, width: width, height: height, orientation: orientation, part: part, filter: geometry.filter)
        }
    }

    /// A picture scaled to `width` × `height` px, turned after that, and of that the `part` alone.
    /// - Returns: row-major RGB, 3 bytes a pixel.
    /// - Throws: `DecodeError` with `unsupported` or `outOfMemory`.
    func rgb(
        _ picture: DecodedFrame, width: Int, height: Int, orientation: Orientation, part: Part? = nil,
        filter: FrameGeometry.Filter = .bicubic
    ) throws(DecodeError) -> [UInt8] {
        let count = width * height * 3
        let turned = orientation.turned(width: width, height: height)
        let part = part ?? Part(width: turned.width, height: turned.height)
        var failure: DecodeError?
        // swscale writes into the array that leaves, unless the picture has to be turned or cut: that is one copy.
        if orientation == .upright, part.width == width, part.height == height {
            let pixels = unsafe [UInt8](unsafeUninitializedCapacity: count + Self.overrun) { buffer, written in
                failure = unsafe scale(picture, width, height, filter, to: buffer)
                written = count
            }
            if let failure { throw failure }
            return pixels
        }
        if scratch.count < count + Self.overrun { scratch = [UInt8](repeating: 0, count: count + Self.overrun) }
        failure = unsafe scratch.withUnsafeMutableBufferPointer { unsafe scale(picture, width, height, filter, to: $0) }
        if let failure { throw failure }
        return unsafe [UInt8](unsafeUninitializedCapacity: part.width * part.height * 3) { buffer, written in
            unsafe scratch.withUnsafeBufferPointer {
                unsafe orientation.copy($0, width: width, height: height, part: part, to: buffer)
            }
            written = part.width * part.height * 3
        }
    }

    /// The middle of a picture whose one side is many times the other.
    private func shortened(_ picture: DecodedFrame, _ pixelAspect: Double) throws(DecodeError) -> DecodedFrame {
        let (width, height) = (Double(picture.width) * pixelAspect, Double(picture.height))
        let longest = Self.longestCover * min(width, height)
        guard max(width, height) > longest else { return picture }
        return try picture.middle(
            width: width > longest ? Int((longest / pixelAspect).rounded(.up)) : picture.width,
            height: height > longest ? Int(longest.rounded(.up)) : picture.height)
    }

    /// - Parameter pixels: `height` × `width` × 3 bytes and ``overrun`` more.
    private func scale(
        _ picture: DecodedFrame, _ width: Int, _ height: Int, _ filter: FrameGeometry.Filter,
        to pixels: UnsafeMutableBufferPointer<UInt8>
    ) -> DecodeError? {
        switch filter {
        case .area: return unsafe scale(picture, width, height, flags: SWS_AREA, to: pixels)
        case .bilinear: return unsafe scale(picture, width, height, flags: SWS_BILINEAR, to: pixels)
        case .bicubic: return unsafe scale(picture, width, height, flags: SWS_BICUBIC, to: pixels)
        case .pillowBilinear, .pillowBicubic:
            let isCubic = filter == .pillowBicubic
            guard picture.width * picture.height <= Self.mostResampled else {
                return unsafe scale(picture, width, height, flags: isCubic ? SWS_BICUBIC : SWS_BILINEAR, to: pixels)
            }
            return unsafe resample(picture, width, height, isCubic: isCubic, to: pixels)
        }
    }

    private func resample(
        _ picture: DecodedFrame, _ width: Int, _ height: Int, isCubic: Bool,
        to pixels: UnsafeMutableBufferPointer<UInt8>
    ) -> DecodeError? {
        let count = picture.width * picture.height * 3 + Self.overrun
        if whole.count < count { whole = [UInt8](repeating: 0, count: count) }
        // Every pixel with a chroma of its own, as decoders of photographs make them.
        let flags = SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_ACCURATE_RND
        return unsafe whole.withUnsafeMutableBufferPointer { whole in
            if let failure = unsafe scale(picture, picture.width, picture.height, flags: flags, to: whole) {
                return failure
            }
            let done = unsafe saccade_resample_rgb_u8(
                whole.baseAddress, Int32(picture.width), Int32(picture.height), pixels.baseAddress, Int32(width),
                Int32(height), isCubic ? 1 : 0)
            return done == 1
                ? nil
                : DecodeError(.outOfMemory, isRetryable: true, message: "There is no memory to resample a picture.")
        }
    }

    private func scale(
        _ picture: DecodedFrame, _ width: Int, _ height: Int, flags: Int32, to pixels: UnsafeMutableBufferPointer<UInt8>
    ) -> DecodeError? {
        return unsafe picture.withUnsafeFrame { frame -> DecodeError? in
            let source = unsafe frame.pointee
            guard let format = unsafe PixelFormat(source.format) else { return unsafe Self.unconvertible(source) }
            unsafe scaler = unsafe sws_getCachedContext(
                scaler, source.width, source.height, format.scaled, Int32(width), Int32(height), AV_PIX_FMT_RGB24,
                flags, nil, nil, nil)
            guard let scaler = unsafe scaler else { return unsafe Self.unconvertible(source) }
            let isFullRange = unsafe format.isFullRange || source.color_range == AVCOL_RANGE_JPEG
            unsafe sws_setColorspaceDetails(
                scaler, sws_getCoefficients(Int32(source.colorspace.rawValue)), isFullRange ? 1 : 0,
                sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16)
            var planes: [UnsafeMutablePointer<UInt8>?] = unsafe [pixels.baseAddress, nil, nil, nil]
            var strides: [Int32] = [Int32(width * 3), 0, 0, 0]
            let status = unsafe withUnsafePointer(to: source.data) { data in
                unsafe data.withMemoryRebound(to: UnsafePointer<UInt8>?.self, capacity: 8) { data in
                    unsafe withUnsafePointer(to: source.linesize) { lines in
                        unsafe lines.withMemoryRebound(to: Int32.self, capacity: 8) { lines in
                            unsafe sws_scale(scaler, data, lines, 0, source.height, &planes, &strides)
                        }
                    }
                }
            }
            return status > 0 ? nil : unsafe Self.unconvertible(source)
        }
    }

    /// swscale's vector code writes whole vectors at the end of the last row.
    private static let overrun = 64

    private static func unconvertible(_ frame: AVFrame) -> DecodeError {
        let name =
            unsafe av_get_pix_fmt_name(AVPixelFormat(frame.format)).map { unsafe String(cString: $0) }
            ?? "\(frame.format)"
        return DecodeError(
            .unsupported, isRetryable: false,
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
