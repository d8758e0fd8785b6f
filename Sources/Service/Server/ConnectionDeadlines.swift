import HTTPTypes
import Foundation
import NIOCore
import NIOHTTPTypes

/// Closes connections of clients that are slow on purpose or dead: each request must arrive, and each write must be taken, in
/// time, and a connection may not idle for ever.
///
/// A trickled head counts as idling, so the slowest attack holds one of the limited connections for `idle`.
final class ConnectionDeadlines: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let request: TimeAmount
    private let idle: TimeAmount
    private var readTimer: Scheduled<Void>?
    private var writeTimer: Scheduled<Void>?
    /// Requests whose head came and whose answer isn't complete.
    private var inWork = 0
    private var isReceiving = false
    private var isAnswering = false
    private var unwritten = 0

    init(request: TimeAmount, idle: TimeAmount) {
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
            readTimer?.cancel()
            readTimer = nil
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind != .informational:
            isAnswering = true
        case .end:
            inWork -= 1
            isAnswering = false
            if inWork == 0 { startIdling(context) }
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
    }

    private func startIdling(_ context: ChannelHandlerContext) {
        guard !isReceiving else { return }
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
        guard !isAnswering else {
            context.close(promise: nil)
            return
        }
        let error = APIError(.timeout, "the request did not arrive in time; send it in one go")
        var body = (try? API.encoder().encode(API.ErrorBody(error))) ?? Data()
        body.append(0x0A)
        let head = HTTPResponse(
            status: .requestTimeout,
            headerFields: [
                .contentType: "application/json; charset=utf-8", .contentLength: "\(body.count)", .connection: "close",
            ]
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
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
