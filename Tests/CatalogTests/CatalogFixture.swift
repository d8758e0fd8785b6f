import Basics
import Catalog
import Foundation
import SystemPackage
import TestSupport

/// A catalog in a folder of its own, with what tests do often.
struct CatalogFixture {
    let directory: TemporaryDirectory
    var catalog: Catalog

    init() throws {
        directory = try TemporaryDirectory()
        catalog = try Catalog(state: directory.path, access: .readWrite)
    }

    /// Closes the catalog without a word about work that was begun, and opens it again.
    ///
    /// - Parameters:
    ///   - crash: whether it looks as if its process had ended without closing it.
    ///   - now: when it is opened.
    mutating func reopen(crash: Bool = true, at now: Timestamp = 0) throws {
        catalog.close()
        if crash { try Data("1\n".utf8).write(to: URL(filePath: directory.path.appending("lock").string)) }
        catalog = try Catalog(state: directory.path, access: .readWrite, at: now)
    }

    func index(
        _ digest: String = "a", earlierDigests: [String] = [], storesRerankFeatures: Bool = false
    ) throws -> IndexRecord {
        try catalog.prepareIndex(
            digest: digest, earlierDigests: earlierDigests, dimensions: 4, storesRerankFeatures: storesRerankFeatures,
            model: FilePath("/models/\(digest)"), at: 1)
    }

    /// Keeps a file whose content is `content`.
    @discardableResult
    func file(_ path: FilePath, content: UInt8, root: RootID? = nil, at now: Timestamp = 10) throws -> MediaID {
        try catalog.recordFile(
            path, root: root, stamp: stamp(content), identity: identity(content), at: now
        ).media
    }

    func stamp(_ content: UInt8) -> FileStamp {
        FileStamp(size: 100, modified: 5, device: 1, inode: UInt64(content))
    }

    func identity(_ content: UInt8) -> ContentIdentity {
        ContentIdentity(size: 100, digest: [UInt8](repeating: content, count: ContentIdentity.digestSize))
    }

    func clip(_ media: MediaID, _ ordinal: Int, rerankFeatures: [UInt8]? = nil) -> NewClip {
        NewClip(
            media: media, ordinal: ordinal, start: Double(ordinal), end: Double(ordinal + 1), shot: 0,
            embedding: [Float(ordinal), 0, 0, 1], rerankFeatures: rerankFeatures)
    }
}

extension Catalog {
    /// Where a media item lies.
    func paths(of media: MediaID) throws(CatalogError) -> [FilePath] { try places(of: media).map(\.path) }

    /// What an index holds of the catalog, read from its beginning.
    func embeddings(of index: IndexID) throws -> [EmbeddingRow] {
        var rows: [EmbeddingRow] = []
        var cursor: IndexCursor?
        while let step = try indexChanges(of: index, after: cursor, limit: 3) {
            rows += step.entered
            cursor = step.cursor
            if step.isLevel { break }
        }
        return rows
    }
}
