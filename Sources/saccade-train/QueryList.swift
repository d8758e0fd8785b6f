import Foundation
import Settings
import SystemPackage
import Terminal

/// A text file with one query a line.
enum QueryList {
    /// - Throws: ``CommandFailure`` when it can't be read or has no query.
    static func read(_ path: String) throws -> [String] {
        guard let data = FileManager.default.contents(atPath: FilePath.absolute(path).string) else {
            throw CommandFailure(.noInput, "\(path) can't be read: check that the file exists and is readable")
        }
        let queries = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        guard !queries.isEmpty else { throw CommandFailure(.noInput, "\(path) has no queries: write one on each line") }
        return queries
    }
}
