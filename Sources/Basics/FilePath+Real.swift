internal import Glibc
package import SystemPackage

extension FilePath {
    /// The absolute path without symbolic links (realpath(3)).
    ///
    /// - Throws: `Errno`.
    package static func realPath(of path: FilePath) throws(Errno) -> FilePath {
        guard let buffer = unsafe path.withPlatformString({ unsafe realpath($0, nil) }) else {
            throw Errno(rawValue: errno)
        }
        defer { unsafe free(buffer) }
        return unsafe FilePath(platformString: buffer)
    }
}
