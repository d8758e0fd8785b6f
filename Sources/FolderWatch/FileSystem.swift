package import Basics
package import Catalog
package import SystemPackage

/// What ingest asks of the file system; a fake stands in for it in tests. Every call blocks.
package protocol FileSystem: Sendable {
    /// - Throws: `Errno`. Symbolic links are followed when `followsLinks`.
    func attributes(of path: FilePath, followsLinks: Bool) throws(Errno) -> FileAttributes
    /// The entries of a directory without `.` and `..`, in any order; an entry that vanishes meanwhile may be missing.
    /// - Throws: `Errno`.
    func entries(of directory: FilePath) throws(Errno) -> [DirectoryEntry]
    /// What the file is by its content.
    /// - Throws: `Errno`.
    func identity(of file: FilePath) throws(Errno) -> ContentIdentity
    /// The first bytes of a regular file.
    /// - Throws: `Errno`; `invalidArgument` for what is no regular file.
    func contents(of file: FilePath, limit: Int) throws(Errno) -> [UInt8]
    /// Where a path leads to, without symbolic links.
    /// - Throws: `Errno`.
    func target(of path: FilePath) throws(Errno) -> FilePath
    /// What the file system of a directory is.
    /// - Throws: `Errno`.
    func fileSystem(of directory: FilePath) throws(Errno) -> FileSystemKind
    /// Whether somebody has the file open to write; false where the system can't tell.
    func isOpenForWriting(_ file: FilePath) -> Bool
}

package enum FileKind: Sendable, Equatable {
    case regular, directory, symbolicLink, other
}

package struct FileAttributes: Sendable, Equatable {
    package var kind: FileKind
    package var stamp: FileStamp
    /// When its content or its inode last changed, in seconds since 1970; a program can't set this one.
    package var changedAt: Timestamp

    package init(kind: FileKind, stamp: FileStamp, changedAt: Timestamp) {
        self.kind = kind
        self.stamp = stamp
        self.changedAt = changedAt
    }
}

package struct DirectoryEntry: Sendable, Equatable {
    package var name: FilePath.Component
    /// nil where the file system doesn't tell with the name.
    package var kind: FileKind?

    package init(name: FilePath.Component, kind: FileKind?) {
        self.name = name
        self.kind = kind
    }
}
