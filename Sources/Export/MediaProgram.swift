import Dispatch
package import Basics
import Foundation
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// One of FFmpeg's programs, run to its end.
package struct MediaProgram: Sendable {
    private let program: FilePath

    /// `PATH`.
    package static var searchPath: String { ProcessInfo.processInfo.environment["PATH"] ?? "" }

    static let quiet = ["-hide_banner", "-loglevel", "error"]

    /// - Parameters:
    ///   - purpose: what needs it, at the beginning of a sentence.
    ///   - path: the folders to look for it in, as `PATH` has them.
    /// - Throws: ``CutError`` when it isn't installed.
    init(_ name: String, for purpose: String, path: String) throws(CutError) {
        for folder in path.split(separator: ":") {
            let file = FilePath(String(folder)).appending(name)
            if FileManager.default.isExecutableFile(atPath: file.string) {
                program = file
                return
            }
        }
        throw CutError(.noProgram, "\(purpose) needs the program \(name): install it with apt-get install ffmpeg.")
    }

    struct Outcome {
        var status: Int32
        var output: Data
        var errors: Data

        /// The last thing that the program said, for people.
        var complaint: String {
            let text = String(decoding: errors, as: UTF8.self)
            if text.contains("not on whitelist") { return "it is a playlist, or of another kind that isn't read." }
            let line = text.split(whereSeparator: \.isNewline).last.map(String.init) ?? "it said nothing"
            return Moment.printable(line.replacing("file:/dev/stdin", with: "the file")) + "."
        }
    }

    /// The last bytes of what a program says that are kept.
    private static let longestComplaint = 4096

    /// - Parameter input: what it reads from its standard input, from the beginning.
    func run(_ arguments: [String], input: FileHandle = .nullDevice) throws(CutError) -> Outcome {
        lseek(input.fileDescriptor, 0, SEEK_SET)
        let process = Process()
        process.executableURL = URL(filePath: program.string)
        process.arguments = arguments
        process.standardInput = input
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        do {
            try process.run()
        } catch {
            throw CutError(.noProgram, "\(program) can't be started: \(error.localizedDescription)")
        }
        let interruptions = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { process.terminate() }
            source.resume()
            return source
        }
        defer {
            interruptions.forEach { $0.cancel() }
            signal(SIGINT, SIG_DFL)
            signal(SIGTERM, SIG_DFL)
        }
        // Both are read at once: who waits for one while the other is full waits for ever.
        let complaints = Mutex(Data())
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            let said = (try? errors.fileHandleForReading.readToEnd()) ?? nil
            complaints.withLock { $0 = (said ?? Data()).suffix(Self.longestComplaint) }
        }
        let printed = (try? output.fileHandleForReading.readToEnd()) ?? nil
        group.wait()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: printed ?? Data(), errors: complaints.withLock { $0 })
    }
}

/// Why a part of a file, or a contact sheet, can't be written.
package struct CutError: ExplainedError {
    package enum Code: Sendable {
        case noProgram
        case input
        case span
        case output
    }

    package var code: Code
    package var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory {
        switch code {
        case .noProgram: .unavailable
        case .input: .notFound
        case .span: .invalidInput
        case .output: .output
        }
    }
}
