import Basics
import DecodeProtocol
import Foundation
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

    private let ffmpeg: MediaProgram
    private let ffprobe: MediaProgram

    /// - Parameter path: the folders to look for the programs in, as `PATH` has them.
    /// - Throws: ``CutError`` when they aren't installed.
    package init(path: String = MediaProgram.searchPath) throws(CutError) {
        ffmpeg = try MediaProgram("ffmpeg", for: "Cutting", path: path)
        ffprobe = try MediaProgram("ffprobe", for: "Cutting", path: path)
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
        let outcome = try ffmpeg.run(
            ["-nostdin"] + MediaProgram.quiet + span
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
        let outcome = try ffprobe.run(
            MediaProgram.quiet + [
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
        let outcome = try ffprobe.run(
            MediaProgram.quiet + ["-of", "json", "-show_entries", "format=duration"] + Self.source, input: file)
        return (try? JSONDecoder().decode(Probed.self, from: outcome.output))?.format?.duration.flatMap(Double.init)
    }

    /// Seconds by which containers, and clips that were sampled, may miss an end.
    private static let slack = 1.0

    /// The file itself, and no playlist in its place, which would name others.
    private static let source = [
        "-protocol_whitelist", "file", "-format_whitelist", MediaFormats.allowed.joined(separator: ","), "-i",
        "file:/dev/stdin",
    ]
}
