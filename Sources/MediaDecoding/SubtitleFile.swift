import CFFmpeg
import DecodeProtocol

/// A file of subtitles, open in FFmpeg's demuxer for its format.
///
/// It is read whole and made UTF-8 first, so that the demuxer reads from memory and nothing else.
@safe
final class SubtitleFile {
    private let memory: TextMemory
    private let format: UnsafeMutablePointer<AVFormatContext>

    /// - Throws: `DecodeError`: as ``FileReader``, `tooLarge` beyond ``TextLimits/fileBytes``, `notMedia` for what the demuxer refuses.
    init(_ descriptor: Int32, format: SubtitleFormat, onRead: @escaping () -> Void) throws(DecodeError) {
        let bytes = try Self.read(descriptor, onRead: onRead)
        memory = try TextMemory(TextEncoding.utf8(bytes[...]))
        guard let demuxer = unsafe av_find_input_format(format.demuxer) else {
            throw DecodeError(
                .unsupported, isRetryable: false, message: "This build of FFmpeg can't read \(format.demuxer) files.")
        }
        guard let context = unsafe avformat_alloc_context() else { throw .memory }
        unsafe context.pointee.pb = unsafe memory.context
        unsafe context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
        unsafe context.pointee.io_open = { _, _, _, _, _ in saccade_error_denied }
        var opening: UnsafeMutablePointer<AVFormatContext>? = unsafe context
        let status = unsafe avformat_open_input(&opening, "", demuxer, nil)
        guard status >= 0, let open = unsafe opening else {
            if status == saccade_error_no_memory { throw .memory }
            throw DecodeError(
                .notMedia, isRetryable: false,
                message: FFmpegLog.shared.explain("It can't be read as \(format.demuxer) subtitles: \(reason(status)).")
            )
        }
        unsafe self.format = unsafe open
    }

    deinit {
        var closing: UnsafeMutablePointer<AVFormatContext>? = unsafe format
        unsafe avformat_close_input(&closing)
    }

    func decoders() -> [SubtitleDecoder] {
        unsafe (0..<Int(format.pointee.nb_streams)).compactMap { place in
            guard let stream = unsafe format.pointee.streams[place] else { return nil }
            return unsafe SubtitleDecoder(stream)
        }
    }

    /// - Returns: false at the end.
    func read(into packet: Packet) -> Bool {
        unsafe packet.withUnsafePacket { unsafe av_read_frame(format, $0) } >= 0
    }

    private static func read(_ descriptor: Int32, onRead: @escaping () -> Void) throws(DecodeError) -> [UInt8] {
        let reader = try FileReader(descriptor)
        reader.onRead = onRead
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= TextLimits.fileBytes {
            let count = unsafe Int(avio_read(reader.context, &piece, Int32(piece.count)))
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        if reader.errorNumber != 0 { throw .device(reader.errorNumber) }
        guard bytes.count <= TextLimits.fileBytes else {
            throw DecodeError(
                .tooLarge, isRetryable: false,
                message: "The file is larger than \(TextLimits.fileBytes >> 20) MiB, which subtitles are not.")
        }
        return bytes
    }
}

extension SubtitleFormat {
    /// FFmpeg's name of the demuxer.
    fileprivate var demuxer: String {
        switch self {
        case .subRip: "srt"
        case .webVTT: "webvtt"
        case .ass: "ass"
        }
    }
}

/// Bytes in memory as a file for FFmpeg.
@safe
private final class TextMemory {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var context: UnsafeMutablePointer<AVIOContext>?

    private static let bufferSize = 32 * 1024

    init(_ bytes: [UInt8]) throws(DecodeError) {
        self.bytes = bytes
        let buffer = unsafe av_malloc(Self.bufferSize)?.assumingMemoryBound(to: UInt8.self)
        unsafe context = unsafe avio_alloc_context(
            buffer, Int32(Self.bufferSize), 0, Unmanaged.passUnretained(self).toOpaque(),
            { opaque, target, count in
                guard let target = unsafe target else { return saccade_error_no_memory }
                return unsafe Unmanaged<TextMemory>.fromOpaque(opaque!).takeUnretainedValue().read(target, Int(count))
            }, nil,
            { opaque, offset, whence in
                unsafe Unmanaged<TextMemory>.fromOpaque(opaque!).takeUnretainedValue().seek(offset, whence)
            })
        guard unsafe context != nil else {
            unsafe av_free(buffer)
            throw .memory
        }
    }

    deinit {
        if unsafe context != nil {
            unsafe av_freep(&context!.pointee.buffer)
            unsafe avio_context_free(&context)
        }
    }

    private func read(_ target: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int32 {
        let part = bytes[position..<min(bytes.count, position + max(0, count))]
        guard !part.isEmpty else { return saccade_error_eof }
        unsafe part.withUnsafeBufferPointer { unsafe target.update(from: $0.baseAddress!, count: $0.count) }
        position += part.count
        return Int32(part.count)
    }

    private func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        if whence & AVSEEK_SIZE != 0 { return Int64(bytes.count) }
        let base: Int64? =
            switch whence & ~AVSEEK_FORCE {
            case 0: 0
            case 1: Int64(position)
            case 2: Int64(bytes.count)
            default: nil
            }
        guard let base, case let (target, overflow) = base.addingReportingOverflow(offset), !overflow,
            (0...Int64(bytes.count)).contains(target)
        else { return -1 }
        position = Int(target)
        return target
    }
}
