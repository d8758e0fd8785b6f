import Foundation

/// A line on standard error that shows how far something has come: rewritten in place on a terminal, and a plain line each
/// ten per cent elsewhere, so that logs stay short.
package struct ProgressBar {
    private let terminal: Terminal
    private let title: String
    private var lastTenth = -1
    private var isShown = false

    package init(_ title: String, on terminal: Terminal = .error) {
        self.title = title
        self.terminal = terminal
    }

    /// - Parameters:
    ///   - fraction: 0 to 1; nil while the whole isn't known.
    ///   - detail: what follows the bar.
    package mutating func update(_ fraction: Double?, _ detail: String) {
        let share = min(max(fraction ?? 0, 0), 1)
        // Rounded down, so that 100 % means that all is done.
        let percent = Int((share * 100).rounded(.down))
        guard terminal.isInteractive else {
            let tenth = percent / 10
            guard tenth > lastTenth else { return }
            lastTenth = tenth
            terminal.line("\(title): \(percent) %  \(detail)")
            return
        }
        let cells = max(10, min(30, terminal.width / 3))
        let text = "\(title) \(Self.bar(share, cells: cells)) \(percent) %  \(detail)"
        // Cut at the window's edge: a line that wraps can't be rewritten.
        terminal.write(Array("\r\u{1B}[2K\(text.prefix(terminal.width - 1))".utf8))
        isShown = true
    }

    /// Takes the bar away, so that what is written next starts on an empty line.
    package mutating func finish() {
        if isShown { terminal.write(Array("\r\u{1B}[2K".utf8)) }
        isShown = false
    }

    /// Eighths of a cell make a smooth bar of few columns.
    package static func bar(_ share: Double, cells: Int) -> String {
        let eighths = Int((share * Double(cells * 8)).rounded(.down))
        let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
        let full = String(repeating: "█", count: eighths / 8)
        return full + partial + String(repeating: "░", count: cells - eighths / 8 - (partial.isEmpty ? 0 : 1))
    }
}
