import ArgumentParser
import Basics
import Export
import SystemPackage
import Terminal

/// Keeps a part of a video as a file of its own.
struct CutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cut",
        abstract: "Write a moment to a file of its own.",
        discussion: """
            A number is that of a result of the last search. The file's ending says its format. Needs the program ffmpeg.

              saccade cut 2 -o dog.mp4
              saccade cut 2 -o dog.mp4 --exact
              saccade cut "film.mkv@1:02:03-1:02:09.5" -o scene.mkv

            Without --exact the packets are copied: at once and without loss, but video can only begin at a key frame, so the file \
            begins a little earlier than asked, and this says where.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "A result's number, or a file and two times in seconds, M:SS or H:MM:SS.",
            valueName: "number|path@start-end"))
    var moment: String

    @Option(
        name: [.short, .long], help: ArgumentHelp("The file to write. It must not exist.", valueName: "file"),
        completion: .file())
    var output: String

    @Flag(help: "Encode again, so that the file begins at the very frame.")
    var exact = false

    @Flag(help: "Copy the packets; this is what happens without --exact.")
    var copy = false

    func validate() throws {
        guard !(exact && copy) else { throw ValidationError("Give --copy or --exact, not both.") }
        guard Int(moment) == nil else { return }
        guard (try? Span(moment)) != nil else {
            throw ValidationError(
                "“\(moment)” is neither a result's number nor PATH@START-END, such as film.mp4@1:05-1:12.")
        }
    }

    func run() throws {
        let wanted = try Int(moment).map { number throws(CommandFailure) in try LastSearch.moment(number) }
        let moment = try wanted ?? Span(self.moment).moment
        let result = try MediaCutter().cut(moment, to: FilePath.absolute(output), mode: exact ? .exact : .copy)
        Terminal.output.line(
            "Wrote \(Terminal.printable(output)): \(Self.clock(result.start))–\(Self.clock(result.end)), "
                + Quantities.bytes(result.bytes))
        guard !exact, moment.start - result.start >= 0.05 else { return }
        Terminal.error.line(
            "It begins \(Quantities.fixed(moment.start - result.start, 1)) s early, at the key frame before; --exact doesn't."
        )
    }

    /// With tenths, which a cut needs.
    private static func clock(_ seconds: Double) -> String {
        let tenths = (seconds * 10).rounded() / 10
        return Quantities.time(tenths) + "." + String(Int((tenths * 10).rounded()) % 10)
    }
}

/// `PATH@START-END`, where the path may have signs of its own.
private struct Span {
    let path: String
    let start: Double
    let end: Double

    struct Malformed: Error {}

    init(_ text: String) throws(Malformed) {
        guard let sign = text.lastIndex(of: "@") else { throw Malformed() }
        let times = text[text.index(after: sign)...].split(separator: "-", omittingEmptySubsequences: false)
        guard sign > text.startIndex, times.count == 2, let start = TimeArgument.seconds(times[0]),
            let end = TimeArgument.seconds(times[1]),
            end > start
        else { throw Malformed() }
        path = String(text[..<sign])
        self.start = start
        self.end = end
    }

    var moment: Moment { Moment(path: FilePath.absolute(path).bytes, start: start, end: end) }
}
