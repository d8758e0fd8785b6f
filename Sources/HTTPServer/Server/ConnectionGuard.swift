import API
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Ends connections of clients that are slow on purpose, dead, or don't speak HTTP: each request must arrive, and each
/// write must be taken, in time, and a connection may not idle for ever.
///
/// What can't be understood is answered with an error of the API, after the answers to the requests before it.
///
/// A trickled head counts as idling, so the slowest attack holds one of the limited connections for `idle`.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a client that was refused may take to hang up: one that still sends when we do loses the answer over TCP.
    private static let linger = TimeAmount.seconds(1)

    private let connections: OpenConnections
    private let request: TimeAmount
    private let idle: TimeAmount
    private var readTimer: Scheduled<Void>?
    private var writeTimer: Scheduled<Void>?
    /// Requests whose head came and whose answer isn't complete.
    private var inWork = 0
    private var isReceiving = false
    private var isAnswering = false
    /// The answer that is under way is to a request whose rest nobody wants.
    private var isLast = false
    private var unwritten = 0
    /// Why nothing more can be read.
    private var malformation: HTTPParserError?
    /// The last answer was sent, whatever else is written.
    private var isOver = false

    /// - Parameters:
    ///   - connections: is told whether the client is waited for.
    ///   - request: how long a request, and each part of an answer, may take.
    ///   - idle: how long nothing may be asked.
    init(connections: OpenConnections, request: TimeAmount, idle: TimeAmount) {
        self.connections = connections
        self.request = request
        self.idle = idle
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { startIdling(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        startIdling(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stop()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            inWork += 1
            isReceiving = true
            scheduleRead(context, in: request)
        case .body:
            break
        case .end:
            isReceiving = false
            guard !isOver else { break }
            readTimer?.cancel()
            readTimer = nil
            if inWork > 0 { connections.note(context.channel, isWaiting: false) }
            // Answered before it was read to its end.
            if inWork == 0 { startIdling(context) }
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError, context.channel.isActive else {
            context.fireErrorCaught(error)
            return
        }
        guard malformation == nil, !isOver else { return }
        malformation = error
        readTimer?.cancel()
        readTimer = nil
        answerMalformation(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOver else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        var isEnd = false
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind != .informational:
            isAnswering = true
            isLast = isReceiving && head.headerFields[.connection] == "close"
        case .end:
            inWork -= 1
            isAnswering = false
            isEnd = true
            if inWork == 0, malformation == nil, !isLast { startIdling(context) }
        default:
            break
        }
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        unwritten += 1
        scheduleWrite(context)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.unwritten -= 1
            self.writeTimer?.cancel()
            self.writeTimer = nil
            if self.unwritten > 0, context.channel.isActive { self.scheduleWrite(context) }
        }
        context.write(data, promise: written)
        guard isEnd else { return }
        if isLast {
            context.flush()
            end(context)
        } else {
            answerMalformation(context)
        }
    }

    /// Refuses what was malformed once the requests before it are answered.
    private func answerMalformation(_ context: ChannelHandlerContext) {
        guard let malformation, !isOver, !isAnswering, inWork <= (isReceiving ? 1 : 0) else { return }
        // A request whose body turns out malformed may have had its answer by then.
        if isReceiving, inWork == 0 { context.flush() } else { refuse(APIError(malformation), context) }
        end(context)
        context.fireErrorCaught(malformation)
    }

    /// Hangs up, but not before the client had time to read the last answer.
    private func end(_ context: ChannelHandlerContext) {
        isOver = true
        context.close(mode: .output, promise: nil)
        readTimer?.cancel()
        readTimer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.linger) { context.close(promise: nil) }
    }

    private func refuse(_ error: APIError, _ context: ChannelHandlerContext) {
        var body = (try? API.encoder().encode(API.ErrorBody(error))) ?? Data()
        body.append(0x0A)
        let head = HTTPResponse(
            status: error.code.status,
            headerFields: [
                .contentType: "application/json; charset=utf-8", .contentLength: "\(body.count)", .connection: "close",
            ]
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func startIdling(_ context: ChannelHandlerContext) {
        guard !isReceiving else { return }
        connections.note(context.channel, isWaiting: true)
        scheduleRead(context, in: idle)
    }

    private func scheduleRead(_ context: ChannelHandlerContext, in time: TimeAmount) {
        readTimer?.cancel()
        readTimer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.readTimeout(context) }
    }

    private func readTimeout(_ context: ChannelHandlerContext) {
        guard isReceiving else {
            context.close(promise: nil)
            return
        }
        // An earlier request on this connection still holds this one up: that is our slowness.
        guard inWork <= 1 else {
            scheduleRead(context, in: request)
            return
        }
        if inWork == 1, !isAnswering {
            refuse(APIError(.timeout, "the request did not arrive in time; send it in one go"), context)
        }
        context.close(promise: nil)
    }

    private func scheduleWrite(_ context: ChannelHandlerContext) {
        guard writeTimer == nil else { return }
        writeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: request) { context.close(promise: nil) }
    }

    private func stop() {
        readTimer?.cancel()
        readTimer = nil
        writeTimer?.cancel()
        writeTimer = nil
    }
}

extension APIError {
    /// What a client is told that sent something else than HTTP/1.1.
    init(_ error: HTTPParserError) {
        switch error {
        case .headerOverflow:
            self.init(.headersTooLarge, "the request's line and headers are too long; send fewer or shorter ones")
        case .invalidEOFState:
            self.init(.malformedRequest, "the request ended before it was complete; send all that its headers announce")
        default:
            self.init(
                .malformedRequest,
                "this is not HTTP/1.1 (\(error.debugDescription)); docs/API.md shows requests that work")
        }
    }
}
