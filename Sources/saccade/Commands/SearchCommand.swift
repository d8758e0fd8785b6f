import Daemon
import Catalog
import API
import ArgumentParser
import Client
import Export
import Foundation
import Search
import SystemPackage
import Terminal

extension API.SearchScope: ExpressibleByArgument {}

/// Asks one question.
struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Find the moments that a sentence describes.",
        discussion: """
            Asks the daemon; if none is running, the databases in --state are read directly. Where nothing is likely to be what was asked \
            for, that is said before the nearest results.

            The words are compared with the picture, and with subtitles, chapter titles, titles, comments, file and folder names. What stands in \
            quotation marks is looked for in the text alone, as it stands.

              saccade search "a man playing guitar"
              saccade search "a red car" --under ~/Videos/2025 --limit 3 --play
              saccade search "a dog catches a ball" --by-video --min-probability 0.1
              saccade search '"to be or not to be"'
              saccade search "lighthouse" --text
              saccade search "surfing" --format m3u > surfing.m3u
              saccade search "a dog -grass"
              saccade search --like 2
              saccade search "a fox" --watch --preview
              saccade search "at night" --like photo.jpg --like "film.mp4@12:30"
              saccade search "surfing" --limit 24 --thumbnails surfing.jpg --columns 6

            A word with a minus sign before it is one that results are not to show; -"two words" are excluded together. --like looks for what looks like a \
            result of the last search, a picture, or a moment of an indexed video, alone or beside words. Results that show nearly the same are \
            one, with how many more there are; --no-fold shows all.

            `saccade cut` writes a result to a file of its own.
            """
    )

    @Argument(
        help: ArgumentHelp("What to look for, in English; in any language where it is text.", valueName: "words"))
    var words: [String] = []

    @Option(
        help: ArgumentHelp(
            "Look for what looks like this: the number of a result of the last search, clip:ID, a picture file, or FILE@TIME of an indexed file. *WEIGHT may follow. May be repeated.",
            valueName: "example"), completion: .file())
    var like: [String] = []

    @Option(
        help: ArgumentHelp(
            "What results are not to show, as with a minus sign before a word. *WEIGHT may follow. May be repeated.",
            valueName: "words"))
    var not: [String] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Make one result of those that show nearly the same. (default: unless with --json or --format)")
    var fold: Bool?

    @Option(name: [.short, .long], help: ArgumentHelp("Maximum number of results.", valueName: "count"))
    var limit = 10

    @Option(help: ArgumentHelp("Skip this many of the best results.", valueName: "count"))
    var offset = 0

    @Flag(help: "Show only the best moment of each video.")
    var byVideo = false

    @Flag(help: "Look at the picture alone.")
    var picture = false

    @Flag(help: "Look for the words in the text alone: subtitles, titles and names.")
    var text = false

    @Option(
        help: ArgumentHelp(
            "Whose clips are asked: local (this machine's) or fleet (those of all that share its database; docs/FLEET.md).",
            valueName: "scope"))
    var scope: API.SearchScope = .local

    @Flag(help: "Print the response of POST /v1/search.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Print the results for other programs: m3u (VLC), csv, edl (CMX 3600), otio (OpenTimelineIO) or ffconcat (FFmpeg, mpv).",
            valueName: "format"))
    var format: MomentList.Format?

    @Option(help: ArgumentHelp("With --format edl or otio: the timeline's frames per second.", valueName: "fps"))
    var frameRate: Int?

    @Flag(help: "Show the pictures of the results in the terminal.")
    var preview = false

    @Option(
        help: ArgumentHelp(
            "With --preview: kitty, sixel or blocks. (default: what the terminal is found to show)", valueName: "format"
        ))
    var previewFormat: PictureFormat?

    @Flag(help: "Go on until you press Ctrl-C, and show what new clips bring among the results.")
    var watch = false
    @Option(
        help: ArgumentHelp(
            "Write a contact sheet: a JPEG file with a picture of each result, row by row. Needs the daemon and the program ffmpeg.",
            valueName: "file"), completion: .file(extensions: ["jpg", "jpeg"]))
    var thumbnails: String?

    @Option(help: ArgumentHelp("With --thumbnails: pictures in a row. (default: 4)", valueName: "count"))
    var columns: Int?

    @Flag(help: "Open the best moment in a player: mpv, vlc, ffplay, or what the desktop opens videos with.")
    var play = false

    @Option(
        help: ArgumentHelp("With --play: the number of the result to open. (default: the first)", valueName: "number"))
    var number: Int?

    @OptionGroup(title: "Re-ranking") var reranking: RerankOptions
    @OptionGroup(title: "Filters") var filters: FilterOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard !(words.isEmpty && like.isEmpty) else {
            throw ValidationError("Say what to look for, in words or with --like.")
        }
        do {
            _ = try Search.SearchRequest(
                request(like: like.map { API.Example(.clip(0), weight: ExampleArgument.weight(of: $0)) }))
        } catch {
            // What is wrong with the words is no wrong usage.
            guard let field = error.field, let option = Self.option(for: field) else { return }
            throw ValidationError("\(option) \(error.problem).")
        }
        if let number, !(1...limit).contains(number - offset) {
            throw ValidationError("--number must be the number of a result: \(offset + 1) to \(offset + limit).")
        }
        guard !(picture && text) else { throw ValidationError("Give --picture or --text, not both.") }
        guard scope == .local || !(watch || play || preview || thumbnails != nil || format != nil) else {
            throw ValidationError(
                "--scope fleet finds what may lie on other machines: leave out --play, --preview, --thumbnails, --format and --watch."
            )
        }
        guard scope == .local || filters.filters.root == nil else {
            throw ValidationError(
                "--root is a folder of this machine alone: with --scope fleet, give --under or --glob.")
        }
        guard [json, play, format != nil, watch].count(where: { $0 }) < 2 else {
            throw ValidationError("Give one of --json, --play, --format and --watch.")
        }
        guard !preview || !json && format == nil else {
            throw ValidationError("--preview is for people: leave out --json and --format.")
        }
        guard previewFormat == nil || preview else { throw ValidationError("--preview-format goes with --preview.") }
        guard thumbnails == nil || !watch else { throw ValidationError("Give --thumbnails or --watch, not both.") }
        guard columns == nil || thumbnails != nil else { throw ValidationError("--columns is for --thumbnails.") }
        guard ContactSheet.columns.contains(columns ?? Self.columns) else {
            throw ValidationError(
                "--columns must be \(ContactSheet.columns.lowerBound) to \(ContactSheet.columns.upperBound).")
        }
        guard thumbnails == nil || limit <= ContactSheet.maximumPictures else {
            throw ValidationError("With --thumbnails, --limit must be at most \(ContactSheet.maximumPictures).")
        }
        guard frameRate == nil || format == .edl || format == .otio else {
            throw ValidationError("--frame-rate is for --format edl and otio.")
        }
        guard (1...120).contains(frameRate ?? 25) else { throw ValidationError("--frame-rate must be 1 to 120.") }
    }

    /// Pictures in a row of a contact sheet.
    private static let columns = 4

    /// The option that sets a field of the request.
    static func option(for field: SearchError.Field) -> String? {
        switch field {
        case .query: nil
        case .limit: "--limit"
        case .offset: "--offset"
        case .rerankDepth: "--rerank"
        case .rerankBeta: "--beta"
        case .rerankDeadline: "--deadline"
        case .minProbability: "--min-probability"
        case .likes, .like: "--like"
        case .nots, .not: "--not"
        case .filter(.root): "--root"
        case .filter(.pathPrefix): "--under"
        case .filter(.pathGlob): "--glob"
        case .filter(.recordedAfter): "--after"
        case .filter(.recordedBefore): "--before"
        case .filter(.minDuration): "--min-duration"
        case .filter(.maxDuration): "--max-duration"
        }
    }

    private var typed: TypedQuery { TypedQuery(words.joined(separator: " ")) }

    /// - Parameter like: what ``like`` stands for.
    private func request(like: [API.Example]) -> API.SearchRequest {
        API.SearchRequest(
            query: typed.words,
            like: like,
            not: typed.exclusions.map { API.Exclusion($0) } + not.map(ExampleArgument.exclusion),
            limit: limit,
            offset: offset,
            filters: filters.filters,
            rerank: reranking.choice,
            minProbability: reranking.minProbability,
            group: byVideo ? .media : .clip,
            channel: picture ? .picture : text ? .words : .both,
            fold: fold ?? (!json && format == nil),
            scope: scope
        )
    }

    func run() async throws {
        let request = request(like: try like.map(ExampleArgument.example))
        if watch {
            try await watch(request)
            return
        }
        let sheet = try thumbnails.map { try Sheet(FilePath.absolute($0)) }
        let answer = try await ask(request)
        if let sheet {
            guard case .sent = answer else {
                throw CommandFailure(
                    .unavailable,
                    "A contact sheet needs the daemon, which has the pictures: start one with `saccade serve`.")
            }
            try await sheet.write(
                try answer.response, columns: columns ?? Self.columns,
                asking: ServiceClient(socket: places.socketToAsk(try places.load())))
        }
        if json {
            Terminal.output.document(try answer.json)
            return
        }
        let response = try answer.response
        LastSearch.remember(response, offset: offset)
        if let format {
            try export(response, of: request, as: format)
            return
        }
        try await show(SearchReport(request: request, response: response))
        if play { try open(response) }
    }

    /// Shows the answer, and then what comes into it. The events are read from before the first answer on, so that none is missed.
    private func watch(_ request: API.SearchRequest) async throws {
        let configuration = try places.load()
        let client = ServiceClient(socket: places.socketToAsk(configuration))
        var watch = SearchWatch(client)
        let changes = watch.changes()
        func look(isFirst: Bool) async throws {
            let response = try await client.request(.post, "/v1/search", body: request, as: API.SearchResponse.self)
            guard let news = watch.news(of: response) else {
                if isFirst { Terminal.error.line(SearchReport(request: request, response: response).emptiness) }
                return
            }
            var shown = request
            shown.offset = news.offset
            try await show(SearchReport(request: shown, response: news.response))
            var all = response
            all.results = watch.shown
            LastSearch.remember(all, offset: 0)
        }
        try await look(isFirst: true)
        for try await _ in changes { try await look(isFirst: false) }
    }

    /// An answer as it came.
    private enum Answer {
        /// From a daemon, which may be of another version: its own JSON.
        case sent([UInt8])
        case found(API.SearchResponse)

        var json: [UInt8] {
            get throws {
                switch self {
                case .sent(let bytes): bytes
                case .found(let response): Array(try API.encoder().encode(response))
                }
            }
        }

        var response: API.SearchResponse {
            get throws {
                switch self {
                case .found(let response): return response
                case .sent(let bytes):
                    do {
                        return try API.decoder().decode(API.SearchResponse.self, from: Data(bytes))
                    } catch {
                        throw CommandFailure(
                            .software, "The daemon's version differs from this program's: restart the daemon.")
                    }
                }
            }
        }
    }

    private func ask(_ request: API.SearchRequest) async throws -> Answer {
        let configuration = try places.load()
        let client = ServiceClient(socket: places.socketToAsk(configuration))
        do {
            return .sent(try await client.send(.post, "/v1/search", body: request))
        } catch  where error.code == .unavailable {
            guard request.scope == .local,
                let answer = try await DirectSearch.answer(request, configuration: configuration)
            else { throw error }
            return .found(answer)
        }
    }

    private func show(_ report: SearchReport) async throws {
        let (output, error) = (Terminal.output, Terminal.error)
        let previews = try preview ? makePreviews() : nil
        guard let lines = report.table?.lines() else {
            error.line(report.emptiness)
            return
        }
        if let note = report.response.note { error.line(Terminal.printable(note)) }
        if let warning = report.warning { error.line(warning) }
        output.line(output.styled(lines[0], .dim))
        for (row, result) in report.response.results.enumerated() {
            output.line(report.linked(result, in: lines[row + 1], on: output))
            if let picture = await previews?.text(of: result, on: output) { output.write(Array(picture.utf8)) }
            let text = report.texts[row]
            if let text { output.line(output.styled(text, .dim)) }
        }
        error.line(error.styled(report.summary, .dim))
    }

    private func makePreviews() throws -> Previews {
        let output = Terminal.output
        guard previewFormat != nil || output.isInteractive else {
            throw CommandFailure(
                .output,
                "--preview shows pictures in a terminal, and the output is none: name --preview-format to force it.")
        }
        let configuration = try places.load()
        return try Previews(
            configuration, client: ServiceClient(socket: places.socketToAsk(configuration), timeout: 10),
            format: previewFormat ?? output.pictureFormat(ProcessInfo.processInfo.environment))
    }

    private func export(
        _ response: API.SearchResponse, of request: API.SearchRequest, as format: MomentList.Format
    ) throws {
        let moments = response.results.filter(\.media.online).map { Moment($0) }
        let list = MomentList(title: SearchReport.title(of: request), moments: moments, frameRate: frameRate ?? 25)
        Terminal.output.write(try list.exported(as: format))
        let offline = response.results.count - moments.count
        if offline > 0 {
            Terminal.error.line(
                "saccade: left out \(Quantities.count(offline, "result")) on disks that aren't connected")
        }
    }

    private func open(_ response: API.SearchResponse) throws {
        let place = (number ?? offset + 1) - offset - 1
        guard place < response.results.count else {
            throw CommandFailure(.noInput, "There is no result number \(place + offset + 1) to play.")
        }
        let result = response.results[place]
        guard result.media.online else {
            throw CommandFailure(.noInput, "\(result.media.path.text) is offline: connect its disk, then try again.")
        }
        try Player.open(result.media.path.bytes, at: result.start)
    }
}

extension MomentList.Format: ExpressibleByArgument {}
extension PictureFormat: ExpressibleByArgument {}
