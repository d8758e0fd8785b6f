import Basics
import FolderFakes
import FolderWatch
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct IgnoreRulesTests {
    /// A folder with some `.saccadeignore` files.
    private func ignored(
        _ rules: [String: String], configured: String = ""
    ) throws -> (top: FilePath, files: IgnoredFiles, directory: TemporaryDirectory) {
        let directory = try TemporaryDirectory()
        let top = try FilePath.realPath(of: directory.path)
        for (folder, text) in rules {
            let path = top.pushing(FilePath(folder))
            try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: path.appending(".saccadeignore").string))
        }
        return (top, IgnoredFiles(in: top, IgnoreRules(configured), files: FaultyFileSystem()), directory)
    }

    /// From gitignore(5), and what `git check-ignore` says of each.
    @Test(arguments: [
        ("raw", "raw", true), ("raw", "a/raw", true), ("raw", "draw", false), ("raw/", "raw", false),
        ("/raw", "a/raw", false), ("a/raw", "b/a/raw", false), ("a/raw", "a/raw", true), ("*.ts", "x/y.ts", true),
        ("*.ts", "x/y.tsx", false), ("take-?.mp4", "take-1.mp4", true), ("take-?.mp4", "take-12.mp4", false),
        ("[ab]*.mp4", "b1.mp4", true), ("[!ab]*.mp4", "b1.mp4", false), ("**/raw", "x/y/raw", true),
        ("a/**", "a/b/c.mp4", true), ("a/**", "a", false), ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true),
        ("a/*", "a/b/c", false), ("x**y", "x1/y", false), ("x**y", "x11y", true), ("# raw", "# raw", false),
        ("\\#raw", "#raw", true), ("\\!raw", "!raw", true), ("raw   ", "raw", true), ("raw\\ ", "raw ", true),
        ("", "raw", false), ("/", "raw", false), ("[a", "[a", false), ("raw\n!raw", "raw", false),
        ("!raw\nraw", "raw", true), ("*\n!keep.mp4", "keep.mp4", false), ("*\r\n!keep.mp4\r\n", "other.mp4", true),
    ])
    func `A pattern leaves out what git would`(text: String, path: String, isLeftOut: Bool) throws {
        let (top, files, directory) = try ignored(["": text])
        #expect(files.contains(top.pushing(FilePath(path)), isFolder: false) == isLeftOut)
        withExtendedLifetime(directory) {}
    }

    @Test func `The file that is nearest counts first, the configuration last`() throws {
        let (top, files, directory) = try ignored(
            ["": "*.ts\nraw/", "a": "!best.ts\n/only.mp4"], configured: "*.mov\n!x.ts")
        func isLeftOut(_ path: String, isFolder: Bool = false) -> Bool {
            files.contains(top.pushing(FilePath(path)), isFolder: isFolder)
        }
        #expect(isLeftOut("a/other.ts") && !isLeftOut("a/best.ts") && isLeftOut("best.ts"))
        #expect(isLeftOut("a/only.mp4") && !isLeftOut("a/b/only.mp4") && !isLeftOut("only.mp4"))
        #expect(isLeftOut("x.mov") && isLeftOut("a/b/x.mov") && isLeftOut("x.ts"))
        #expect(isLeftOut("a/raw", isFolder: true) && files.containsFolder(top.pushing("a/raw/deep")))
        #expect(!files.containsFolder(top.pushing("a/b")) && files.containsFolder(top.pushing("a/.hidden/b")))
        withExtendedLifetime(directory) {}
    }

    @Test func `Any bytes are rules, none of them slow`() throws {
        var random = SeededGenerator(state: 3)
        for _ in 0..<200 {
            let alphabet = Array("*/!#[]\\?ab- \n".unicodeScalars)
            let text = (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                Character(alphabet.randomElement(using: &random)!)
            }
            _ = IgnoreRules(String(text)) == IgnoreRules()
        }
        #expect(IgnoreRules(String(repeating: "*a", count: 100_000)).isEmpty)
    }
}
