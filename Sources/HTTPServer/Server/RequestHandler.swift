import API
import Basics
import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOFoundationCompat
import Settings
import Threads

/// Answers one request. Knows routes, limits and JSON; knows nothing of sockets.
struct RequestHandler: Sendable {
    let backend: any Backend
    let limits: LiveLimits
    let events: Broadcast<EventStreamItem>
    let eventCapacity: Int
    let logger: Logger
    /// What is short: it never waits for what takes the processor.
    private let requests = Gate()
    /// Searches and descriptions.
    private let searches = Gate()
    /// Searches that bring pictures.
    private let uploads = Gate()
    /// Thumbnails wait for a decoder, so they have places of their own and can't take those of searches.
    private let thumbnails = Gate()
    /// One is made at a time, so few may wait.
    private let previews = Gate()
    /// Players hold a file for as long as they play it.
    private let files = Gate()
    /// Each keeps the databases' logs from being written back.
    private let backups = Gate()
    private let meter = RequestMeter()
    private let page: SearchPage?
    private let openPage: @Sendable (Access) async throws -> API.PageAddress
    let refusals = Refusals()

    /// - Parameters:
    ///   - page: Whose files have the description of the API.
    ///   - openPage: An address that lets a browser into the search page, for what its user may do.
    init(
        backend: any Backend, limits: LiveLimits, events: Broadcast<EventStreamItem>, eventCapacity: Int,
        logger: Logger, page: SearchPage?, openPage: @escaping @Sendable (Access) async throws -> API.PageAddress
    ) {
        self.backend = backend
        self.limits = limits
        self.events = events
        self.eventCapacity = eventCapacity
        self.logger = logger
        self.page = page
        self.openPage = openPage
    }

    /// - Parameters:
    ///   - door: Where the request came in, which says what it must show.
    ///   - isConnected: Whether somebody is there to read the answer.
    /// - Throws: Only when nobody is there to answer: what reading the body throws when the connection breaks, and
    ///   `CancellationError` of a search that ended because its client hung up.
    func respond(
        to request: Request,
        peer: Peer,
        door: Door,
        isConnected: @escaping @Sendable () -> Bool
    ) async throws -> Response {
        let begin = ContinuousClock.now
        var response: Response
        do {
            response = try await answer(request, of: peer, door: door, isConnected: isConnected)
        } catch let error as ConnectionBroken {
            throw error.underlying
        } catch let error as CancellationError where !isConnected() {
            logger.debug(
                "the client hung up before the answer",
                metadata: peer.metadata.merging(["path": "\(request.uri.path)"]) { $1 })
            throw error
        } catch {
            var path = request.uri.path
            if case .page(let page) = door { path = page.apiPath(path) }
            response = Self.response(for: apiError(for: error, of: request), path: path)
        }
        if case .page = door { SearchPage.protect(&response) }
        let elapsed = (ContinuousClock.now - begin) / .milliseconds(1)
        var path = request.uri.path
        if case .page(let page) = door { path = page.apiPath(path) }
        meter.record(
            (try? Endpoint.find(method: request.method, path: path))?.name ?? "none",
            status: response.status.code, seconds: elapsed / 1000)
        // Who looks at a status page asks every second; a browser asks whether what it has is still right.
        let isRoutine =
            request.method == .get && (response.status.kind == .successful || response.status == .notModified)
        logger.log(
            // Of those that show no token, the log has a line now and then.
            level: isRoutine || response.status == .unauthorized ? .debug : .info,
            "\(request.method.rawValue) \(request.uri.path) \(response.status.code)",
            metadata: peer.metadata.merging(["ms": "\((elapsed * 100).rounded() / 100)"]) { $1 }
        )
        return response
    }

