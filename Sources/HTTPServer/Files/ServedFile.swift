/// An opened file of a media item, whose content is the one that was indexed.
package struct ServedFile: Sendable {
    /// In bytes.
    package var size: Int64
    package var contentType: String
    /// What changes with the content.
    package var digest: String
    /// The bytes from an offset on, as many as asked for or up to the file's end; none when it was cut meanwhile.
    package var read: @Sendable (_ offset: Int64, _ count: Int) async throws -> [UInt8]

    package init(
        size: Int64, contentType: String, digest: String,
        read: @escaping @Sendable (_ offset: Int64, _ count: Int) async throws -> [UInt8]
    ) {
        self.size = size
        self.contentType = contentType
        self.digest = digest
        self.read = read
    }
}
