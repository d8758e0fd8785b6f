import CFFmpeg
import DecodeProtocol
import Glibc

/// The bytes of one media item for FFmpeg: the only way in which FFmpeg gets at anything outside the process.
///
/// The container is read through callbacks on a descriptor that somebody else opened, so no protocol of FFmpeg is ever used:
/// whatever the file's content asks for, it can't open another file or a connection.
@safe
final class FileReader {
    private let descriptor: Int32
    private let size: Int64
    private(set) var context: UnsafeMutablePointer<AVIOContext>?
    /// The number of the first error of the device, 0 if none.
    private(set) var errorNumber: Int32 = 0
    /// Called after each read, so that a slow disk counts as progress.
    var onRead: () -> Void = {}

    private static let bufferSize = 128 * 1024

    /// - Parameter descriptor: of a regular file; it must stay open.
    /// - Throws: `DecodeError` with `readError`, `notMedia` for an empty file, or `outOfMemory`.
    init(_ descriptor: Int32) throws(DecodeError) {
        self.descriptor = descriptor
        // Not fstat(2): glibc makes it of a call that takes paths, which a worker may not make.
        size = Int64(lseek(descriptor, 0, SEEK_END))
        guard size >= 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw .device(errno) }
        guard size > 0 else { throw DecodeError(.notMedia, isRetryable: false, message: "The file is empty.") }
        let buffer = unsafe av_malloc(Self.bufferSize)?.assumingMemoryBound(to: UInt8.self)
        unsafe context = unsafe avio_alloc_context(
            buffer, Int32(Self.bufferSize), 0, Unmanaged.passUnretained(self).toOpaque(),
            { opaque, bytes, count in
                // FFmpeg reads into a buffer that it could not allocate.
                guard let bytes = unsafe bytes else { return -ENOMEM }
                return unsafe Unmanaged<FileReader>.fromOpaque(opaque!).takeUnretainedValue().read(bytes, count)
            }, nil,
            { opaque, offset, whence in
                unsafe Unmanaged<FileReader>.fromOpaque(opaque!).takeUnretainedValue().seek(offset, whence)
            })
        guard let context = unsafe context else {
            unsafe av_free(buffer)
            throw .memory
        }
        unsafe context.pointee.seekable = AVIO_SEEKABLE_NORMAL
    }

    deinit {
        if unsafe context != nil {
            unsafe av_freep(&context!.pointee.buffer)
            unsafe avio_context_free(&context)
        }
    }

    private func read(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int32) -> Int32 {
        while true {
            let received = unsafe Glibc.read(descriptor, bytes, Int(count))
            if received > 0 {
                onRead()
                return Int32(received)
            }
            if received == 0 { return saccade_error_eof }
            if errno == EINTR { continue }
            if errorNumber == 0 { errorNumber = errno }
            return saccade_error_io
        }
    }

    private func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        if whence & AVSEEK_SIZE != 0 { return size }
        return Int64(lseek(descriptor, Int(offset), whence & ~AVSEEK_FORCE))
    }
}

extension DecodeError {
    /// - Parameter number: the device's `errno`.
    static func device(_ number: Int32) -> DecodeError {
        DecodeError(
            .readError, isRetryable: true,
            message: unsafe "Reading the file failed: \(String(cString: strerror(number))).")
    }

    static var memory: DecodeError {
        DecodeError(
            .outOfMemory, isRetryable: true,
            message: "The decode worker's memory limit is too small for this file: raise it, or convert the file.")
    }
}
