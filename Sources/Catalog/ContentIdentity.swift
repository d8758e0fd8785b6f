/// What a media file is, wherever it lies: its size and a digest of its head, middle and tail.
///
/// Two files of one identity are one media item with two paths. Bytes between the three regions are not looked at: two files
/// of the same size that differ only there are taken for the same media, and the second is not decoded. The digest
/// itself is cryptographic, so no other pair of files can meet in it by accident or by design.
package struct ContentIdentity: Sendable, Hashable {
    /// Bytes in ``digest``.
    package static let digestSize = 16

    /// Size of the file in bytes.
    package let size: Int64
    /// The first 16 bytes of SHA-256 over the regions.
    package let digest: [UInt8]

    package init(size: Int64, digest: [UInt8]) {
        self.size = size
        self.digest = digest
    }
}
