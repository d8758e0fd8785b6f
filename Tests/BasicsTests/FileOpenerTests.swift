import Basics
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct FileOpenerTests {
    private let directory: TemporaryDirectory
    /// The watched folder, without symbolic links.
    private let folder: FilePath
    /// What nothing in the folder may lead to.
    private let secret: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        let home = try FilePath.realPath(of: directory.path)
        folder = home.appending("watched")
        try FileManager.default.createDirectory(
            atPath: folder.appending("a/b").string, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
            atPath: home.appending("private").string, withIntermediateDirectories: true)
        secret = home.appending("private/film.mp4")
        try Data("secret".utf8).write(to: URL(filePath: secret.string))
        try Data("film".utf8).write(to: URL(filePath: folder.appending("a/b/film.mp4").string))
    }

    private func opener(followsLinks: Bool = false) -> FileOpener {
        let opener = FileOpener(followsLinks: followsLinks)
        opener.hold { [folder] }
        return opener
    }

    private func contents(_ opener: FileOpener, _ path: FilePath) throws -> String {
        let descriptor = try opener.open(path)
        defer { try? descriptor.close() }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = try bytes.withUnsafeMutableBytes { try descriptor.read(into: $0) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private func link(_ name: String, to target: String) throws -> FilePath {
        let path = folder.appending(name)
        try? FileManager.default.removeItem(atPath: path.string)
        try FileManager.default.createSymbolicLink(atPath: path.string, withDestinationPath: target)
        return path
    }

    @Test func `A file in a watched folder, and one that lies in none, are opened`() throws {
        #expect(try contents(opener(), folder.appending("a/b/film.mp4")) == "film")
        #expect(try contents(opener(), secret) == "secret")
        #expect(throws: Errno.noSuchFileOrDirectory) { try opener().open(folder.appending("a/none.mp4")) }
    }

    @Test(arguments: ["absolute", "relative"])
    func `A link that leads out of the watched folder is refused, be it the file or a folder on the way`(kind: String)
        throws
    {
        let out = kind == "absolute" ? secret.removingLastComponent().string : "../../private"
        let file = try link("a/film.mp4", to: out + "/film.mp4")
        #expect(throws: Errno.improperLink) { try opener().open(file) }
        // As it would be done while the file waits for its turn: the folder was a real one when it was scanned.
        try FileManager.default.removeItem(atPath: folder.appending("a/b").string)
        let swapped = try link("a/b", to: out)
        #expect(throws: Errno.improperLink) { try opener().open(swapped.appending("film.mp4")) }
        #expect(throws: Errno.improperLink) { try opener(followsLinks: true).open(swapped.appending("film.mp4")) }
    }

    @Test(arguments: [false, true]) func `A link within the watched folder is followed`(isAbsolute: Bool) throws {
        let target = isAbsolute ? folder.appending("a/b/film.mp4").string : "a/b/film.mp4"
        let path = try link("film.mp4", to: target)
        #expect(try contents(opener(), path) == "film")
        #expect(try contents(opener(followsLinks: true), path) == "film")
    }

    @Test func `A file that is a link is followed out of the folder where links are to be followed`() throws {
        for name in ["film.mp4", "a/film.mp4"] {
            #expect(try contents(opener(followsLinks: true), link(name, to: secret.string)) == "secret")
        }
    }

    @Test func `Opening a pipe doesn't wait for somebody to write to it`() throws {
        let path = folder.appending("pipe.mp4")
        #expect(path.withPlatformString { mkfifo($0, 0o600) } == 0)
        try opener().open(path).close()
    }

    @Test func `A folder that is no longer watched holds nothing`() throws {
        let opener = opener()
        let path = try link("film.mp4", to: secret.string)
        opener.hold { [] }
        #expect(try contents(opener, path) == "secret")
    }
}
