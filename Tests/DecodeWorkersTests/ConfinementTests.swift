import Basics
import DecodeProtocol
import DecodeWorkers
import Foundation
import SystemPackage
import TestSupport
import Testing

/// What a decoder can do that a file has taken over: `confined-program` tries it, confined as a worker is, beside a process and files of its own user.
@Suite struct ConfinementTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// The words of each line that a program writes, into a pipe: a worker may not write to files.
    private func lines(_ program: FilePath, _ arguments: [String]) async throws -> [[Substring]] {
        let output = try await TestVideo.run("sh", ["-c", "\"$0\" \"$@\" | cat", program.string] + arguments)
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
    }

    @Test func `A worker can do nothing to files, processes, sockets and memory that isn't its own`() async throws {
        let folder = directory.path.appending("private")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        let file = folder.appending("film.mp4")
        try Data("secret".utf8).write(to: URL(filePath: file.string))
        let victim = Process()
        victim.executableURL = URL(filePath: "/bin/sleep")
        victim.arguments = ["60"]
        try victim.run()
        // Its mask is that of the thread that began it, which may block other signals. While it lives, it holds what other tests' processes end with.
        defer { kill(victim.processIdentifier, SIGKILL) }

        let program = try #require(InstalledProgram.path(of: "confined-program"))
        let lines = try await lines(program, [file.string, folder.string, "\(victim.processIdentifier)"])
        try #require(lines.contains(["seccomp", "true"]), "this kernel filters no system calls")
        let attempts = lines.dropFirst(2).dropLast()
        #expect(attempts.count > 60 && lines.last == ["end", "0"])
        for attempt in attempts {
            // clone3(2) is said to be missing, so that glibc makes its threads with clone(2).
            let refusal = attempt[0] == "fork_with_clone3" ? ENOSYS : EPERM
            #expect(attempt[1] == "\(refusal)", "\(attempt[0])")
        }
        #expect(victim.isRunning)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string) == ["film.mp4"])
        #expect(try String(contentsOfFile: file.string, encoding: .utf8) == "secret")
    }

    @Test func `A worker says which layers confine it`() async throws {
        let lines = try await lines(DecodeWorkerPool.executable(), ["--confinement"])
        #expect(lines.map(\.first) == ["landlock", "seccomp"])
        #expect(lines.last == ["seccomp", "yes"] && (lines.first?.last.map { $0 == "no" || Int($0) ?? 0 > 0 }) == true)
    }

    static let formats: [(name: String, encoding: [String])] = [
        ("a.mp4", ["-c:v", "libx264"]), ("a.ts", ["-c:v", "libx264"]), ("a.avi", ["-c:v", "mpeg4"]),
        ("h.mkv", ["-c:v", "libx265", "-x265-params", "log-level=none"]),
        ("8.webm", ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]),
        ("9.webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
        ("v.mp4", ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"]), ("2.mpg", ["-c:v", "mpeg2video"]),
        ("j.avi", ["-c:v", "mjpeg"]), ("p.mov", ["-c:v", "prores_ks"]), ("g.gif", []), ("s.png", ["-frames:v", "1"]),
        ("s.jpg", ["-frames:v", "1"]), ("s.webp", ["-frames:v", "1"]), ("s.bmp", ["-frames:v", "1"]),
        ("s.tiff", ["-frames:v", "1"]),
    ]

    @Test(arguments: formats.indices)
    func `Every format is decoded without a system call that is refused`(format: Int) async throws {
        let (name, encoding) = Self.formats[format]
        let file = directory.path.appending(name)
        try await TestVideo(width: 160, height: 90, seconds: 1, encoding: encoding).write(to: file)
        let isStill = name.hasPrefix("s.")
        let pool = DecodeWorkerPool(
            configuration: .init(
                executable: try DecodeWorkerPool.executable(), limits: WorkerLimits(endsWhenRefused: true)))
        var frames = 0
        for try await event in pool.frames(of: file, sampling: FrameSampling()) {
            if case .frame = event { frames += 1 }
        }
        #expect(frames == (isStill ? 1 : 2))
        #expect(try await pool.thumbnail(of: file, at: 0, longestSide: 64).starts(with: [0xFF, 0xD8]))
        if !isStill {
            let webm = try await pool.preview(of: file, at: 0, seconds: 1, longestSide: 64)
            #expect(webm.starts(with: [0x1A, 0x45, 0xDF, 0xA3]))
        }
        #expect(try await pool.text(of: file, .media).allSatisfy { $0.kind != .subtitle })
    }

    @Test(arguments: [
        (SubtitleFormat.subRip, "1\n00:00:01,000 --> 00:00:02,000\nO\u{F9} est l'\u{E9}t\u{E9}?\n"),
        (.webVTT, "WEBVTT\n\n00:01.000 --> 00:02.000\nO\u{F9} est l'\u{E9}t\u{E9}?\n"),
    ])
    func `Files of subtitles are read without a system call that is refused`(format: SubtitleFormat, text: String)
        async throws
    {
        let pool = DecodeWorkerPool(
            configuration: .init(
                executable: try DecodeWorkerPool.executable(), limits: WorkerLimits(endsWhenRefused: true)))
        for encoding in [String.Encoding.utf8, .utf16, .isoLatin1] {
            let file = try directory.write(try #require(text.data(using: encoding)), to: "a.\(encoding.rawValue)")
            #expect(try await pool.text(of: file, .subtitles(format)).map(\.text) == ["O\u{F9} est l'\u{E9}t\u{E9}?"])
        }
    }

    @Test func `A link that is put in the place of a watched file leads to nothing`() async throws {
        let watched = try FilePath.realPath(of: directory.path).appending("watched")
        try FileManager.default.createDirectory(atPath: watched.string, withIntermediateDirectories: true)
        let film = directory.path.appending("private.mp4")
        try await TestVideo(seconds: 1).write(to: film)
        let link = watched.appending("film.mp4")
        try FileManager.default.createSymbolicLink(atPath: link.string, withDestinationPath: film.string)
        let opener = FileOpener()
        opener.hold { [watched] }
        let pool = DecodeWorkerPool(
            configuration: .init(executable: try DecodeWorkerPool.executable(), opener: opener))
        let error = await #expect(throws: DecodeError.self) { try await pool.probe(link) }
        #expect(error?.code == .unreadable && error?.message.contains("leads out of the watched folder") == true)
        // The worker goes on.
        #expect(try await pool.probe(film).codec == "h264")
    }
}
