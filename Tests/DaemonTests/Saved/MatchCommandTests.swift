import API
import Basics
import Catalog
import Daemon
import Foundation
import SystemPackage
import TestSupport
import Testing

/// What may be a saved search's name and command, and what the command is run with.
struct MatchCommandTests {
    private let match = SavedMatch(media: 1, clip: 7, start: 2, end: 8.25, probability: 0.875)

    private func arguments(_ words: String..., match: SavedMatch? = nil, file: FilePath = "/v/a film.mp4") -> [String] {
        MatchCommand.arguments(words, for: match ?? self.match, in: file, name: "a {clip}; $(id)").map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    @Test func `placeholders are replaced within their own argument, and nothing else is`() {
        #expect(
            arguments("{file}", "--at={start}-{end}", "{clip}{clip}", "{probability}")
                == ["/v/a film.mp4", "--at=2.000-8.250", "77", "0.875"])
        #expect(
            arguments("{", "{}", "{fil}", "{{clip}}", "{\"id\": {clip}}")
                == ["{", "{}", "{fil}", "{7}", "{\"id\": 7}"])
        // What is put in is no template, and no shell reads it.
        #expect(arguments("{name}", "x{name}x") == ["a {clip}; $(id)", "xa {clip}; $(id)x"])
        #expect(arguments("{file}", file: "/v/{name}.mp4") == ["/v/{name}.mp4"])
        let unsure = SavedMatch(media: 1, clip: 7, start: 0, end: 1, probability: nil)
        #expect(arguments("{probability}", match: unsure) == [""])
    }

    @Test func `a file's name is given byte by byte`() {
        let bytes = Array("/v/".utf8) + [0xFF, 0x0A, 0x20]
        let given = MatchCommand.arguments(["<{file}>"], for: match, in: FilePath(bytes: bytes), name: "n")
        #expect(given == [Array("<".utf8) + bytes + Array(">".utf8)])
    }

    @Test func `a program is named by its absolute path, or is found on the path`() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(Data("#!/bin/sh\n".utf8), to: "tell")
        try directory.write(Data("text".utf8), to: "notes")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.string)
        let path = "relative::/nonexistent:\(directory.path):/usr/bin"
        #expect(try MatchCommand.resolved(["tell", "{file}"], path: path) == [file.string, "{file}"])
        #expect(try MatchCommand.resolved([file.string, ""], path: nil) == [file.string, ""])
        for bad in [
            [], [""], ["notes"], ["./tell"], ["no-such-program"], [directory.path.string], ["/nonexistent"],
            ["tell", "a\0b"], ["tell"] + [String](repeating: "a", count: 64),
            ["tell", String(repeating: "a", count: 20_000)],
        ] {
            let error = #expect(throws: APIError.self) { try MatchCommand.resolved(bad, path: path) }
            #expect(error?.code == .invalidRequest && error?.message.contains("command") == true, "\(bad.first ?? "")")
        }
    }

    @Test func `a name can be written, read and completed`() throws {
        let long = String(repeating: "é", count: 100)
        for good in ["deer", "a deer in the garden", "Hirsch 🦌", "鹿", "a", "50% {x}; &", long] {
            #expect(try SavedSearchName.checked(good) == good)
        }
        // One name, however it was typed.
        #expect(try SavedSearchName.checked("cafe\u{301}").unicodeScalars.count == 4)
        for bad in [
            "", " ", " a", "a\n", "a\u{0}b", "a\u{7F}", "a\u{2028}b", "a/b", ".", "..", "-rf", long + "é",
            String(repeating: "a", count: 1_000_000),
        ] {
            let error = #expect(throws: APIError.self) { try SavedSearchName.checked(bad) }
            #expect(error?.code == .invalidRequest)
        }
    }
}
