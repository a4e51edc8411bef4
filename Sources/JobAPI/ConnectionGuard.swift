internal import HTTPTypes
internal import JobModel
internal import NIOCore
internal import NIOHTTPTypes

/// What one connection may take of our time. All deadlines are absolute: a byte now and then does not extend them.
package struct ConnectionLimits: Sendable {
    /// From the connection's opening to the end of its first request head.
    package var head: Duration = .seconds(10)
    /// From the end of an answer to the end of the next request head.
    package var keepAlive: Duration = .seconds(65)
    /// A body may take this long, and then as long as its bytes so far pay for at `bodyBytesPerSecond`.
    package var bodyGrace: Duration = .seconds(10)
    package var bodyBytesPerSecond = 1024
    /// How long an answer may wait for a client that does not read.
    package var stalledWrite: Duration = .seconds(60)
    /// After an early answer (413, 415, …) the rest of the body is read and dropped for so long, that the client sees the answer.
    package var discard: Duration = .seconds(5)
    /// Between comments on an event stream.
    package var heartbeat: Duration = .seconds(15)
    package var socket = SocketLimits()

    package init() {}
}

/// Cuts off clients that are slower than a working one could be. Stands behind the HTTP decoder: it sees heads, bodies and ends.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ConnectionLimits
    /// When the connection closes unless something changes; there is one at every moment but while an answer is being made.
    private var deadline: Scheduled<Void>?
    private var stall: Scheduled<Void>?
    private var isReceiving = false
    /// Request heads without the end of their answer: more than one when the client pipelines.
    private var openAnswers = 0
    /// The answer under way says that it is the last one; it was sent.
    private var (isLast, isEnding) = (false, false)
    private var bodyStart = NIODeadline.distantPast
    private var bodyBytes = 0

    init(_ limits: ConnectionLimits) {
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        closeConnection(in: limits.head, context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        stall?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        stall?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): beginBody(head, context)
        case .body(let bytes): bodyBytes += bytes.readableBytes
        case .end: endBody(context)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where isWordless(head): writeRefusal(head, context, promise)
        case .head(let head):
            isLast = head.headerFields[.connection]?.lowercased() == "close"
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            endAnswer(context)
        default: context.write(data, promise: promise)
        }
    }

    /// The server below answers what is no HTTP with a bare 400; every answer of ours has a request id.
    private func isWordless(_ head: HTTPResponse) -> Bool {
        head.status == .badRequest && head.headerFields[named: "X-Request-ID"] == nil
    }

    private func writeRefusal(_ head: HTTPResponse, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let requestID = RequestIDs.accepted(nil)
        let body = Problem.notHTTP.document(requestID: requestID, path: "").bytes
        var head = head
        head.headerFields[named: "X-Request-ID"] = requestID
        head.headerFields[.contentType] = "application/problem+json"
        head.headerFields[.contentLength] = String(body.count)
        context.write(wrapOutboundOut(.head(head)), promise: promise)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = context.channel.isWritable ? nil : schedule(in: limits.stalledWrite, context) { $0.close(promise: nil) }
        context.fireChannelWritabilityChanged()
    }

    private func beginBody(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
        // Clients such as curl wait a second for this before they send a large body; in a pipeline it would come out of turn.
        if openAnswers == 0, head.headerFields[.expect]?.lowercased() == "100-continue" {
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        }
        isReceiving = true
        openAnswers += 1
        bodyStart = .now()
        bodyBytes = 0
        checkBody(in: limits.bodyGrace, context)
    }

    /// From here on the time is ours: handlers have limits of their own.
    private func endBody(_ context: ChannelHandlerContext) {
        isReceiving = false
        deadline?.cancel()
        if openAnswers == 0 || isEnding { closeConnection(in: isEnding ? limits.discard : limits.keepAlive, context) }
    }

    /// An answer to a request that is still arriving was an early refusal: the rest is dropped by the server, for a while.
    private func endAnswer(_ context: ChannelHandlerContext) {
        openAnswers -= 1
        isEnding = isEnding || isLast
        // A request that came behind one which listened for the client is never answered.
        guard openAnswers == 0 || isEnding else { return }
        closeConnection(in: isReceiving || isEnding ? limits.discard : limits.keepAlive, context)
    }

    private func closeConnection(in delay: Duration, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = schedule(in: delay, context) { $0.close(promise: nil) }
    }

    /// The next look is when the bytes so far are used up, and at least a second away.
    private func checkBody(in delay: Duration, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = schedule(in: delay, context) { [self] context in
            let paid = TimeAmount(limits.bodyGrace) + .milliseconds(Int64(bodyBytes) * 1000 / Int64(max(1, limits.bodyBytesPerSecond)))
            let left = bodyStart + paid - .now()
            if left <= .zero {
                context.close(promise: nil)
            } else {
                checkBody(in: .nanoseconds(max(left.nanoseconds, 1_000_000_000)), context)
            }
        }
    }
}

extension ChannelHandler {
    /// Runs on the event loop of the handler, which cancels it when it leaves the pipeline: the context is valid whenever it runs.
    /// A connection that is slow to become active is not spared.
    func schedule(
        in delay: Duration, _ context: ChannelHandlerContext, _ action: @escaping (ChannelHandlerContext) -> Void
    ) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
            action(context)
        }
    }
}