    /// The error that the client gets; the details of one that isn't the client's go to the log.
    private func apiError(for error: any Error, of request: Request) -> APIError {
        if let error = error as? APIError { return error }
        logger.error("request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
        return APIError(.internalError, "internal error; see the daemon's log")
    }

    private func answer(
        _ request: Request,
        of peer: Peer,
        door: Door,
        isConnected: @escaping @Sendable () -> Bool
    ) async throws -> Response {
        var path = request.uri.path
        let access: Access
        switch door {
        case .socket(let socket):
            guard let granted = socket.access(of: peer) else { throw APIError.notGranted }
            access = granted
        case .token(let token):
            try PageOrigin(proxied: limits.current.pageOrigin).checkName(request.head)
            guard token.isShown(by: request.headers[.authorization]) else {
                try? await Task.sleep(
                    for: refusals.note(logger, "a request had no token, or a wrong one", peer.metadata))
                throw APIError(.unauthorized, "a token is required: send “Authorization: Bearer TOKEN”")
            }
            access = .full
        case .page(let page):
            switch try page.admit(request) {
            case .answered(let response): return response
            case .api(let rest, let granted): (path, access) = (rest, granted)
            }
        }
        let endpoint = try Endpoint.find(method: request.method, path: path)
        guard access == .full || !endpoint.changesSomething else {
            throw APIError(
                .forbidden, "you may search here, not change anything; access.users and access.groups say who may")
        }
        if let reason = endpoint.socketOnlyReason {
            guard case .socket = door else { throw APIError(.forbidden, reason) }
        }
        if endpoint == .events { return try eventStream(request) }
        // It waits for nobody: who asks wants to know whether the daemon answers at all.
        if endpoint == .live { return try json(API.Health()) }

        let limits = limits.current
        // Before it takes a place: a body that trickles holds nobody else up, but other pictures.
        let upload = try endpoint == .search ? uploadPlace(for: request, limits: limits) : nil
        defer { upload?.end() }
        let size = upload == nil ? limits.maxBodyBytes : limits.maxBodyBytes + Self.largestPictures
        let body = endpoint.takesBody ? try await body(of: request, limit: size) : Data()
        let (gate, limit) =
            switch endpoint {
            case .search, .description: (searches, limits.maxRequests)
            case .thumbnail: (thumbnails, max(1, limits.maxRequests / 4))
            case .preview: (previews, max(1, limits.maxRequests / 8))
            case .file: (files, max(1, limits.maxRequests / 2))
            case .backup: (backups, 1)
            default: (requests, limits.maxRequests)
            }
        guard let place = gate.enter(limit: limit) else {
            throw APIError(
                .overloaded, "there are \(limit) concurrent requests of this kind already; try again in a second")
        }
        if endpoint == .search {
            let search = try RequestDecoding.decode(API.SearchRequest.self, from: body)
            // What is no picture is no longer than in other requests.
            guard body.count - Self.inBase64(search.imageBytes) <= limits.maxBodyBytes else {
                throw tooLarge(limits.maxBodyBytes)
            }
            try RequestDecoding.check(search, limits: limits)
            if search.stream {
                return try await answerStream(search, of: request, holding: place, isConnected: isConnected)
            }
            defer { place.end() }
            return try json(try await backend.search(search, while: isConnected))
        }
        if case .file(let media) = endpoint {
            return try await backend.file(ofMedia: media).response(to: request, holding: place)
        }
        if case .preview(let clip) = endpoint {
            return try await backend.preview(ofClip: clip).response(to: request, holding: place)
        }
        if endpoint == .backup { return try await backup(request, holding: place) }
        defer { place.end() }
        if endpoint == .page {
            guard case .page = door else { return try json(try await openPage(access), status: .created) }
            throw APIError(.forbidden, "the page can't let others in; run `saccade open` for another browser")
        }
        if case .saveSearch(let name) = endpoint {
            let search = try RequestDecoding.decode(API.SaveSearch.self, from: body)
            try RequestDecoding.check(search.search, limits: limits)
            if search.command != nil {
                guard case .socket = door else {
                    throw APIError(
                        .forbidden,
                        "a command is taken over the Unix socket alone: leave “command” out, or run `saccade saved add`"
                    )
                }
            }
            let saved = try await backend.save(search, as: name)
            return try json(saved.search, status: saved.isNew ? .created : .ok)
        }
        return try await answer(request, at: endpoint, body: body)
    }

    private func answer(_ request: Request, at endpoint: Endpoint, body: Data) async throws -> Response {
        switch endpoint {
        case .media(let id):
            return try json(try await backend.media(id))
        case .clip(let id):
            return try json(try await backend.clip(id))
        case .description(let id):
            return try json(try await backend.description(ofClip: id))
        case .thumbnail(let id):
            let bytes = try await backend.thumbnail(ofClip: id, side: try side(in: request))
            return Response(
                status: .ok,
                headers: [.contentType: "image/jpeg", .cacheControl: "private, max-age=86400"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            )
        case .status:
            return try json(try await backend.status())
        case .rescan:
            let root = body.isEmpty ? nil : try RequestDecoding.decode(API.RescanRequest.self, from: body).root
            return try json(try await backend.rescan(root: root), status: .accepted)
        case .roots:
            let path = API.Path(try RequestDecoding.decode(API.AddRoot.self, from: body).path)
            guard path.bytes.first == UInt8(ascii: "/"), !path.bytes.contains(0), path.bytes.count < 4096 else {
                throw APIError(.invalidRoot, "“path” must be the absolute path of a directory")
            }
            let added = try await backend.addRoot(path: path)
            return try json(added.root, status: added.isNew ? .created : .ok)
        case .root(let id):
            try await backend.removeRoot(id)
            return Response(status: .noContent)
        case .confirmRemoval(let id):
            return try json(try await backend.confirmRemoval(of: id))
        case .pause:
            let seconds = body.isEmpty ? nil : try RequestDecoding.decode(API.PauseRequest.self, from: body).seconds
            return try json(try await backend.pause(seconds: seconds))
        case .resume:
            return try json(try await backend.resume())
        case .ready:
            let health = await backend.readiness()
            return try json(health, status: health.status == .ok ? .ok : .serviceUnavailable)
        case .metrics:
            let text = MetricFamily.text(try await backend.metrics() + meter.families)
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        case .savedSearches:
            return try json(try await backend.savedSearches())
        case .savedSearch(let name):
            return try json(try await backend.savedSearch(name))
        case .removeSavedSearch(let name):
            try await backend.removeSavedSearch(name)
            return Response(status: .noContent)
        case .models:
            return try json(try await backend.models())
        case .useModel:
            let use = try RequestDecoding.decode(API.UseModel.self, from: body)
            let change = try await backend.useModel(use)
            return try json(change, status: use.dryRun || change.outcome != .building ? .ok : .accepted)
        case .model(let role):
            try await backend.forgetModel(role)
            return Response(status: .noContent)
        case .openAPI:
            guard let document = page?.openAPI(for: request) else {
                throw APIError(
                    .unavailable, "the description of the API is not installed; docs/API.md has it for people")
            }
            return document
        case .search, .events, .live, .file, .preview, .page, .saveSearch, .backup:
            throw APIError(.internalError, "what needs more than the request is answered before this")
        }
    }

    /// A backup as it is made; the connection ends early when it fails.
    ///
    /// - Parameter place: given back when it has ended.
    private func backup(_ request: Request, holding place: Lease) async throws -> Response {
        let stream: BackupStream
        do {
            stream = try await backend.backup(
                withRerankFeatures: try flag("rerank_features", in: request, default: true))
        } catch {
            place.end()
            throw error
        }
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-tar", .cacheControl: "no-store"],
            body: ResponseBody { [logger] writer in
                defer {
                    stream.end()
                    place.end()
                }
                do {
                    while let bytes = try await stream.next() { try await writer.write(ByteBuffer(bytes: bytes)) }
                } catch {
                    logger.warning("a backup ended early: \(error)")
                    throw error
                }
                try await writer.finish(nil)
            }
        )
    }

    /// The answers of a search as they come, a line each.
    ///
    /// - Parameter place: Given back when the search has ended, also when nobody reads its answers any more.
    /// - Throws: Of a search that fails before its first answer, so that the error has a status of its own.
    private func answerStream(
        _ search: API.SearchRequest,
        of request: Request,
        holding place: Lease,
        isConnected: @escaping @Sendable () -> Bool
    ) async throws -> Response {
        let answers = backend.searchStream(search, while: isConnected)
        guard let first = try await answers.first(where: { _ in true }) else { throw CancellationError() }
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                defer { place.end() }
                try await SearchStreamBody.write(first, then: answers, to: &writer) { error in
                    // Of a search that ended because its client is gone there is nothing to say.
                    isConnected() ? apiError(for: error, of: request) : nil
                }
            }
        )
    }

    /// Pictures of a search in base64.
    private static let largestPictures = inBase64(API.Example.maximumImageBytes)

    /// Characters of base64 in JSON at most, where slashes may be escaped and lines broken.
    private static func inBase64(_ bytes: Int) -> Int { bytes * 3 / 2 }

    /// What a search must have that says to bring pictures: few may, so that they don't fill the memory.
    ///
    /// - Returns: nil for a search that says it is no larger than others.
    /// - Throws: `overloaded`.
    private func uploadPlace(for request: Request, limits: Configuration.HTTP) throws(APIError) -> Lease? {
        guard let text = request.headers[.contentLength], let length = Int(text), length > limits.maxBodyBytes,
            length <= limits.maxBodyBytes + Self.largestPictures
        else { return nil }
        let limit = max(1, limits.maxRequests / 16)
        guard let place = uploads.enter(limit: limit) else {
            throw APIError(
                .overloaded, "there are \(limit) concurrent searches with pictures already; try again in a second")
        }
        return place
    }

    private func tooLarge(_ limit: Int) -> APIError {
        APIError(
            .bodyTooLarge,
            "the body has more than \(limit) bytes; send a shorter one, and pictures of a search with a Content-Length")
    }

    private func body(of request: Request, limit: Int) async throws -> Data {
        do {
            return Data(buffer: try await request.body.collect(upTo: limit))
        } catch is NIOTooManyBytesError {
            throw tooLarge(limit)
        } catch {
            throw ConnectionBroken(underlying: error)
        }
    }

    private func side(in request: Request) throws(APIError) -> Int? {
        for (name, value) in request.uri.queryParameters where name == "side" {
            guard let side = Int(value), (16...2048).contains(side) else {
                throw APIError(.invalidRequest, "“side” must be a whole number of pixels from 16 to 2048")
            }
            return side
        }
        return nil
    }

    private func flag(_ flag: String, in request: Request, default standard: Bool) throws(APIError) -> Bool {
        for (name, value) in request.uri.queryParameters where name == flag {
            guard let value = Bool(String(value)) else {
                throw APIError(.invalidRequest, "“\(flag)” must be true or false")
            }
            return value
        }
        return standard
    }

    private func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        var data = try API.encoder().encode(value)
        data.append(0x0A)
        return Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(data: data))
        )
    }

    private func eventStream(_ request: Request) throws -> Response {
        let limit = limits.current.maxEventStreams
        guard let subscription = events.subscribe(capacity: eventCapacity, limit: limit) else {
            throw APIError(
                .overloaded, "there are \(limit) readers of events already; close one or ask /v1/status instead")
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                defer { subscription.cancel() }
                try await EventStreamBody.write(subscription, of: request, to: &writer)
            }
        )
    }

    static func response(for error: APIError, path: String) -> Response {
        var headers: HTTPFields = [.contentType: "application/json; charset=utf-8"]
        switch error.code {
        case .overloaded, .unavailable: headers[.retryAfter] = "1"
        case .unauthorized: headers[.wwwAuthenticate] = "Bearer"
        // Nobody reads the rest.
        case .bodyTooLarge: headers[.connection] = "close"
        case .methodNotAllowed:
            let methods = [HTTPRequest.Method.get, .post, .put, .delete].filter {
                (try? Endpoint.find(method: $0, path: path)) != nil
            }
            // Else a file of the search page.
            headers[.allow] = methods.isEmpty ? "GET" : methods.map(\.rawValue).joined(separator: ", ")
        default: break
        }
        var data = (try? API.encoder().encode(API.ErrorBody(error))) ?? Data()
        data.append(0x0A)
        return Response(
            status: error.code.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(data: data))
        )
    }
}

extension APIError {
    /// For somebody whom the configuration names nowhere.
    static let notGranted = APIError(
        .forbidden,
        "this user may not use the daemon; its owner grants it with access.search_users, access.search_groups, access.users or "
            + "access.groups")
}

/// The connection failed while a body was read: there is nobody to answer.
private struct ConnectionBroken: Error {
    var underlying: any Error
}
