package import SystemPackage

/// Which files of subtitles lie beside which media file, by their names: `film.srt` and `film.en.vtt` beside `film.mp4`, and
/// `film.mp4.srt`, as some programs that recognise speech call it.
package struct SubtitleFiles: Sendable {
    /// In lower case, without the dot.
    package static let extensions: Set<String> = ["ass", "srt", "ssa", "vtt"]

    /// What follows a media file's name and looks like a language, but isn't one: for the hard of hearing, closed captions.
    private static let noLanguages: Set<String> = ["cc", "sdh"]

    /// Media files by their names with and without extensions.
    private var owners: [String: [FilePath]] = [:]

    /// - Parameter media: files of one directory.
    package init(beside media: some Sequence<FilePath>) {
        for path in media {
            guard let name = path.lastComponent else { continue }
            for key in Set([name.string, name.stem]) { owners[key, default: []].append(path) }
        }
    }

    package static func contains(_ name: FilePath.Component) -> Bool {
        guard !CandidateFiles.isHidden(name) else { return false }
        return name.extension.map { extensions.contains($0.lowercased()) } ?? false
    }

    /// The media files whose subtitles a file is by its name, and their language; the longest name decides where several fit.
    package func owners(of subtitles: FilePath.Component) -> (media: [FilePath], language: String?) {
        var name = subtitles.stem[...]
        var rest: [Substring] = []
        while true {
            if let media = owners[String(name)] { return (media, rest.lazy.compactMap(Self.language).first) }
            guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return ([], nil) }
            rest.insert(name[name.index(after: dot)...], at: 0)
            name = name[..<dot]
        }
    }

    /// A language's name of two or three letters, perhaps with a script or region, as in `pt-BR`.
    private static func language(_ part: Substring) -> String? {
        let tags = part.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = tags.first, (2...3).contains(first.utf8.count),
            first.allSatisfy({ $0.isASCII && $0.isLetter }), !noLanguages.contains(first.lowercased()), tags.count <= 3,
            tags.dropFirst().allSatisfy({
                (2...8).contains($0.utf8.count) && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
            })
        else { return nil }
        return part.lowercased()
    }
}
