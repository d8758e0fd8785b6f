import API
import Agents
import ArgumentParser
import Basics
import Client
import Foundation
import Settings
import SystemPackage
import Terminal
import Threads

/// Lets agents search.
struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "Let an agent search, over the Model Context Protocol.",
        discussion: """
            Agents start this program themselves and speak with it over its standard input and output; docs/AGENTS.md says how it is added \
            to their settings. It only reads: moments and their pictures, what the model says of them, folders, progress.

              claude mcp add saccade -- saccade mcp
              saccade mcp --state ~/footage.index

            Asks the daemon; if none is running, moments are searched in the databases in --state, and the rest is an error that says so.
            """
    )

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let configuration = try places.load()
        let source = LocalMoments(
            daemon: ServiceClient(socket: places.socketToAsk(configuration)), configuration: configuration)
        if isatty(STDIN_FILENO) == 1 {
            Terminal.error.line("This waits for the messages of an agent on its standard input; Ctrl-D ends it.")
        }
        // One thread each: lines are read and written in their order.
        let (input, output) = (BlockingExecutor(label: "input"), BlockingExecutor(label: "output"))
        let server = ModelContextServer(
            version: ProgramVersion.text, instructions: MomentTools.instructions, tools: MomentTools(source).all
        ) { line in
            await output.run { Terminal.output.write(line) }
        }
        await server.run(
            AsyncStream {
                let bytes = await input.run { Self.read() }
                return bytes.isEmpty ? nil : bytes
            })
    }

    /// What there is on standard input, as soon as there is something; nothing at its end.
    private static func read() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = unsafe (try? FileDescriptor.standardInput.read(into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
        }
    }
}

/// The daemon's moments; without a daemon, what the databases have of them.
private struct LocalMoments: MomentSource {
    let daemon: ServiceClient
    let configuration: Settings.Configuration

    func search(_ request: API.SearchRequest) async throws -> API.SearchResponse {
        do {
            return try await daemon.search(request)
        } catch let error as ClientError where error.code == .unavailable {
            guard let answer = try await DirectSearch.answer(request, configuration: configuration) else { throw error }
            return answer
        }
    }

    func clip(_ id: Int64) async throws -> API.Clip { try await daemon.clip(id) }

    func picture(ofClip id: Int64, side: Int) async throws -> [UInt8] {
        try await daemon.picture(ofClip: id, side: side)
    }

    func description(ofClip id: Int64) async throws -> API.ClipDescription {
        try await daemon.description(ofClip: id)
    }

    func status() async throws -> API.Status { try await daemon.status() }
}
