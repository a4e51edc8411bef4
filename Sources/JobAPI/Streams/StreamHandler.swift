internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Writes event streams where the connection lives, without a task of their own: events as they come. Every event stream, also one that a task
/// writes, gets a comment now and then, so that proxies keep it and a client that has gone is noticed. Whole parts pass one at a time: a
/// comment can never split an event. It is a line without a blank one behind it, because some clients take every block for an event.
final class StreamHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let interval: Duration
    private var context: ChannelHandlerContext?
    private var session: StreamSession?
    private var finished: EventLoopPromise<Void>?
    private var next: Scheduled<Void>?
    private var isQuiescing = false
    private var isStream = false

    init(_ limits: ConnectionLimits) {
        interval = limits.heartbeat
    }

    /// Returns when the stream has ended: by its jobs, by the client, or by the server's shutdown.
    static func run(on channel: any Channel, _ session: @escaping @Sendable () -> StreamSession) async throws {
        try await channel.eventLoop.flatSubmit {
            do {
                return try channel.pipeline.syncOperations.handler(type: StreamHandler.self).begin(session())
            } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }.get()
    }

    private func begin(_ session: StreamSession) throws -> EventLoopFuture<Void> {
        guard let context, context.channel.isActive, !isQuiescing else { throw ChannelError.ioOnClosedChannel }
        let promise = context.eventLoop.makePromise(of: Void.self)
        finished = promise
        self.session = session
        session.open(self, on: context.eventLoop)
        return promise.futureResult
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        next?.cancel()
        end()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        next?.cancel()
        end()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            end()
        // A client that has said all it has to say is gone, as far as streams go.
        case ChannelEvent.inputClosed: end()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// The answer's last part follows, by the request's task.
    func end() {
        session?.close()
        session = nil
        finished?.succeed()
        finished = nil
    }

    /// False while the client reads too slowly: what comes then waits in the session's box.
    var hasRoom: Bool { context?.channel.isWritable ?? false }

    func write(_ bytes: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(.body(bytes)), promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { session?.deliver() }
        context.fireChannelWritabilityChanged()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            isStream = head.headerFields[.contentType] == "text/event-stream"
            if isStream { beat(context) }
        case .body: break
        case .end where isStream:
            next?.cancel()
            context.writeAndFlush(data).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
            promise?.succeed()
            return
        case .end: break
        }
        context.write(data, promise: promise)
    }

    private func beat(_ context: ChannelHandlerContext) {
        next = schedule(in: interval, context) { [self] context in
            // A client that does not read gets no more comments on top.
            if context.channel.isWritable { write(ByteBuffer(string: ": heartbeat\n")) }
            beat(context)
        }
    }
}
