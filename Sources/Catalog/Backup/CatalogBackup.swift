internal import Basics
internal import Foundation
internal import Synchronization

/// The bytes of a backup: both databases as they were at one moment, as a tar file.
///
/// `backup.json` says what it is (``BackupDescription``), then come the databases, then `SHA256SUMS` with the digest of each file before it. So
/// `tar -xf` and `sha256sum -c` can do what ``CatalogRestore`` does.
package final class CatalogBackup: Sendable {
    private enum Phase {
        case description
        case header(Int)
        case content(Int, read: Int64)
        case sums
        case ended
    }

    private struct State: ~Copyable {
        var phase = Phase.description
        var hash = ContentHash()
        var sums = ""
    }

    /// Bytes that are read at once.
    private static let chunk = 256 << 10

    package let description: BackupDescription
    private let snapshot: CatalogSnapshot
    private let state = Mutex(State())

    init(of snapshot: CatalogSnapshot, program: String, at now: Timestamp) {
        self.snapshot = snapshot
        description = BackupDescription(
            program: program, created: Date(timeIntervalSince1970: now.rounded(.down)),
            files: snapshot.parts.map { .init(name: $0.name, bytes: $0.bytes, schema: $0.schema) })
    }

    /// The next bytes; nil when there are no more. Blocks on the disk.
    ///
    /// - Throws: ``CatalogError`` `unreadable`.
    package func next() throws(CatalogError) -> [UInt8]? {
        do {
            return try state.withLock { try step(&$0) }
        } catch let error as CatalogError {
            throw error
        } catch {
            throw CatalogError(.unreadable, "The backup can't be made: \(error)")
        }
    }

    private func step(_ state: inout State) throws -> [UInt8]? {
        switch state.phase {
        case .description:
            let text = try description.encoded()
            state.sums += Self.line(Self.digest(of: text), BackupDescription.entryName)
            state.phase = .header(0)
            return entry(BackupDescription.entryName, text)
        case .header(let place) where place == snapshot.parts.count:
            state.phase = .sums
            return try step(&state)
        case .header(let place):
            let part = snapshot.parts[place]
            state.hash = ContentHash()
            state.phase = .content(place, read: 0)
            return header(part.name, part.bytes).block
        case .content(let place, let read):
            let part = snapshot.parts[place]
            guard read < part.bytes else {
                var hash = ContentHash()
                swap(&hash, &state.hash)
                state.sums += Self.line(hash.finish(), part.name)
                state.phase = .header(place + 1)
                return [UInt8](repeating: 0, count: header(part.name, part.bytes).padding)
            }
            let bytes = try snapshot.read(part, at: read, count: Int(min(Int64(Self.chunk), part.bytes - read)))
            guard !bytes.isEmpty else {
                throw CatalogError(.unreadable, "\(part.name) became shorter while it was read: try again.")
            }
            state.hash.update(bytes)
            state.phase = .content(place, read: read + Int64(bytes.count))
            return bytes
        case .sums:
            state.phase = .ended
            snapshot.end()
            // Two empty blocks end a tar file.
            return entry(BackupDescription.sumsName, Array(state.sums.utf8))
                + [UInt8](repeating: 0, count: 2 * TarEntry.blockSize)
        case .ended:
            return nil
        }
    }

    /// Lets the databases' files change again, when the rest isn't wanted.
    package func end() { snapshot.end() }

    private func header(_ name: String, _ size: Int64) -> TarEntry {
        TarEntry(name: name, size: size, modified: Int64(description.created.timeIntervalSince1970))
    }

    private func entry(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let header = header(name, Int64(content.count))
        return header.block + content + [UInt8](repeating: 0, count: header.padding)
    }

    static func digest(of bytes: [UInt8]) -> [UInt8] {
        var hash = ContentHash()
        hash.update(bytes)
        return hash.finish()
    }

    /// As `sha256sum` writes it.
    static func line(_ digest: [UInt8], _ name: String) -> String {
        "\(ContentHash.hexadecimal(digest))  \(name)\n"
    }
}

extension Catalog {
    /// Begins a backup of the catalog as it is now. Searches and ingest go on while its bytes are asked for.
    ///
    /// What ingest writes meanwhile takes room in the write-ahead logs until the backup has ended.
    ///
    /// - Parameters:
    ///   - hasFeatures: whether the rerank features are wanted, most of its bytes; without them they are made again after a restore.
    ///   - program: the version of this program.
    /// - Throws: ``CatalogError``.
    package func backup(
        withRerankFeatures hasFeatures: Bool, program: String, at now: Timestamp
    ) throws(CatalogError) -> CatalogBackup {
        CatalogBackup(of: try snapshot(withRerankFeatures: hasFeatures), program: program, at: now)
    }
}
