import API
import Daemon
import Foundation
import SystemPackage
import Terminal

/// What is typed after `--like` and `--not`.
enum ExampleArgument {
    /// - Throws: `CommandFailure` that says what can be named.
    static func example(_ text: String) throws -> API.Example {
        let (name, weight) = weighted(text)
        return API.Example(try source(name), weight: weight ?? 1)
    }

    static func exclusion(_ text: String) -> API.Exclusion {
        let (words, weight) = weighted(text)
        return API.Exclusion(words, weight: weight ?? 1)
    }

    static func weight(of text: String) -> Double { weighted(text).1 ?? 1 }

    /// What stands before `*` and a number at the end, and that number.
    private static func weighted(_ text: String) -> (String, Double?) {
        guard let star = text.lastIndex(of: "*"), let weight = Double(text[text.index(after: star)...]) else {
            return (text, nil)
        }
        return (String(text[..<star]), weight)
    }

    private static func source(_ name: String) throws -> API.Example.Source {
        let path = FilePath.absolute(name)
        let isThere = FileManager.default.fileExists(atPath: path.string)
        if !isThere {
            if let number = Int(name) { return .clip(try LastSearch.result(number).clip) }
            if name.hasPrefix("clip:"), let id = Int64(name.dropFirst(5)) { return .clip(id) }
            if let at = name.lastIndex(of: "@"), let time = TimeArgument.seconds(name[name.index(after: at)...]) {
                return .file(API.Path(FilePath.resolved(String(name[..<at]))), time: time)
            }
            throw CommandFailure(
                .noInput,
                "There is no file \(path). --like takes the number of a result, clip:ID, a picture file, or FILE@TIME such as film.mp4@12:30."
            )
        }
        let size = (try? FileManager.default.attributesOfItem(atPath: path.string))?[.size] as? Int ?? 0
        // What is indexed need not be sent, and may be larger.
        guard size <= API.Example.maximumImageBytes else { return .file(API.Path(FilePath.resolved(name)), time: 0) }
        guard let bytes = FileManager.default.contents(atPath: path.string), !bytes.isEmpty else {
            throw CommandFailure(
                .noInput, "\(path) can't be read as a picture: it is empty, a folder, or not yours to read.")
        }
        return .image(bytes)
    }
}
