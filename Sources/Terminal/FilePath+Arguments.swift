import Basics
internal import Foundation
package import SystemPackage

extension FilePath {
    /// The working directory.
    package static var current: FilePath { FilePath(FileManager.default.currentDirectoryPath) }

    /// The path from the root of the file system, with `~`, `.` and `..` resolved.
    package static func absolute(_ text: String) -> FilePath {
        let expanded = text == "~" || text.hasPrefix("~/") ? NSString(string: text).expandingTildeInPath : text
        let path = current.pushing(FilePath(expanded))
        // From a symbolic link `..` goes up where the link leads.
        let goesUp = path.components.contains { $0.kind == .parentDirectory }
        return goesUp ? (try? FilePath.realPath(of: path)) ?? path.lexicallyNormalized() : path.lexicallyNormalized()
    }

    /// The path as the index has it: of a directory the one that symbolic links lead to, of a file that of its directory.
    package static func resolved(_ text: String) -> FilePath {
        let path = absolute(text)
        guard let resolved = try? FilePath.realPath(of: path) else { return path }
        let attributes = try? FileManager.default.attributesOfItem(atPath: resolved.string)
        if attributes?[.type] as? FileAttributeType == .typeDirectory { return resolved }
        guard let name = path.lastComponent, let parent = try? FilePath.realPath(of: path.removingLastComponent())
        else { return path }
        return parent.appending(name)
    }
}
