import Basics
internal import Catalog
package import SystemPackage
import Threads

extension FolderScanner {
    /// Brings the catalog in line with the files of subtitles that lie beside the media files of a directory.
    ///
    /// - Parameters:
    ///   - names: of all the directory's files of subtitles.
    ///   - isSettled: whether a file, which is not what is known of it, may be read.
    func recordSubtitles(
        _ names: [FilePath.Component], in directory: FilePath,
        isSettled: (FilePath, FileAttributes) -> Bool
    ) throws {
        guard !names.isEmpty else {
            _ = try catalog.recordSubtitles([], inDirectory: directory)
            return
        }
        var media: [FilePath: MediaID] = [:]
        for file in try catalog.files(inDirectory: directory) { media[file.path] = file.media }
        let beside = SubtitleFiles(beside: media.keys)
        let known = Dictionary(grouping: try catalog.subtitles(inDirectory: directory), by: \.path)
        var found: [FoundSubtitles] = []
        for name in names {
            let path = directory.appending(name)
            let (owners, language) = beside.owners(of: name)
            guard !owners.isEmpty, let attributes = try? files.attributes(of: path, followsLinks: true),
                attributes.kind == .regular
            else { continue }
            let before = known[path]
            let isKnown = before?.first.map { $0.stamp.isSameContent(as: attributes.stamp) } ?? false
            guard isKnown || isSettled(path, attributes) else {
                // Until it is settled, what it said stays.
                found += before ?? []
                continue
            }
            for owner in owners {
                guard let media = media[owner] else { continue }
                found.append(FoundSubtitles(media: media, path: path, language: language, stamp: attributes.stamp))
            }
        }
        _ = try catalog.recordSubtitles(found, inDirectory: directory)
    }

    /// Looks for the files of subtitles in a directory, and takes them as they are, without waiting for them to settle. Blocking.
    ///
    /// - Throws: `CatalogError`. A directory that can't be listed is left as it is.
    package func takeSubtitles(in directory: FilePath) throws {
        guard let entries = try? files.entries(of: directory) else { return }
        let names = entries.map(\.name).filter(SubtitleFiles.contains)
        try recordSubtitles(names, in: directory) { _, _ in true }
    }
}
