import Foundation
import Terminal
import Testing

struct HyperlinksTests {
    @Test(arguments: [
        (["TERM": "xterm-kitty"], true), (["TERM_PROGRAM": "iTerm.app"], true), (["VTE_VERSION": "7600"], true),
        (["VTE_VERSION": "4800"], false), (["TERM": "xterm-256color"], false), ([:], false),
        (["KONSOLE_VERSION": "1"], true),
        (["TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"], false), (["FORCE_HYPERLINK": "1"], true),
    ])
    func `links are for terminals that are known to show them`(environment: [String: String], isKnown: Bool) {
        #expect(Hyperlinks.areKnown(to: environment) == isKnown)
    }

    @Test func `a path of any bytes is an address that can't end the link`() throws {
        let path = Array("/v/a b\u{1B}\\;?#%é.mp4".utf8) + [0xFF]
        let link = Hyperlinks.link("a b", to: path)
        #expect(link.hasPrefix("\u{1B}]8;;file://") && link.hasSuffix("\u{1B}\\a b\u{1B}]8;;\u{1B}\\"))
        let address = Hyperlinks.address(of: path)
        #expect(address.unicodeScalars.allSatisfy { $0.value > 32 && $0.value < 127 })
        #expect(address.hasSuffix("/v/a%20b%1B%5C%3B%3F%23%25%C3%A9.mp4%FF"))
    }

    @Test func `shares are five steps, and only nearly nothing has none`() {
        #expect(
            [0, 0.02, 0.03, 0.2, 0.5, 0.834, 1].map { Quantities.steps($0) } == [
                "▯▯▯▯▯", "▯▯▯▯▯", "▮▯▯▯▯", "▮▯▯▯▯", "▮▮▮▯▯", "▮▮▮▮▮", "▮▮▮▮▮",
            ])
    }
}
