package import Foundation
package import SystemPackage

/// A small real video that the `ffmpeg` program makes of its own test pictures.
package struct TestVideo: Sendable {
    package var width = 320
    package var height = 180
    package var framesPerSecond = 25.0
    package var seconds = 3.0
    /// How many different pictures follow each other, each as long as the others, with a cut between: 1 to 6.
    package var scenes = 1
    /// Arguments after the input: codec, filters, timestamps.
    package var encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]

    package init(
        width: Int = 320, height: Int = 180, framesPerSecond: Double = 25, seconds: Double = 3, scenes: Int = 1,
        encoding: [String]? = nil
    ) {
        self.width = width
        self.height = height
        self.framesPerSecond = framesPerSecond
        self.seconds = seconds
        self.scenes = scenes
        if let encoding { self.encoding = encoding }
    }

    /// The times (s) at which a new picture begins, without 0.
    package var cuts: [Double] {
        (1..<max(1, scenes)).map { seconds * Double($0) / Double(scenes) }
    }

    /// Makes the file; its name's extension chooses the container.
    package func write(to path: FilePath) async throws {
        try await Self.ffmpeg(["-f", "lavfi", "-i", graph] + encoding + [path.string])
    }

    /// Runs the `ffmpeg` program, which overwrites its output.
    package static func ffmpeg(_ arguments: [String]) async throws {
        _ = try await run("ffmpeg", ["-v", "error", "-nostdin", "-y"] + arguments)
    }

    /// Runs a program found by `PATH` and returns its output.
    /// - Throws: ``ProgramFailed`` when it doesn't end with 0.
    package static func run(_ program: String, _ arguments: [String]) async throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let folder = try TemporaryDirectory()
        let output = try folder.write(Data(), to: "output")
        let errors = try folder.write(Data(), to: "errors")
        process.standardInput = FileHandle.nullDevice
        // Closed here: Foundation keeps a process, and so its handles, for ever.
        let handles = try [output, errors].map { try FileHandle(forWritingTo: URL(filePath: $0.string)) }
        defer { for handle in handles { try? handle.close() } }
        process.standardOutput = handles[0]
        process.standardError = handles[1]
        let status = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        guard status == 0 else {
            let reason = try String(decoding: Data(contentsOf: URL(filePath: errors.string)), as: UTF8.self)
            throw ProgramFailed(description: "\(program) \(arguments.joined(separator: " ")): \(reason)")
        }
        return try Data(contentsOf: URL(filePath: output.string))
    }

    package struct ProgramFailed: Error, CustomStringConvertible {
        package var description: String
    }

    /// The pictures as a filter graph of ffmpeg.
    private var graph: String {
        let size = "size=\(width)x\(height):rate=\(framesPerSecond):duration=\(seconds / Double(max(1, scenes)))"
        let sources = [
            "testsrc2=\(size)", "color=color=navy:\(size)", "smptehdbars=\(size)", "color=color=orange:\(size)",
            "rgbtestsrc=\(size)", "color=color=gray:\(size)",
        ]
        let used = sources.prefix(max(1, scenes)).enumerated()
        let parts = used.map { "\($0.element),format=yuv420p,setsar=1[s\($0.offset)]" }
        let labels = used.map { "[s\($0.offset)]" }.joined()
        return parts.joined(separator: ";") + ";\(labels)concat=n=\(parts.count)"
    }
}
