/// What tells cheaply that a file is still the one that was seen.
package struct FileStamp: Sendable, Hashable {
    /// In bytes.
    package var size: Int64
    /// Time of last modification in nanoseconds since 1970.
    package var modified: Int64
    package var device: UInt64
    package var inode: UInt64

    package init(size: Int64, modified: Int64, device: UInt64, inode: UInt64) {
        self.size = size
        self.modified = modified
        self.device = device
        self.inode = inode
    }

    /// Whether nothing says that the content is another one. The device's number may change with each mount.
    package func isSameContent(as other: FileStamp) -> Bool {
        size == other.size && modified == other.modified && inode == other.inode
    }
}
