package import Basics
package import DecodeProtocol
import Glibc
package import SystemPackage

extension FileOpener {
    /// Opens a media file, or a file of subtitles, for a worker, which opens nothing itself.
    ///
    /// - Throws: `DecodeError` with `notFound`, `unreadable` or `readError`.
    package func openMedia(_ path: FilePath) throws(DecodeError) -> FileDescriptor {
        let descriptor: FileDescriptor
        do throws(Errno) {
            descriptor = try open(path)
        } catch {
            throw Self.failure(error)
        }
        var status = stat()
        guard unsafe fstat(descriptor.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            try? descriptor.close()
            throw DecodeError(.unreadable, isRetryable: false, message: "It is not a regular file.")
        }
        return descriptor
    }

    private static func failure(_ error: Errno) -> DecodeError {
        switch error {
        case .noSuchFileOrDirectory, .notDirectory:
            DecodeError(.notFound, isRetryable: true, message: "The file is not there (\(error)).")
        case .permissionDenied, .notPermitted:
            DecodeError(
                .unreadable, isRetryable: true,
                message: "The file can't be opened (\(error)): let the user that runs saccade read it.")
        case .improperLink:
            DecodeError(
                .unreadable, isRetryable: false,
                message: "A link on its path leads out of the watched folder: put the file itself there, or set "
                    + "ingest.follow_links if the link is the file's own.")
        case .tooManySymbolicLinkLevels, .fileNameTooLong, .isDirectory:
            DecodeError(.unreadable, isRetryable: false, message: "The file can't be opened (\(error)).")
        default:
            DecodeError(.readError, isRetryable: true, message: "The file can't be opened (\(error)).")
        }
    }
}
