/// What a file system is, as far as it decides whether inotify tells all that changes on it.
package enum FileSystemKind: Sendable, Hashable {
    /// All changes come through this kernel.
    case local
    /// Others change it as well; its name in words.
    case shared(String)
    /// On a medium that can be taken out; its name in words.
    case removable(String)

    /// - Parameters:
    ///   - magic: `f_type` of statfs(2), as in `linux/magic.h`.
    ///   - isRemovable: whether its device says so.
    package init(magic: UInt32, isRemovable: Bool) {
        if let name = Self.shared[magic] {
            self = .shared(name)
        } else if isRemovable {
            self = .removable(Self.portable[magic] ?? "removable disk")
        } else {
            self = .local
        }
    }

    /// Why it is polled, in words; nil where it needn't be.
    package var pollingReason: String? {
        switch self {
        case .local: nil
        case .shared(let name), .removable(let name): name
        }
    }

    private static let shared: [UInt32: String] = [
        0x6969: "NFS", 0x517B: "SMB", 0xFF53_4D42: "SMB", 0xFE53_4D42: "SMB", 0x6573_5546: "FUSE", 0x0102_1997: "9P",
        0x00C3_6400: "Ceph", 0x5346_414F: "AFS", 0x6B41_4653: "AFS", 0x7375_7245: "Coda", 0x564C: "NCP",
        0x7461_636F: "OCFS2", 0x0116_1970: "GFS2", 0x0BD0_0BD0: "Lustre", 0x4750_4653: "GPFS",
        0x786F_4256: "VirtualBox folder", 0xBACB_ACBC: "VMware folder", 0x7C7C_6673: "Parallels folder",
        0x00C0_FFEE: "hostfs",
    ]
    private static let portable: [UInt32: String] = [0x4D44: "removable FAT", 0x2011_BAB0: "removable exFAT"]
}
