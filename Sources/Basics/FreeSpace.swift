internal import Glibc
package import SystemPackage

/// Room for more in a file system.
package enum FreeSpace {
    /// Bytes that this user may still write in a folder; nil when the system doesn't say.
    package static func bytes(in folder: FilePath) -> Int64? {
        var information = statvfs()
        guard unsafe folder.withPlatformString({ unsafe statvfs($0, &information) }) == 0 else { return nil }
        return Int64(clamping: UInt64(information.f_bavail) &* UInt64(information.f_frsize))
    }
}
