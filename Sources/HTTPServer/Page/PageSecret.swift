package import SystemPackage

/// The secret of the page's cookies, in a file that only the daemon's user may read.
package enum PageSecret {
    /// Reads the secret, or makes one where there is none. Blocking.
    ///
    /// A file of another length is replaced: a write that was cut off left it.
    ///
    /// - Throws: `Errno`.
    package static func load(_ file: FilePath) throws -> [UInt8] {
        if let known = try read(file), known.count == PageSessions.secretSize { return known }
        let made = PageSessions.randomBytes(PageSessions.secretSize)
        let descriptor = try FileDescriptor.open(
            file, .writeOnly, options: [.create, .truncate, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
        try descriptor.closeAfter { _ = try descriptor.writeAll(made) }
        return made
    }

    private static func read(_ file: FilePath) throws -> [UInt8]? {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(file, .readOnly, options: [.closeOnExec, .nonBlocking, .noFollow])
        } catch Errno.noSuchFileOrDirectory {
            return nil
        }
        return try descriptor.closeAfter {
            try unsafe [UInt8](unsafeUninitializedCapacity: PageSessions.secretSize + 1) { buffer, count in
                count = try unsafe descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }
}
