internal import Basics
internal import Catalog
package import SystemPackage

/// What a list of patterns says is to be left out, with the meaning of gitignore(5).
///
/// | line | leaves out, at or below the folder that the list is for |
/// |---|---|
/// | `raw` | every file and folder of this name |
/// | `raw/` | every folder of this name |
/// | `/raw`, `a/raw` | that one |
/// | `*.ts`, `take-?`, `[ab]*` | names; a star doesn't match a slash |
/// | `**/raw`, `a/**`, `a/**/b` | at any depth |
/// | `!best.mp4` | nothing: takes back what an earlier line left out, but not below a folder that is left out |
/// | `# text` | nothing |
package struct IgnoreRules: Sendable, Equatable {
    private struct Rule: Sendable, Equatable {
        var glob: PathGlob
        var isNegated: Bool
        var isForFolders: Bool
    }

    /// Lines that are read of one list.
    private static let limit = 1000
    private var rules: [Rule] = []

    package init() {}

    /// - Parameter text: lines, the first thousand of which count. One that is no pattern leaves nothing out.
    package init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline).prefix(Self.limit) { add(line) }
    }

    package var isEmpty: Bool { rules.isEmpty }

    private mutating func add(_ line: Substring) {
        var pattern = line
        // Spaces at the end count only after a backslash.
        while pattern.last == " " || pattern.last == "\t" {
            if pattern.dropLast().last == "\\" { break }
            pattern.removeLast()
        }
        guard !pattern.isEmpty, pattern.first != "#" else { return }
        let isNegated = pattern.first == "!"
        if isNegated { pattern.removeFirst() }
        let isForFolders = pattern.last == "/"
        if isForFolders { pattern.removeLast() }
        let isAnchored = pattern.contains("/")
        if isAnchored, pattern.first != "/" { pattern = "/" + pattern }
        guard !pattern.isEmpty, let glob = try? PathGlob(Self.withSingleStars(pattern)) else { return }
        rules.append(Rule(glob: glob, isNegated: isNegated, isForFolders: isForFolders))
    }

    /// Two stars are more than one only where they are all of a name.
    private static func withSingleStars(_ pattern: Substring) -> String {
        pattern.split(separator: "/", omittingEmptySubsequences: false).map { part in
            guard part != "**" else { return String(part) }
            var name = ""
            var isEscaped = false
            for character in part {
                if character == "*", name.last == "*", !isEscaped { continue }
                isEscaped = character == "\\" && !isEscaped
                name.append(character)
            }
            return name
        }.joined(separator: "/")
    }

    /// Whether something is left out; nil when no rule is about it.
    ///
    /// - Parameter path: from the folder that the list is for, with a slash before it.
    func leavesOut(_ path: ArraySlice<UInt8>, isFolder: Bool) -> Bool? {
        rules.last { (isFolder || !$0.isForFolders) && $0.glob.matches(path) }.map { !$0.isNegated }
    }
}

/// What is left out of one tree: by the rules of its `.saccadeignore` files, where the one nearest to a file counts first, and then by those of the
/// configuration. A file is read when it is first needed, and once. For one thread.
package final class IgnoredFiles {
    package static let fileName: FilePath.Component = ".saccadeignore"
    /// Bytes that are read of a file.
    private static let limit = 64 * 1024

    private let files: any FileSystem
    private let top: FilePath
    private let configured: IgnoreRules
    private var read: [FilePath: IgnoreRules] = [:]

    /// - Parameters:
    ///   - top: the tree's folder.
    ///   - configured: rules for the tree that stand in no file of it.
    package init(in top: FilePath, _ configured: IgnoreRules, files: any FileSystem) {
        self.files = files
        self.top = top
        self.configured = configured
    }

    /// Whether an entry of a folder that isn't left out itself is left out.
    package func contains(_ path: FilePath, isFolder: Bool) -> Bool {
        let bytes = path.bytes
        var folder = path.removingLastComponent()
        while folder.starts(with: top) {
            if let isLeftOut = rules(of: folder).leavesOut(Self.rest(of: bytes, below: folder), isFolder: isFolder) {
                return isLeftOut
            }
            guard folder != top, folder.removeLastComponent() else { break }
        }
        return configured.leavesOut(Self.rest(of: bytes, below: top), isFolder: isFolder) ?? false
    }

    /// Whether a folder, or one that it lies in, is left out.
    package func containsFolder(_ folder: FilePath) -> Bool {
        var path = top
        for component in folder.components.dropFirst(top.components.count) {
            path.append(component)
            if CandidateFiles.isHidden(component) || contains(path, isFolder: true) { return true }
        }
        return false
    }

    /// The rules in a folder's own file; none where there is no file, or none that can be read.
    package func rules(of folder: FilePath) -> IgnoreRules {
        if let rules = read[folder] { return rules }
        let text = try? files.contents(of: folder.appending(Self.fileName), limit: Self.limit)
        let rules = text.map { IgnoreRules(String(decoding: $0, as: UTF8.self)) } ?? IgnoreRules()
        read[folder] = rules
        return rules
    }

    /// With the slash before it.
    private static func rest(of path: [UInt8], below folder: FilePath) -> ArraySlice<UInt8> {
        let length = folder.bytes.count
        return path[(folder.components.isEmpty ? 0 : length)...]
    }
}
