import Foundation
import FolderWatch
import SystemPackage
import Terminal

/// The files that are named on the command line, and those with the names of videos and pictures below folders that are.
enum MediaArguments {
    /// - Throws: `CommandFailure` for what isn't there, and where nothing is.
    static func files(_ names: [String]) throws(CommandFailure) -> [FilePath] {
        var files: [FilePath] = []
        for name in names {
            let path = FilePath.absolute(name)
            var isFolder: ObjCBool = false
            guard unsafe FileManager.default.fileExists(atPath: path.string, isDirectory: &isFolder) else {
                throw CommandFailure(.noInput, "There is no file \(path).")
            }
            files += isFolder.boolValue ? candidates(below: path) : [path]
        }
        guard !files.isEmpty else { throw CommandFailure(.noInput, "No video or picture was found there.") }
        return files
    }

    /// In the order of their names; hidden folders, and links, are left out.
    private static func candidates(below folder: FilePath) -> [FilePath] {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []).sorted()
        return names.flatMap { name -> [FilePath] in
            let path = folder.appending(name)
            let kind = (try? FileManager.default.attributesOfItem(atPath: path.string))?[.type] as? FileAttributeType
            guard let component = path.lastComponent, !CandidateFiles.isHidden(component),
                !CandidateFiles.isSystem(path)
            else { return [] }
            if kind == .typeDirectory { return candidates(below: path) }
            return kind == .typeRegular && CandidateFiles().contains(component) ? [path] : []
        }
    }
}
