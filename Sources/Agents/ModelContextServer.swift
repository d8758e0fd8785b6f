internal import Synchronization

/// Speaks the Model Context Protocol with one client: offers tools, runs them beside each other, answers each call once.
///
/// No line that comes in ends it: what can't be read gets an error, and the next line its turn.
package final class ModelContextServer: Sendable {
    /// Calls at work at once; more are refused, so that a client that has lost control of itself can't take the whole machine.
    package static let maximumCalls = 16

    private struct State {
        /// By the id of their requests. Who removes a call from here may answer it.
        var calls: [String: Task<Void, Never>] = [:]
        /// Since a handshake.
        var agreed: ProtocolRevision?
    }

    private let version: String
    private let instructions: String
    private let tools: [Tool]
    private let output: @Sendable ([UInt8]) async -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - version: of this program.
    ///   - instructions: what a model should know of the tools together.
    ///   - output: writes one line, given with its newline. Called by many tasks at once; it keeps lines whole.
    package init(
        version: String, instructions: String, tools: [Tool], output: @escaping @Sendable ([UInt8]) async -> Void
    ) {
        self.version = version
        self.instructions = instructions
        self.tools = tools
        self.output = output
    }

    /// Answers until the input ends and the calls that are at work by then have ended.
    ///
    /// - Parameter input: bytes in pieces of any size.
    package func run<Input: AsyncSequence>(_ input: Input) async
    where Input.Element == [UInt8], Input.Failure == Never {
        var lines = MessageLines()
        for await bytes in input {
            for line in lines.append(bytes) { await receive(line) }
        }
        if let line = lines.finish() { await receive(line) }
        for call in state.withLock({ Array($0.calls.values) }) { await call.value }
    }

    private func receive(_ line: MessageLines.Line) async {
        do throws(RPCError) {
            guard case .message(let bytes) = line else {
                throw RPCError(.invalidRequest, "The line has more than \(MessageLines.maximumBytes) bytes.")
            }
            switch try Message.parse(bytes) {
            case .response: return
            case .notification("notifications/cancelled", let parameters): cancel(parameters["requestId"])
            case .notification: return
            case .request(let request): try await answer(request)
            }
        } catch {
            await send(error.response)
        }
    }

    private func answer(_ request: Message.Request) async throws(RPCError) {
        do throws(RPCError) {
            let revision = try revision(of: request)
            let name = request.method
            switch (name, revision?.isStateless) {
            case ("initialize", _):
                let revision = try agree(on: request.parameters)
                await send(Self.result(initialized(as: revision), for: request.id))
            case ("ping", nil), ("ping", false):
                await send(Self.result([:], for: request.id))
            case (_, nil):
                throw RPCError(
                    .invalidParameters,
                    "Send “initialize” first, or name the protocol's revision in “_meta”: \(Self.versionKey).")
            case ("server/discover", true):
                await send(Self.result(completed(discovered), for: request.id))
            case ("tools/list", let isStateless?):
                let list = try listed(request.parameters, isStateless: isStateless)
                await send(Self.result(isStateless ? completed(list) : .object(list), for: request.id))
            case ("tools/call", let isStateless?):
                try start(request, isStateless: isStateless)
            default:
                throw RPCError(.methodNotFound, "There is no method “\(name.prefix(60))”.")
            }
        } catch {
            throw RPCError(error.code, error.message, id: request.id, data: error.data)
        }
    }

    // MARK: Revisions

    private static let versionKey = "io.modelcontextprotocol/protocolVersion"
    private static let capabilitiesKey = "io.modelcontextprotocol/clientCapabilities"

    /// - Returns: nil before anything is agreed on, for a request that names no revision.
    private func revision(of request: Message.Request) throws(RPCError) -> ProtocolRevision? {
        // What a handshake asks for stands in the request itself, whatever else it carries.
        guard request.method != "initialize", let named = request.parameters["_meta"]?[Self.versionKey] else {
            return state.withLock(\.agreed)
        }
        guard case .string(let text) = named else {
            throw RPCError(.invalidParameters, "“\(Self.versionKey)” must be a string.")
        }
        guard let revision = ProtocolRevision(rawValue: text), revision.isStateless else {
            let supported = ProtocolRevision.allCases.map { JSONValue.string($0.rawValue) }
            throw RPCError(
                .unsupportedProtocolVersion, "A request can't be of the protocol's revision “\(text.prefix(40))”.",
                data: ["supported": .array(supported), "requested": named])
        }
        guard case .object? = request.parameters["_meta"]?[Self.capabilitiesKey] else {
            throw RPCError(.invalidParameters, "“_meta” must have “\(Self.capabilitiesKey)”, an object.")
        }
        return revision
    }

    /// The revision that the client asks for where it is spoken, else the newest.
    private func agree(on parameters: JSONValue) throws(RPCError) -> ProtocolRevision {
        guard case .string(let asked)? = parameters["protocolVersion"] else {
            throw RPCError(.invalidParameters, "“protocolVersion” must be a string.")
        }
        let agreed =
            ProtocolRevision.byHandshake.first { $0.rawValue == asked } ?? ProtocolRevision.byHandshake[0]
        state.withLock { $0.agreed = agreed }
        return agreed
    }

    private var identity: JSONValue {
        ["name": "saccade", "title": "Saccade", "version": .string(version)]
    }

    private func initialized(as revision: ProtocolRevision) -> JSONValue {
        [
            "protocolVersion": .string(revision.rawValue), "capabilities": ["tools": [:]], "serverInfo": identity,
            "instructions": .string(instructions),
        ]
    }

    private var discovered: [String: JSONValue] {
        cacheable([
            "supportedVersions": .array(ProtocolRevision.allCases.map { .string($0.rawValue) }),
            "capabilities": ["tools": [:]], "instructions": .string(instructions),
        ])
    }

    /// With what results of a stateless revision have besides.
    private func completed(_ result: [String: JSONValue]) -> JSONValue {
        .object(
            result.merging([
                "resultType": "complete", "_meta": ["io.modelcontextprotocol/serverInfo": identity],
            ]) { $1 })
    }

    /// The same for whoever asks, as long as the program is the same one.
    private func cacheable(_ result: [String: JSONValue]) -> [String: JSONValue] {
        result.merging(["ttlMs": 3_600_000, "cacheScope": "public"]) { $1 }
    }

    // MARK: Tools

    private func listed(_ parameters: JSONValue, isStateless: Bool) throws(RPCError) -> [String: JSONValue] {
        if let cursor = parameters["cursor"], cursor != .null {
            throw RPCError(.invalidParameters, "There is one page of tools: leave “cursor” out.")
        }
        let list: [String: JSONValue] = ["tools": .array(tools.map(\.listed))]
        return isStateless ? cacheable(list) : list
    }

    /// Begins a call, which is answered when it has ended.
    private func start(_ request: Message.Request, isStateless: Bool) throws(RPCError) {
        guard case .string(let name)? = request.parameters["name"] else {
            throw RPCError(.invalidParameters, "“name” must be a string.")
        }
        guard let tool = tools.first(where: { $0.name == name }) else {
            throw RPCError(.invalidParameters, "There is no tool “\(name.prefix(60))”.")
        }
        guard case .object(let given) = request.parameters["arguments"] ?? [:] else {
            throw RPCError(.invalidParameters, "“arguments” must be an object.")
        }
        let key = Self.key(of: request.id)
        let refusal: RPCError? = state.withLock { state in
            guard state.calls[key] == nil else {
                return RPCError(.invalidRequest, "A call with this id is at work.")
            }
            guard state.calls.count < Self.maximumCalls else {
                return RPCError(
                    .internalError, "\(Self.maximumCalls) calls are at work: wait until one of them has ended.")
            }
            // It can't end, and so take itself out, before this lock is given back.
            state.calls[key] = Task { await call(tool, given, for: request.id, isStateless: isStateless) }
            return nil
        }
        if let refusal { throw refusal }
    }

    private func call(
        _ tool: Tool, _ given: [String: JSONValue], for id: JSONValue, isStateless: Bool
    ) async {
        let answer: JSONValue
        do {
            let content: [String: JSONValue]
            do {
                content = try await tool.call(ToolArguments(given, for: tool.parameters)).content
            } catch let error as ToolError {
                content = error.content
            }
            answer = Self.result(isStateless ? completed(content) : .object(content), for: id)
        } catch {
            answer = RPCError(.internalError, "The tool failed: \(error)", id: id).response
        }
        // One that was cancelled is answered no more.
        guard state.withLock({ $0.calls.removeValue(forKey: Self.key(of: id)) }) != nil else { return }
        await send(answer)
    }

    private func cancel(_ id: JSONValue?) {
        guard let id else { return }
        state.withLock { $0.calls.removeValue(forKey: Self.key(of: id)) }?.cancel()
    }

    /// "1" and 1 are different ids.
    private static func key(of id: JSONValue) -> String { "\(id)" }

    // MARK: Output

    private static func result(_ result: JSONValue, for id: JSONValue) -> JSONValue {
        ["jsonrpc": "2.0", "id": id, "result": result]
    }

    private func send(_ message: JSONValue) async {
        // What a tool found was a text before: nothing is left that can't be one.
        guard let text = try? message.text() else { return }
        await output(text + [UInt8(ascii: "\n")])
    }
}
