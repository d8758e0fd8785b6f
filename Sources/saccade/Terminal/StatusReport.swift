import API
import Catalog
import Foundation
import Terminal

/// A status as people read it.
struct StatusReport {
    let status: API.Status

    init(_ status: API.Status) {
        self.status = status
    }

    var isIdle: Bool {
        let settled = status.watcher.state == .watching || status.watcher.state == .limited
        let scanned = status.roots.allSatisfy { $0.state != .scanning }
        let unfinished =
            status.media.pending + status.media.indexing + status.queue.waiting + status.queue.current.count
        let isBuilding = status.next.map { $0.waiting > 0 || $0.missing == 0 && $0.problem == nil } ?? false
        return settled && scanned && unfinished == 0 && !isBuilding
    }

    /// The share of media that is done, with what is in work counted by its time; nil when there are none.
    var fraction: Double? {
        guard status.media.total > 0 else { return nil }
        let inWork = status.queue.current.reduce(0.0) { sum, work in
            guard let duration = work.duration, duration > 0 else { return sum }
            return sum + min(1, work.position / duration)
        }
        return (Double(status.media.indexed + status.media.failed) + inWork) / Double(status.media.total)
    }

    /// One line beside the progress bar.
    var activity: String {
        var parts: [String] = []
        let done = status.media.indexed + status.media.failed
        parts.append("\(Quantities.count(done))/\(Quantities.count(status.media.total)) files")
        if status.rates.video > 0 { parts.append("\(Quantities.fixed(status.rates.video, 1))× real time") }
        if let remaining = status.rates.remaining { parts.append("\(Quantities.time(remaining)) left") }
        if let paused = status.queue.paused { parts.append(Terminal.printable(paused)) }
        if let work = status.queue.current.first { parts.append(Terminal.printable(Self.name(of: work.path.text))) }
        return parts.joined(separator: "  ")
    }

    /// One line for the end.
    var summary: String {
        var text = "\(Quantities.count(status.media.indexed, "file")), \(Quantities.count(status.index.clips, "clip"))"
        if status.media.failed > 0 {
            text += "; \(Quantities.count(status.media.failed, "file")) failed, see `saccade status`"
        }
        return text
    }

    func write(to terminal: Terminal) {
        let age = Quantities.time(Date().timeIntervalSince(status.started))
        terminal.line(terminal.styled("saccade \(status.version)", .bold) + ", process \(status.pid), up \(age)")
        var facts: [(String, String)] = [
            (
                "model",
                "\(status.model.name), \(status.model.dimensions) dimensions, "
                    + "digest \(status.model.modelDigest.prefix(12))"
                    + (status.model.rerankDepth.map { ", re-ranks the best \(Quantities.count($0))" } ?? "")
            ),
            (
                "engine",
                "OpenBLAS \(status.engine.blasCore), kernels \(status.engine.simd), "
                    + Quantities.count(status.engine.threads, "thread")
            ),
            ("state", stateLine),
            (
                "index",
                "\(Quantities.count(status.index.clips, "clip")), \(Quantities.bytes(Int64(status.index.memoryBytes))) in memory"
            ),
            ("media", mediaLine),
        ]
        if let next = status.next { facts.append(("next", Self.line(next))) }
        if let fleet = status.fleet { facts.append(("fleet", Self.line(fleet))) }
        facts += [
            ("watcher", watcherLine)
        ]
        facts += status.roots.map { root in
            ("folder \(root.id)", "\(Terminal.printable(root.path.text)): \(rootLine(root))")
        }
        let width = facts.map(\.0.count).max() ?? 0
        for (name, text) in facts {
            let padded = name.padding(toLength: width + 2, withPad: " ", startingAt: 0)
            terminal.line(terminal.styled(padded, .dim) + text)
        }
        if let reason = status.queue.paused {
            let end = status.queue.rest?.until.map { ", until \(RFC3339.format($0))" } ?? ""
            let word = status.queue.rest == nil ? "waiting" : "resting"
            terminal.line(terminal.styled(word, .yellow) + ": \(Terminal.printable(reason))\(end)")
        } else if let reason = status.queue.slowed {
            terminal.line(terminal.styled("slowed down", .yellow) + ": \(Terminal.printable(reason))")
        }
        for root in status.roots {
            guard let missing = Self.missing(root) else { continue }
            terminal.line(terminal.styled("folder \(root.id)", .red) + ": \(missing)")
        }
        for notice in status.notices ?? [] {
            terminal.line(terminal.styled("mended", .yellow) + ": \(Terminal.printable(notice))")
        }
        if status.roots.isEmpty { terminal.line("No folder is watched: add one with `saccade watch add DIR`.") }
        writeWork(to: terminal)
        writeFailures(to: terminal)
    }

