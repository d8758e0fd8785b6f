import Basics
import SystemPackage
import Terminal

/// What failed and why: each reason once, with the files that it holds for.
struct FailureSummary {
    private var paths: [String: [String]] = [:]
    private var reasons: [String] = []
    private(set) var count = 0

    /// Files that are listed of a reason.
    private static let listed = 20

    /// - Parameter reason: a sentence; the file's own path in it makes no difference to what counts as the same reason.
    mutating func add(_ path: FilePath, _ reason: String) {
        let reason = Terminal.printable(reason.replacing("\(path)", with: "The file"))
        if paths[reason] == nil { reasons.append(reason) }
        paths[reason, default: []].append(Terminal.printable(String(decoding: path.bytes, as: UTF8.self)))
        count += 1
    }

    /// The most frequent reason first.
    var lines: [String] {
        let inOrder = reasons.enumerated().sorted { first, second in
            let counts = (paths[first.element]?.count ?? 0, paths[second.element]?.count ?? 0)
            return counts.0 != counts.1 ? counts.0 > counts.1 : first.offset < second.offset
        }
        return inOrder.flatMap { _, reason -> [String] in
            let files = paths[reason] ?? []
            guard files.count > 1 else { return ["saccade: \(files.first ?? ""): \(reason)"] }
            let more = files.count - Self.listed
            return ["saccade: \(Quantities.count(files.count, "file")): \(reason)"]
                + files.prefix(Self.listed).map { "  \($0)" }
                + (more > 0 ? ["  and \(Quantities.count(more)) more"] : [])
        }
    }
}
