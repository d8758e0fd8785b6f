import FolderWatch
import Catalog
import Foundation
import Library
import SystemPackage
import Terminal
import Threads

/// Turns a library's events into a progress bar.
enum IndexProgress {
    /// Returns when the events end.
    static func show(_ events: Broadcast<LibraryEvent>.Subscription) async {
        var bar = ProgressBar("Indexing")
        var found: Set<MediaID> = []
        var done: Set<MediaID> = []
        var shares: [MediaID: Double] = [:]
        var seconds: [MediaID: Double] = [:]
        let begin = ContinuousClock.now
        for await event in events {
            var name = ""
            switch event.kind {
            case .folder(.mediaFound(let media, let path)), .mediaStarted(let media, let path):
                found.insert(media)
                name = path.lastComponent.map { Terminal.printable($0.string) } ?? ""
            case .mediaProgress(let media, let position, let duration, _):
                found.insert(media)
                seconds[media] = position
                if let duration, duration > 0 { shares[media] = min(1, position / duration) }
            case .mediaIndexed(let media, _), .mediaFailed(let media, _, _):
                found.insert(media)
                done.insert(media)
                shares[media] = nil
            case .paused(let reason?):
                bar.finish()
                Terminal.error.line("saccade: waiting to try again: \(Terminal.printable(reason))")
                continue
            case .textFailed(_, let path, let problem):
                bar.finish()
                Terminal.error.line(
                    "saccade: \(Terminal.printable(path.string)): its text can't be read: "
                        + Terminal.printable(problem.message))
                continue
            default:
                continue
            }
            let elapsed = (ContinuousClock.now - begin) / .seconds(1)
            let speed = seconds.values.reduce(0, +) / max(elapsed, 0.001)
            let share = (Double(done.count) + shares.values.reduce(0, +)) / Double(max(1, found.count))
            let fraction = done.count < found.count ? min(share, 0.99) : share
            let detail =
                "\(done.count)/\(Quantities.count(found.count, "file"))  \(Quantities.fixed(speed, 1))× real time  \(name)"
            bar.update(fraction, detail)
        }
        bar.finish()
    }
}