    /// In a line, for people.
    static func line(_ fleet: API.Status.Fleet) -> String {
        if let error = fleet.error { return Terminal.printable(error) }
        let online = fleet.nodes.count(where: \.online)
        let nodes = "\(Quantities.count(online)) of \(Quantities.count(fleet.nodes.count, "machine")) there"
        let state = fleet.level ? "all is told" : "\(Quantities.count(fleet.behind, "file")) still to be told of"
        return "\(nodes); \(state)"
    }

    private func writeWork(to terminal: Terminal) {
        if !isIdle, let fraction {
            let bar = ProgressBar.bar(min(fraction, 1), cells: 24)
            terminal.line("\(bar) \(Int(min(fraction, 1) * 100)) %  \(activity)")
        }
        for work in status.queue.current {
            let whole = work.duration.map { " of \(Quantities.time($0))" } ?? ""
            terminal.line("  now: \(Terminal.printable(work.path.text)) at \(Quantities.time(work.position))\(whole)")
        }
    }

    private func writeFailures(to terminal: Terminal) {
        for failure in status.failures {
            let next =
                failure.nextAttempt.map { "tried again after \(RFC3339.format($0))" }
                ?? "not tried again until it changes"
            let place = failure.path?.text ?? failure.media.map { "media \($0)" } ?? "?"
            terminal.line(
                terminal.styled("failed", .red)
                    + "  \(Terminal.printable(place)): \(Terminal.printable(failure.reason)) (\(next))"
            )
        }
    }

    private var stateLine: String {
        var parts = [Terminal.printable(status.stateDirectory), Quantities.bytes(status.index.diskBytes)]
        if status.index.deletedClips > 0 {
            parts.append(
                "about \(Quantities.bytes(status.index.deletedBytes)) of it for files that are gone (catalog.keep_deleted_days)"
            )
        }
        return parts.joined(separator: ", ")
    }

    private var mediaLine: String {
        let counts = status.media
        var parts = ["\(Quantities.count(counts.indexed)) indexed"]
        if counts.indexing > 0 { parts.append("\(Quantities.count(counts.indexing)) in progress") }
        if counts.pending > 0 { parts.append("\(Quantities.count(counts.pending)) waiting") }
        if counts.failed > 0 { parts.append("\(Quantities.count(counts.failed)) failed") }
        return parts.joined(separator: ", ")
    }

    /// How far the index of another model is.
    static func line(_ build: API.Status.Build) -> String {
        var parts = [
            "\(Quantities.percent(build.fraction)) of the index of "
                + Terminal.printable(build.name ?? "the model \(build.modelDigest.prefix(12))"),
            "\(Quantities.count(build.clips)) of about \(Quantities.count(build.expectedClips, "clip"))",
        ]
        if build.failed > 0 { parts.append("\(Quantities.count(build.failed, "file")) failed") }
        if let remaining = build.remaining, build.fraction < 1 { parts.append("\(Quantities.time(remaining)) left") }
        if let problem = build.problem { parts.append("can't take over: \(Terminal.printable(problem))") }
        return parts.joined(separator: ", ")
    }

    private var watcherLine: String {
        let watched =
            "\(status.watcher.state.rawValue), \(Quantities.count(status.watcher.directories)) directories watched"
        return status.watcher.advice.map { "\(watched). \($0)" } ?? watched
    }

    private func rootLine(_ root: API.Root) -> String {
        let reason = root.reason.map { " (\($0))" } ?? ""
        let polling = Self.polling(root).map { ", \(Terminal.printable($0))" } ?? ""
        return "\(root.state.rawValue)\(reason), \(Quantities.count(root.files, "file"))\(polling)"
    }

    /// What a person should do about files that are missing; nil when none is.
    static func missing(_ root: API.Root) -> String? {
        guard let missing = root.missing else { return nil }
        return """
            \(Quantities.count(missing, "file")) of \(Quantities.count(root.files)) are missing and kept: bring them back, or \
            remove them with `saccade watch confirm \(root.id)`
            """
    }

    /// Why a folder is looked at on a timer; nil when it isn't.
    static func polling(_ root: API.Root) -> String? {
        root.polling.map { "polled every \(Quantities.time($0.interval)): \($0.reason)" }
    }

    private static func name(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}
