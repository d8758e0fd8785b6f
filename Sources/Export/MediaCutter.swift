package import Basics
import DecodeProtocol
import Foundation
import Synchronization
package import SystemPackage

/// Writes a part of a media file as a file of its own, with the program `ffmpeg`.
///
/// The file is handed over as a descriptor, so that no name can be taken for an option or an address, and ffmpeg may open nothing
/// else that the file names. The result is written beside its place and renamed when it is complete.
package struct MediaCutter: Sendable {
    package enum Mode: Sendable {
        /// The packets as they are: at once and without loss, from the key frame before the start on.
        case copy
        /// Encoded again, from the very frame on.
        case exact
    }

    /// What was written.
    package struct Result: Sendable {
        /// The seconds of the file that it begins and ends at.
        package var start: Double
        package var end: Double
        package var bytes: Int64
    }

    private let ffmpeg: FilePath
    private let ffprobe: FilePath

    /// - Parameter path: the folders to look for the programs in, as `PATH` has them.
    /// - Throws: ``CutError`` when they aren't installed.
    package init(path: String = ProcessInfo.processInfo.environment["PATH"] ?? "") throws(CutError) {
        func program(_ name: String) throws(CutError) -> FilePath {
            for folder in path.split(separator: ":") {
                let file = FilePath(String(folder)).appending(name)
                if FileManager.default.isExecutableFile(atPath: file.string) { return file }
            }
            throw CutError(.noProgram, "Cutting needs the program \(name): install it with apt-get install ffmpeg.")
        }
        ffmpeg = try program("ffmpeg")
        ffprobe = try program("ffprobe")
    }

    /// - Parameters:
    ///   - output: must not exist; its ending says the format.
    /// - Throws: ``CutError``; then nothing is left at `output` or beside it.
    package func cut(_ moment: Moment, to output: FilePath, mode: Mode) throws(CutError) -> Result {
        guard let name = output.lastComponent, name.extension != nil else {
            throw CutError(.output, "\(output) needs an ending that says its format, such as .mp4 or .mkv.")
        }
        guard !FileManager.default.fileExists(atPath: output.string) else {
            throw CutError(.output, "\(output) exists already: name another file, or remove it first.")
        }
        let source = try open(moment)
        defer { try? source.close() }
        let facts = try probe(source, moment)
        let end = min(moment.end, facts.duration)

        // Hidden, with the ending that the format is known by.
        let part = output.removingLastComponent().appending(".\(name.stem).\(getpid()).\(name.extension ?? "")")
        defer { unsafe _ = unlink(part.string) }
        // Copied packets begin at the key frame before, and the length is counted from the start that was asked for.
        let span =
            ["-ss", MomentList.seconds(moment.start)] + Self.source + ["-t", MomentList.seconds(end - moment.start)]
        let coding =
            mode == .copy
            ? ["-c", "copy", "-avoid_negative_ts", "make_zero"] : ["-map_chapters", "-1"]
        let outcome = try run(
            ffmpeg,
            ["-nostdin"] + Self.quiet + span
                + ["-map", "0:v:0?", "-map", "0:a?", "-sn", "-dn"] + coding + ["-n", "file:" + part.string],
            input: source)
        // Its status is 0 even where the disk was full: what can't be read again, or ends early, wasn't written.
        var information = stat()
        guard outcome.status == 0, unsafe stat(part.string, &information) == 0,
            let written = try duration(of: part), written > end - moment.start - Self.slack
        else {
            throw CutError(.output, "ffmpeg could not write \(output): \(outcome.complaint)")
        }
        guard unsafe rename(part.string, output.string) == 0 else {
            throw CutError(.output, "\(output) could not be written: \(Errno(rawValue: errno)).")
        }
        return Result(start: mode == .copy ? facts.keyFrame : moment.start, end: end, bytes: Int64(information.st_size))
    }

    private func open(_ moment: Moment) throws(CutError) -> FileHandle {
        let descriptor: FileDescriptor
        do {
            descriptor = try .open(FilePath(bytes: moment.path), .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw CutError(.input, "\(moment.name) can't be read: \(error).")
        }
        var information = stat()
        guard unsafe fstat(descriptor.rawValue, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            try? descriptor.close()
            throw CutError(.input, "\(moment.name) is no file.")
        }
        return FileHandle(fileDescriptor: descriptor.rawValue, closeOnDealloc: true)
    }

    // MARK: What the file is

    private struct Facts {
        var duration: Double
        /// The time of the last key frame that isn't after the moment's start.
        var keyFrame: Double
    }

    private struct Probed: Decodable {
        struct Format: Decodable {
            var duration: String?
            var start_time: String?
        }

        struct Packet: Decodable {
            var pts_time: String?
        }

        var format: Format?
        var packets: [Packet]?
    }

    private func probe(_ source: FileHandle, _ moment: Moment) throws(CutError) -> Facts {
        let outcome = try run(
            ffprobe,
            Self.quiet + [
                "-of", "json", "-select_streams", "v:0",
                "-read_intervals", "\(MomentList.seconds(moment.start))%+#1", "-show_entries",
                "format=duration,start_time:packet=pts_time",
            ] + Self.source, input: source)
        guard outcome.status == 0, let probed = try? JSONDecoder().decode(Probed.self, from: outcome.output),
            let duration = probed.format?.duration.flatMap(Double.init), duration > 0
        else {
            throw CutError(.input, "\(moment.name) can't be cut: \(outcome.complaint)")
        }
        guard moment.start >= 0, moment.end > moment.start else {
            throw CutError(.span, "A part must begin at 0 or later and end after it begins.")
        }
        guard moment.start < duration else {
            throw CutError(
                .span,
                "\(moment.name) ends at \(MomentList.clock(duration)), before the part that begins at "
                    + "\(MomentList.clock(moment.start)).")
        }
        // A span that ends a little late is the sampling's rounding; another is a mistake.
        guard moment.end <= duration + Self.slack else {
            throw CutError(
                .span,
                "\(moment.name) ends at \(MomentList.clock(duration)), before the part's end at "
                    + "\(MomentList.clock(moment.end)).")
        }
        let beginning = probed.format?.start_time.flatMap(Double.init) ?? 0
        let packet = probed.packets?.first?.pts_time.flatMap(Double.init).map { $0 - beginning } ?? moment.start
        return Facts(duration: duration, keyFrame: min(max(0, packet), moment.start))
    }

    /// Seconds of a file that was just written; nil when it can't be read.
    private func duration(of path: FilePath) throws(CutError) -> Double? {
        guard let file = FileHandle(forReadingAtPath: path.string) else { return nil }
        defer { try? file.close() }
        let outcome = try run(
            ffprobe, Self.quiet + ["-of", "json", "-show_entries", "format=duration"] + Self.source, input: file)
        return (try? JSONDecoder().decode(Probed.self, from: outcome.output))?.format?.duration.flatMap(Double.init)
    }

    /// Seconds by which containers, and clips that were sampled, may miss an end.
    private static let slack = 1.0

    private static let quiet = ["-hide_banner", "-loglevel", "error"]

    /// The file itself, and no playlist in its place, which would name others.
    private static let source = [
        "-protocol_whitelist", "file", "-format_whitelist", MediaFormats.allowed.joined(separator: ","), "-i",
        "file:/dev/stdin",
    ]

    // MARK: Processes

    private struct Outcome {
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

    private func run(_ program: FilePath, _ arguments: [String], input: FileHandle) throws(CutError) -> Outcome {
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

/// Why a part of a file can't be written.
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
