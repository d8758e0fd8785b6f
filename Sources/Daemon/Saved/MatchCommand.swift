package import API
import Basics
package import Catalog
import Foundation
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// The command of a saved search: what may be one, and what it is run with.
package enum MatchCommand {
    private static let maximumWords = 64
    private static let maximumBytes = 16_384

    /// Checks a command and finds its program.
    ///
    /// - Parameters:
    ///   - words: a program, by its absolute path or its name, and its arguments.
    ///   - path: the directories in which programs are found, with colons between.
    /// - Returns: the same with the program's absolute path.
    /// - Throws: `invalid_request`.
    package static func resolved(_ words: [String], path: String?) throws(APIError) -> [String] {
        guard let name = words.first, !name.isEmpty else {
            throw APIError(.invalidRequest, "“command” is empty: name a program and its arguments, or leave it out")
        }
        guard words.count <= maximumWords, words.reduce(0, { $0 + $1.utf8.count }) <= maximumBytes else {
            throw APIError(
                .invalidRequest, "“command” must have at most \(maximumWords) words and \(maximumBytes) bytes")
        }
        guard !words.contains(where: { $0.utf8.contains(0) }) else {
            throw APIError(.invalidRequest, "“command” must not contain the character U+0000")
        }
        guard !name.contains("/") else {
            guard name.hasPrefix("/"), isProgram(name) else {
                throw APIError(
                    .invalidRequest,
                    "“command”: \(name.prefix(200)) is no program that the daemon may run: give its absolute path")
            }
            return words
        }
        for folder in (path ?? "").split(separator: ":") where folder.hasPrefix("/") {
            let found = "\(folder)/\(name)"
            if isProgram(found) { return [found] + words.dropFirst() }
        }
        throw APIError(
            .invalidRequest,
            "“command”: there is no program \(name.prefix(200)) on the daemon's PATH: give its absolute path")
    }

    private static func isProgram(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
            && FileManager.default.isExecutableFile(atPath: path)
    }

    /// The arguments for one match: `{file}`, `{start}`, `{end}`, `{name}`, `{clip}` and `{probability}` are replaced within each word. Nothing
    /// that is put in is looked at again, and no word becomes two.
    ///
    /// - Parameters:
    ///   - words: without the program.
    ///   - name: of the saved search.
    package static func arguments(
        _ words: some Sequence<String>, for match: SavedMatch, in file: FilePath, name: String
    ) -> [[UInt8]] {
        let values: [String: [UInt8]] = [
            "{file}": file.bytes, "{name}": Array(name.utf8), "{clip}": Array("\(match.clip)".utf8),
            "{start}": number(match.start), "{end}": number(match.end),
            "{probability}": match.probability.map(number) ?? [],
        ]
        return words.map { word in
            var argument: [UInt8] = []
            var rest = word[...]
            while let brace = rest.firstIndex(of: "{") {
                argument += Array(rest[..<brace].utf8)
                rest = rest[brace...]
                if let (key, value) = values.first(where: { rest.hasPrefix($0.key) }) {
                    argument += value
                    rest = rest.dropFirst(key.count)
                } else {
                    argument += Array("{".utf8)
                    rest = rest.dropFirst()
                }
            }
            return argument + Array(rest.utf8)
        }
    }

    private static func number(_ value: Double) -> [UInt8] { Array(String(format: "%.3f", value).utf8) }

    /// What a command has of the daemon's environment, and nothing else.
    static func environment(_ all: [String: String]) -> [String] {
        ["PATH", "LANG", "HOME"].compactMap { name in all[name].map { "\(name)=\($0)" } }
    }
}
