import Foundation
import Terminal

/// Video players that this program knows how to start at a moment.
enum Player {
    /// Becomes the first player that is installed; returns only by throwing.
    ///
    /// - Parameters:
    ///   - path: of the file, as bytes, since names need not be text.
    ///   - seconds: where to start.
    static func open(_ path: [UInt8], at seconds: Double) throws(CommandFailure) -> Never {
        let start = Quantities.fixed(max(0, seconds), 2)
        let commands: [[String]] = [
            ["mpv", "--start=\(start)", "--"],
            ["vlc", "--quiet", "--start-time=\(start)"],
            ["ffplay", "-hide_banner", "-loglevel", "error", "-autoexit", "-ss", start],
            // Opens the desktop's own player at the beginning: it can't be given a position.
            ["xdg-open"],
        ]
        // The daemon answers with absolute paths, so none begins with a dash.
        for command in commands {
            Launch.replaceProgram(command.map { Array($0.utf8) } + [path])
        }
        throw CommandFailure(.unavailable, "No player is installed: install mpv, vlc or ffmpeg (for ffplay).")
    }
}
