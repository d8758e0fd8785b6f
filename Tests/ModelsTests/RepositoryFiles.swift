import Foundation

/// A file of the repository by its path from the top.
func repositoryFile(_ path: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../\(path)").standardizedFileURL.path(
        percentEncoded: false)
}

/// The lines of a text in Fixtures, without the empty one after the last line's end.
func fixtureLines(_ name: String) throws -> [String] {
    let text = try String(contentsOfFile: repositoryFile("Tests/ModelsTests/Fixtures/\(name)"), encoding: .utf8)
    return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
}
