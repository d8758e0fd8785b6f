import Foundation
import SystemPackage
import TestSupport
import Testing

/// What `make install` puts into a system.
struct InstalledTreeTests {
    private static let repository = FilePath(
        URL(filePath: #filePath).appending(path: "../../..").standardizedFileURL.path(percentEncoded: false))

    @Test func `an installed tree works wherever it lies`() async throws {
        let home = try TemporaryDirectory()
        let tree = home.path.appending("tree")
        let installed = try await run(
            Self.repository.appending("packaging/install.sh"), [], home: home.path,
            environment: [
                "BIN": Installation.directory.string, "MODEL": "models/saccade-small", "DESTDIR": tree.string,
                "PREFIX": "/opt/saccade",
            ])
        #expect(installed.status == 0, "\(installed.errors)")
        let prefix = tree.appending("opt/saccade")
        let program = prefix.appending("bin/saccade")

        let trainer = prefix.appending("libexec/saccade/saccade-train")
        for file in [program, prefix.appending("libexec/saccade/saccade-decode"), trainer] {
            let libraries = try await run(
                "/usr/bin/ldd", [file.string], home: home.path, environment: ["LD_LIBRARY_PATH": ""])
            #expect(libraries.text.contains("lib/saccade/libswiftCore.so"))
            #expect(!libraries.text.contains("/swift/linux/"), "\(file) needs the toolchain")
        }

        struct Finding: Decodable {
            var subject: String
            var verdict: String
            var detail: String
        }
        let doctor = try await run(program, ["doctor", "--json"], home: home.path)
        let findings = try doctor.decoded([Finding].self)
        let decoder = try #require(findings.first { $0.subject == "decoder" })
        #expect(decoder.verdict == "good")
        #expect(FilePath(decoder.detail).lexicallyNormalized() == prefix.appending("libexec/saccade/saccade-decode"))

        let film = home.path.appending("bars.mp4")
        try await TestVideo(width: 160, height: 120, seconds: 3).write(to: film)
        let indexed = try await run(program, ["index", film.string, "--state", "state"], home: home.path)
        #expect(indexed.status == 0, "\(indexed.errors)")

        // With the model and the worker of the tree.
        try home.write(
            Data(#"{"id": "a", "file": "bars.mp4", "captions": ["coloured bars"]}"#.utf8), to: "items.jsonl")
        let evaluated = try await run(
            program, ["evaluate", "--data", "items.jsonl", "--mode", "fast", "--json"], home: home.path)
        #expect(evaluated.status == 0, "\(evaluated.errors)")
        try FileManager.default.removeItem(atPath: trainer.string)
        let missing = try await run(program, ["train", "--help"], home: home.path)
        #expect(missing.status == 69)
        #expect(missing.errors.contains("saccade-train"), "\(missing.errors)")

        let unit = try String(
            contentsOfFile: prefix.appending("lib/systemd/system/saccade.service").string, encoding: .utf8)
        #expect(unit.contains("\nExecStart=/opt/saccade/bin/saccade serve\n"))
        for file in [
            "share/man/man1/saccade.1.gz", "share/man/man1/saccade-search.1.gz",
            "share/man/man1/saccade-watch.1.gz", "share/man/man1/saccade-train.1.gz",
            "share/bash-completion/completions/saccade", "share/zsh/site-functions/_saccade",
            "share/fish/vendor_completions.d/saccade.fish", "share/saccade/web/index.html", "share/saccade/web/app.js",
            "share/saccade/prometheus/saccade.rules.yml", "share/saccade/grafana/saccade.json",
        ] {
            #expect(FileManager.default.fileExists(atPath: prefix.appending(file).string), "\(file)")
        }
    }
}
