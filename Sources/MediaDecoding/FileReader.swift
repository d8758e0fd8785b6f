import CFFmpeg
import DecodeProtocol
import Glibc

/// The bytes of one media item for FFmpeg: the only way in which FFmpeg gets at anything outside the process.
///
/// The container is read through callbacks on a descriptor that was opened here, so no protocol of FFmpeg is ever used:
/// whatever the file's content asks for, it can't open another file or a connection.
@safe
final class FileReader {
    private let descriptor: Int32
    private let closesDescriptor: Bool
    private let isSeekable: Bool
    private let size: Int64
    private(set) var context: UnsafeMutablePointer<AVIOContext>?
    /// The number of the first error of the device, 0 if none.
    private(set) var errorNumber: Int32 = 0
    /// Called after each read, so that a slow disk counts as progress.
    var onRead: () -> Void = {}

    private static let bufferSize = 128 * 1024

    /// Opens what the request names.
    /// - Throws: `DecodeError` with `notFound`, `unreadable`, `notMedia` for an empty file, or `outOfMemory`.
    init(_ source: MediaSource) throws(DecodeError) {
        switch source {
        case .path(let bytes):
            let opened = unsafe (bytes.map(CChar.init(bitPattern:)) + [0]).withUnsafeBufferPointer { path in
                unsafe open(path.baseAddress!, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
            }
            guard opened >= 0 else { throw Self.failure(opening: errno) }
            descriptor = opened
            closesDescriptor = true
        case .descriptor(let inherited):
            guard inherited > 2, fcntl(inherited, F_GETFD) >= 0 else {
                throw DecodeError(
                    .badRequest, isRetryable: false,
                    message: "Descriptor \(inherited) was not handed to the decode worker.")
            }
            descriptor = inherited
            closesDescriptor = false
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let number = errno
            if closesDescriptor { close(descriptor) }
            throw Self.failure(opening: number)
        }
        let kind = status.st_mode & S_IFMT
        let isPipe = kind == S_IFIFO && !closesDescriptor
        guard kind == S_IFREG || isPipe else {
            if closesDescriptor { close(descriptor) }
            throw DecodeError(
                .unreadable, isRetryable: false, message: "It is not a regular file.")
        }
        guard isPipe || status.st_size > 0 else {
            if closesDescriptor { close(descriptor) }
            throw DecodeError(
                .notMedia, isRetryable: false, message: "The file is empty.")
        }
        isSeekable = !isPipe
        size = Int64(status.st_size)
        if isSeekable { lseek(descriptor, 0, SEEK_SET) }
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
        unsafe context.pointee.seekable = isSeekable ? AVIO_SEEKABLE_NORMAL : 0
    }

    deinit {
        if unsafe context != nil {
            unsafe av_freep(&context!.pointee.buffer)
            unsafe avio_context_free(&context)
        }
        if closesDescriptor { close(descriptor) }
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
            if errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                unsafe poll(&wait, 1, -1)
                continue
            }
            if errorNumber == 0 { errorNumber = errno }
            return saccade_error_io
        }
    }

    private func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        guard isSeekable else { return -1 }
        if whence & AVSEEK_SIZE != 0 { return size }
        return Int64(lseek(descriptor, Int(offset), whence & ~AVSEEK_FORCE))
    }

    private static func failure(opening number: Int32) -> DecodeError {
        let reason = unsafe String(cString: strerror(number))
        return switch number {
        case ENOENT, ENOTDIR:
            DecodeError(
                .notFound, isRetryable: true, message: "The file is not there (\(reason)).")
        case EACCES, EPERM:
            DecodeError(
                .unreadable, isRetryable: true,
                message: "The file can't be opened (\(reason)): let the user that runs saccade read it.")
        case ELOOP, ENAMETOOLONG, EISDIR:
            DecodeError(
                .unreadable, isRetryable: false, message: "The file can't be opened (\(reason)).")
        default:
            DecodeError(
                .readError, isRetryable: true, message: "The file can't be opened (\(reason)).")
        }
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
