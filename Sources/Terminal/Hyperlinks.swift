import Foundation

/// Links to files in what a terminal shows, as OSC 8 has them (https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda).
package enum Hyperlinks {
    /// Whether a terminal is known to show them, by what it says of itself. `FORCE_HYPERLINK` decides where it is set: 0 for none.
    package static func areKnown(to environment: [String: String]) -> Bool {
        if let forced = environment["FORCE_HYPERLINK"] { return !forced.isEmpty && forced != "0" }
        let term = environment["TERM"] ?? ""
        if ["kitty", "alacritty", "foot", "ghostty", "contour", "wezterm"].contains(where: { term.contains($0) }) {
            return true
        }
        let programs = ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio"]
        if let program = environment["TERM_PROGRAM"], programs.contains(program) { return true }
        // VTE is the terminal of GNOME, Xfce and others.
        if let version = environment["VTE_VERSION"].flatMap({ Int($0) }) { return version >= 5000 }
        return ["KONSOLE_VERSION", "WT_SESSION", "DOMTERM"].contains { environment[$0] != nil }
    }

    /// A text that leads to a file. Nothing of the path but letters, digits and a few signs is written as it is.
    package static func link(_ text: String, to path: [UInt8]) -> String {
        "\u{1B}]8;;\(address(of: path))\u{1B}\\\(text)\u{1B}]8;;\u{1B}\\"
    }

    /// A path as an address of this machine's file.
    package static func address(of path: [UInt8]) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)
        let digits = Array("0123456789ABCDEF")
        let host =
            ProcessInfo.processInfo.hostName.utf8.allSatisfy { plain.contains($0) }
            ? ProcessInfo.processInfo.hostName : ""
        return path.reduce(into: "file://\(host)") { address, byte in
            if plain.contains(byte) {
                address.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                address += "%\(digits[Int(byte) >> 4])\(digits[Int(byte) & 15])"
            }
        }
    }
}
