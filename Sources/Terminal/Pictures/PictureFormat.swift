import Foundation

/// How a picture is shown in a terminal.
package enum PictureFormat: String, Sendable, CaseIterable {
    /// The graphics protocol of kitty (https://sw.kovidgoyal.net/kitty/graphics-protocol/), which Ghostty and WezTerm have too.
    case kitty
    /// The bitmaps of DEC's terminals, which many terminals have.
    case sixel
    /// Half blocks in two colours: any terminal that has colours.
    case blocks

    /// What a terminal is known to have, by what it says of itself; nil where it has to be asked.
    package static func known(to environment: [String: String]) -> PictureFormat? {
        let term = environment["TERM"] ?? ""
        let program = environment["TERM_PROGRAM"] ?? ""
        // A multiplexer between takes pictures away.
        guard environment["TMUX"] == nil, !term.hasPrefix("screen"), !term.hasPrefix("tmux") else { return .blocks }
        let isKitty =
            environment["KITTY_WINDOW_ID"] != nil || term.contains("kitty") || term.contains("ghostty")
            || ["ghostty", "WezTerm"].contains(program)
        if isKitty { return .kitty }
        return term.contains("mlterm") || term.contains("foot") ? .sixel : nil
    }

    /// Whether a terminal's answer to “Primary Device Attributes” names sixel graphics: `ESC [ ? 62 ; 4 ; 22 c`.
    package static func namesSixel(_ answer: some Sequence<UInt8>) -> Bool {
        let text = String(decoding: Array(answer), as: UTF8.self)
        guard let start = text.range(of: "\u{1B}[?"), let end = text[start.upperBound...].firstIndex(of: "c") else {
            return false
        }
        return text[start.upperBound..<end].split(separator: ";").dropFirst().contains("4")
    }
}

extension Terminal {
    /// What this terminal shows pictures as. Blocking: it may be asked, and answers within a fifth of a second or not at all.
    package func pictureFormat(_ environment: [String: String]) -> PictureFormat {
        PictureFormat.known(to: environment) ?? (asksSixel() ? .sixel : .blocks)
    }

    private func asksSixel() -> Bool {
        guard isInteractive else { return false }
        guard let terminal = FileHandle(forUpdatingAtPath: "/dev/tty") else { return false }
        defer { try? terminal.close() }
        let descriptor = terminal.fileDescriptor
        var before = termios()
        guard unsafe tcgetattr(descriptor, &before) == 0 else { return false }
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        guard unsafe tcsetattr(descriptor, TCSANOW, &raw) == 0 else { return false }
        defer { unsafe _ = tcsetattr(descriptor, TCSANOW, &before) }
        guard (try? terminal.write(contentsOf: Data("\u{1B}[c".utf8))) != nil else { return false }
        var answer: [UInt8] = []
        while answer.last != UInt8(ascii: "c"), answer.count < 256 {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&ready, 1, 200) == 1, let more = try? terminal.read(upToCount: 1), !more.isEmpty else {
                return false
            }
            answer += more
        }
        return PictureFormat.namesSixel(answer)
    }

    /// Pixels of one character; 10 × 20 where the terminal doesn't say.
    package var cellSize: (width: Int, height: Int) {
        var size = winsize()
        guard unsafe ioctl(handle.fileDescriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_xpixel > 0, size.ws_ypixel > 0,
            size.ws_col > 0, size.ws_row > 0
        else { return (10, 20) }
        return (max(1, Int(size.ws_xpixel / size.ws_col)), max(1, Int(size.ws_ypixel / size.ws_row)))
    }
}
