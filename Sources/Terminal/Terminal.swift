package import Foundation

/// What the program's output goes to.
package struct Terminal: Sendable {
    package enum Style: String, Sendable {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    package let handle: FileHandle
    /// Whether a person reads along, so that lines may be rewritten.
    package let isInteractive: Bool
    private let isColoured: Bool
    private let showsLinks: Bool

    package static let output = Terminal(.standardOutput)
    package static let error = Terminal(.standardError)

    private init(_ handle: FileHandle) {
        let environment = ProcessInfo.processInfo.environment
        self.handle = handle
        isInteractive = isatty(handle.fileDescriptor) == 1 && environment["TERM"] != "dumb"
        // https://no-color.org: any value but the empty one.
        isColoured = isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
        showsLinks = isInteractive && Hyperlinks.areKnown(to: environment)
    }

    /// Columns of the window; 80 when there is none.
    package var width: Int {
        var size = winsize()
        guard unsafe ioctl(handle.fileDescriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    package func styled(_ text: String, _ style: Style) -> String {
        isColoured ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// A text that leads to a file, where the terminal shows links; the text alone elsewhere.
    package func linked(_ text: String, to path: [UInt8]) -> String {
        showsLinks ? Hyperlinks.link(text, to: path) : text
    }

    /// Writes a line. A reader that has gone is no error: it has read enough.
    package func line(_ text: String = "") {
        write(Array((text + "\n").utf8))
    }

    /// A full disk ends the program where it is the output: what was asked for is not there. What is said beside it may be lost.
    package func write(_ bytes: [UInt8]) {
        do {
            try handle.write(contentsOf: Data(bytes))
        } catch let error as CocoaError
            where error.code == .fileWriteOutOfSpace && handle.fileDescriptor == STDOUT_FILENO
        {
            CommandFailure(.output, "The output can't be written: no space is left.").exit()
        } catch {
            return
        }
    }

    /// Writes a document, such as a service's answer, that ends its last line once, whether or not it came with an end.
    package func document(_ bytes: [UInt8]) {
        let newline = UInt8(ascii: "\n")
        write(bytes.last == newline ? bytes : bytes + [newline])
    }

    /// A path for people: control characters in a file's name must not steer the terminal.
    package static func printable(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
