internal import Basics
package import Catalog
internal import SystemPackage

/// Files that were indexed by name and lie in no root: nobody tells what becomes of them, so they are looked for.
///
/// One is gone when it is missing although its folder is there, on the file system that the file was on. While the folder
/// is away, or can't be looked into, the file is offline.
package struct StandaloneFiles: Sendable {
    package let catalog: Catalog
    package let files: any FileSystem

    package init(catalog: Catalog, files: any FileSystem = LinuxFileSystem()) {
        self.catalog = catalog
        self.files = files
    }

    /// Those that are gone. Blocking; a system call or two a file.
    ///
    /// - Throws: ``CatalogError``.
    package func gone() throws -> [MediaFile] {
        try look().gone
    }

    /// Makes tombstones of those that are gone. Blocking.
    ///
    /// - Parameters:
    ///   - renumbered: the numbers that file systems have now, by those that they had, as far as files say that were looked at before.
    ///   - isStopped: is asked often; nothing is given up once it says so.
    /// - Returns: as ``Catalog/removeFiles(_:at:)``.
    /// - Throws: ``CatalogError``.
    package func giveUpGone(
        at now: Timestamp, renumbered: [UInt64: UInt64] = [:], isStopped: () -> Bool = { false }
    ) throws -> [MediaID] {
        let found = try look(renumbered, isStopped: isStopped)
        guard !isStopped() else { return [] }
        // Those that say which number was followed by which come last: they say it again when this is broken off.
        let hidden = try catalog.removeFiles(found.gone.map(\.id), at: now)
        for (file, stamp) in found.renumbered { try catalog.restamp(file, stamp, root: nil) }
        return hidden
    }

    private struct Findings {
        var gone: [MediaFile] = []
        /// Not to be seen, above them a file system of another number than theirs had: a file that is there may say that it is the same one.
        var unseen: [(file: MediaFile, device: UInt64, isMissing: Bool)] = []
        /// On a file system that has another number since it was mounted again.
        var renumbered: [(MediaFile, FileStamp)] = []
    }

    private func look(
        _ renumbered: [UInt64: UInt64] = [:], isStopped: () -> Bool = { false }
    ) throws -> Findings {
        var findings = Findings()
        var after: FileID = 0
        while !isStopped() {
            let files = try catalog.filesWithoutRoot(after: after)
            guard let last = files.last else { break }
            for file in files { look(at: file, &findings) }
            after = last.id
        }
        let numbers = Dictionary(
            findings.renumbered.map { ($0.0.stamp.device, $0.1.device) }, uniquingKeysWith: { $1 }
        ).merging(renumbered) { $1 }
        for (file, device, isMissing) in findings.unseen where numbers[file.stamp.device] == device {
            if isMissing {
                findings.gone.append(file)
            } else {
                var stamp = file.stamp
                stamp.device = device
                findings.renumbered.insert((file, stamp), at: 0)
            }
        }
        return findings
    }

    private func look(at file: MediaFile, _ findings: inout Findings) {
        do throws(Errno) {
            let stamp = try files.attributes(of: file.path, followsLinks: true).stamp
            if stamp.isSameContent(as: file.stamp), stamp.device != file.stamp.device {
                findings.renumbered.append((file, stamp))
            }
        } catch {
            let folder = file.path.removingLastComponent()
            var above = folder
            var attributes = try? files.attributes(of: above, followsLinks: true)
            while attributes == nil, above.removeLastComponent() {
                attributes = try? files.attributes(of: above, followsLinks: true)
            }
            guard let attributes, attributes.kind == .directory else { return }
            let isAbsent = error == .noSuchFileOrDirectory || error == .notDirectory
            let isMissing = isAbsent && above == folder
            if attributes.stamp.device != file.stamp.device {
                findings.unseen.append((file, attributes.stamp.device, isMissing))
            } else if isMissing {
                findings.gone.append(file)
            }
        }
    }
}
