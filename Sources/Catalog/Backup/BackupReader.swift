internal import Basics
internal import Foundation
internal import SystemPackage

/// Reads what ``CatalogBackup`` has made, from its beginning to its end, and believes none of it before its digest is right.
struct BackupReader {
    private static let chunk = 256 << 10
    /// Bytes of `backup.json` and of `SHA256SUMS` at most.
    private static let longestText: Int64 = 64 << 10

    private let path: FilePath
    private let file: FileDescriptor
    let description: BackupDescription
    private var sums: String

    /// Reads the description.
    ///
    /// - Throws: ``CatalogError``: `foreign` for another file, `newerSchema` for a backup of a later version of the program, `damaged`.
    init(_ file: FileDescriptor, path: FilePath) throws(CatalogError) {
        self.file = file
        self.path = path
        // What is too short to be one is another file as well.
        let first: [UInt8]
        do throws(CatalogError) {
            first = try Self.read(TarEntry.blockSize, from: file, path)
        } catch {
            guard error.code == .damaged else { throw error }
            first = []
        }
        guard let header = TarEntry(block: first), header.name == BackupDescription.entryName,
            (1...Self.longestText).contains(header.size)
        else { throw CatalogError(.foreign, "\(path) is no backup that `saccade backup` has made.") }
        let text = try Self.content(of: header, from: file, path)
        do {
            description = try BackupDescription(decoding: text)
        } catch {
            throw Self.damaged(path, "its description can't be read")
        }
        sums = CatalogBackup.line(CatalogBackup.digest(of: text), BackupDescription.entryName)
        guard description.format <= BackupDescription.currentFormat else { throw Self.newer(path, description) }
        let names = description.files.map(\.name)
        guard
            names == [BackupDescription.catalogName]
                || names == [BackupDescription.catalogName, BackupDescription.featuresName],
            description.files.allSatisfy({ $0.bytes > 0 && $0.bytes < Int64.max / 4 })
        else { throw Self.damaged(path, "its description names other files than a backup has") }
        for file in description.files where file.schema > Self.schema(of: file.name).steps.count {
            throw Self.newer(path, description)
        }
    }

    static func schema(of name: String) -> Schema { name == BackupDescription.catalogName ? .catalog : .features }

    /// Hands over the content of each database, and then checks that all of it is what was written.
    ///
    /// - Parameter write: gets the name of the database and the next bytes.
    /// - Throws: what `write` throws; ``CatalogError`` `damaged`.
    mutating func contents(_ write: (String, [UInt8]) throws -> Void) throws {
        for expected in description.files {
            guard let header = TarEntry(block: try Self.read(TarEntry.blockSize, from: file, path)),
                header.name == expected.name, header.size == expected.bytes
            else { throw Self.damaged(path, "\(expected.name) isn't where it should be") }
            var hash = ContentHash()
            var left = header.size
            while left > 0 {
                let bytes = try Self.read(Int(min(left, Int64(Self.chunk))), from: file, path)
                hash.update(bytes)
                try write(expected.name, bytes)
                left -= Int64(bytes.count)
            }
            _ = try Self.read(header.padding, from: file, path)
            sums += CatalogBackup.line(hash.finish(), expected.name)
        }
        guard let header = TarEntry(block: try Self.read(TarEntry.blockSize, from: file, path)),
            header.name == BackupDescription.sumsName, header.size == Int64(sums.utf8.count)
        else { throw Self.damaged(path, "its digests are missing") }
        guard try Self.content(of: header, from: file, path).elementsEqual(sums.utf8) else {
            throw Self.damaged(path, "it isn't what was written: a digest is wrong")
        }
        let end = try Self.read(2 * TarEntry.blockSize, from: file, path)
        guard end.allSatisfy({ $0 == 0 }) else { throw Self.damaged(path, "its end is wrong") }
    }

    private static func content(
        of header: TarEntry, from file: FileDescriptor, _ path: FilePath
    ) throws(CatalogError) -> [UInt8] {
        let content = try read(Int(header.size), from: file, path)
        _ = try read(header.padding, from: file, path)
        return content
    }

    /// - Throws: ``CatalogError`` `damaged` when there aren't that many bytes.
    private static func read(_ count: Int, from file: FileDescriptor, _ path: FilePath) throws(CatalogError) -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got: Int
            do {
                got = try unsafe bytes.withUnsafeMutableBytes { buffer in
                    try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                }
            } catch {
                throw CatalogError(.unreadable, "\(path) can't be read: \(error)")
            }
            guard got > 0 else { throw damaged(path, "it ends early") }
            filled += got
        }
        return bytes
    }

    private static func damaged(_ path: FilePath, _ what: String) -> CatalogError {
        CatalogError(.damaged, "The backup \(path) is damaged: \(what). Nothing was changed; use another backup.")
    }

    private static func newer(_ path: FilePath, _ description: BackupDescription) -> CatalogError {
        CatalogError(
            .newerSchema,
            """
            The backup \(path) was made by a newer version of Saccade (\(description.program.prefix(40))): install that version, \
            or a later one. Nothing was changed.
            """)
    }
}
