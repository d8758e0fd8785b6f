import CFFmpeg
import CKernels

/// What two pictures are compared by when cuts are looked for: coarse planes of luma and chroma, and their histograms.
struct PictureSignature {
    static let lumaColumns = 64
    static let lumaRows = 36
    static let chromaColumns = 32
    static let chromaRows = 18

    /// `lumaRows` × `lumaColumns` and twice `chromaRows` × `chromaColumns` means of blocks.
    let luma: [UInt8]
    let chroma: [[UInt8]]
    private let lumaHistogram: [Float]
    private let chromaHistograms: [[Float]]

    init(luma: [UInt8], chroma: [[UInt8]]) {
        self.luma = luma
        self.chroma = chroma
        lumaHistogram = Self.histogram(luma, bins: 32)
        chromaHistograms = chroma.map { Self.histogram($0, bins: 64) }
    }

    /// How different the picture `next` is, which follows this one: about 0 for the same, and 3 and more across a cut.
    ///
    /// The sum of four measures, each divided by what most cuts between real shots reach: blocks' differences after the best
    /// small shift, so that motion and pans count little; histograms of luma and of chroma, to which motion means nothing;
    /// and the chroma's own difference.
    func difference(to next: PictureSignature) -> Double {
        let blocks = unsafe saccade_shifted_difference_u8(
            luma, next.luma, Int32(Self.lumaColumns), Int32(Self.lumaRows))
        let tones = Self.distance(lumaHistogram, next.lumaHistogram)
        var colours: Float = 0
        var tint: Float = 0
        for plane in 0..<2 {
            colours += Self.distance(chromaHistograms[plane], next.chromaHistograms[plane]) / 2
            tint += Self.meanDifference(chroma[plane], next.chroma[plane]) / 2
        }
        return Double(blocks / 30 + tones / 0.3 + colours / 0.3 + tint / 8)
    }

    /// A histogram in which each value is shared between the two nearest bins, so that a small change of light stays small.
    private static func histogram(_ values: [UInt8], bins: Int) -> [Float] {
        var histogram = [Float](repeating: 0, count: bins)
        let share = 1 / Float(values.count)
        for value in values {
            let place = Float(value) * Float(bins) / 256 - 0.5
            let floor = place.rounded(.down)
            let upper = place - floor
            histogram[max(0, Int(floor))] += share * (1 - upper)
            histogram[min(bins - 1, Int(floor) + 1)] += share * upper
        }
        return histogram
    }

    /// Half the sum of absolute differences: 0 for equal, 1 for disjoint histograms.
    private static func distance(_ first: [Float], _ second: [Float]) -> Float {
        var sum: Float = 0
        for index in first.indices { sum += abs(first[index] - second[index]) }
        return sum / 2
    }

    private static func meanDifference(_ first: [UInt8], _ second: [UInt8]) -> Float {
        var sum = 0
        for index in first.indices { sum += abs(Int(first[index]) - Int(second[index])) }
        return Float(sum) / Float(first.count)
    }
}

/// Makes signatures of decoded pictures.
@safe
final class SignatureMaker {
    private var scaler: OpaquePointer?

    deinit {
        unsafe sws_freeContext(scaler)
    }

    /// - Returns: nil for a picture whose pixel format can't be read.
    func signature(of picture: DecodedFrame) -> PictureSignature? {
        unsafe picture.withUnsafeFrame { unsafe signature(of: $0) }
    }

    private func signature(of frame: UnsafePointer<AVFrame>) -> PictureSignature? {
        let picture = unsafe frame.pointee
        guard let description = unsafe av_pix_fmt_desc_get(AVPixelFormat(picture.format)) else { return nil }
        let format = unsafe description.pointee
        let isPlanarBytes =
            unsafe format.flags & UInt64(AV_PIX_FMT_FLAG_PLANAR) != 0 && format.flags & UInt64(AV_PIX_FMT_FLAG_RGB) == 0
            && format.nb_components >= 3 && format.comp.0.depth == 8 && format.comp.1.plane == 1
        guard isPlanarBytes else { return unsafe scaledSignature(of: frame) }
        let (width, height) = unsafe (Int(picture.width), Int(picture.height))
        let chromaWidth = unsafe max(1, width >> Int(format.log2_chroma_w))
        let chromaHeight = unsafe max(1, height >> Int(format.log2_chroma_h))
        guard let luma = unsafe picture.data.0, let blue = unsafe picture.data.1, let red = unsafe picture.data.2 else {
            return nil
        }
        return unsafe PictureSignature(
            luma: Self.means(
                luma, picture.linesize.0, width, height, PictureSignature.lumaColumns, PictureSignature.lumaRows),
            chroma: [
                Self.means(
                    blue, picture.linesize.1, chromaWidth, chromaHeight, PictureSignature.chromaColumns,
                    PictureSignature.chromaRows),
                Self.means(
                    red, picture.linesize.2, chromaWidth, chromaHeight, PictureSignature.chromaColumns,
                    PictureSignature.chromaRows),
            ])
    }

    /// The way for packed, RGB and deeper formats: a few of their lines are converted.
    private func scaledSignature(of frame: UnsafePointer<AVFrame>) -> PictureSignature? {
        let picture = unsafe frame.pointee
        let (width, height) = (2 * PictureSignature.lumaColumns, 2 * PictureSignature.lumaRows)
        unsafe scaler = unsafe sws_getCachedContext(
            scaler, picture.width, picture.height, AVPixelFormat(picture.format), Int32(width), Int32(height),
            AV_PIX_FMT_YUV444P, SWS_FAST_BILINEAR, nil, nil, nil)
        guard let scaler = unsafe scaler else { return nil }
        let size = width * height
        var pixels = [UInt8](repeating: 0, count: 3 * size + 64)
        let status = unsafe pixels.withUnsafeMutableBufferPointer { pixels in
            let planes: [UnsafeMutablePointer<UInt8>?] = unsafe (0..<3).map {
                unsafe pixels.baseAddress?.advanced(by: $0 * size)
            }
            let strides = [Int32](repeating: Int32(width), count: 3)
            return unsafe withUnsafePointer(to: picture.data) { data in
                unsafe data.withMemoryRebound(to: UnsafePointer<UInt8>?.self, capacity: 8) { data in
                    unsafe withUnsafePointer(to: picture.linesize) { lines in
                        unsafe lines.withMemoryRebound(to: Int32.self, capacity: 8) { lines in
                            unsafe sws_scale(scaler, data, lines, 0, picture.height, planes + [nil], strides + [0])
                        }
                    }
                }
            }
        }
        guard status > 0 else { return nil }
        return unsafe pixels.withUnsafeBufferPointer { pixels in
            guard let base = pixels.baseAddress else { return nil }
            return unsafe PictureSignature(
                luma: Self.means(
                    base, Int32(width), width, height, PictureSignature.lumaColumns, PictureSignature.lumaRows),
                chroma: (1...2).map {
                    unsafe Self.means(
                        base + $0 * size, Int32(width), width, height, PictureSignature.chromaColumns,
                        PictureSignature.chromaRows)
                })
        }
    }

    private static func means(
        _ plane: UnsafePointer<UInt8>, _ stride: Int32, _ width: Int, _ height: Int, _ columns: Int, _ rows: Int
    ) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: columns * rows) { buffer, count in
            unsafe saccade_block_means_u8(
                plane, Int(stride), Int32(width), Int32(height), Int32(columns), Int32(rows), buffer.baseAddress)
            count = columns * rows
        }
    }
}
