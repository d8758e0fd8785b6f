import API
import ArgumentParser
import Client
import Foundation
import Terminal

/// The search page in a browser.
struct OpenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "Open the search page in the browser.",
        discussion: """
            Has the daemon serve the page on this machine's loopback address, prints an address with a key that lets one \
            browser in within five minutes, and starts the desktop's browser (xdg-open) there. The browser stays let in for \
            30 days. On a machine without a desktop, forward the port and open the address on your own: \
            `ssh -L PORT:127.0.0.1:PORT HOST`.

              saccade open
              ssh nas saccade open --print
            """
    )

    @Flag(name: .customLong("print"), help: "Print the address and start no browser.")
    var isOnlyPrinted = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let address = try await places.client().request(.post, "/v1/page", as: API.PageAddress.self)
        Terminal.output.line(address.url)
        guard !isOnlyPrinted else { return }
        let environment = ProcessInfo.processInfo.environment
        guard ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].contains(where: { environment[$0]?.isEmpty == false }) else {
            Terminal.error.line(
                "There is no desktop here: open the address in a browser of this machine within five minutes.")
            return
        }
        Launch.replaceProgram([Array("xdg-open".utf8), Array(address.url.utf8)])
        Terminal.error.line(
            "xdg-open isn't installed (package xdg-utils): open the address yourself within five minutes.")
    }
}
