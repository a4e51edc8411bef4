internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1

/// Turns a connection into a WebSocket at the moment when its 101 is written. Until then the request is one like any other: the limits of
/// `ConnectionGuard` hold, every refusal is a plain HTTP answer.
final class SocketUpgrade: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ConnectionLimits
    private var session: SocketSession?
    private var isQuiescing = false
    /// HTTP/1.1 is not spoken behind a request that asks for another protocol: its parser has stopped there.
    private var mustClose = false

    init(_ limits: ConnectionLimits) {
        self.limits = limits
    }

    /// Called by the route before it answers 101. On any thread.
    static func offer(_ session: @escaping @Sendable () -> SocketSession, on channel: any Channel) async throws {
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: SocketUpgrade.self).session = session()
        }.get()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { isQuiescing = true }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data), head.headerFields[.upgrade] != nil { mustClose = true }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status == .switchingProtocols && session != nil:
            upgrade(context, head)
            promise?.succeed()
        case .head(var head) where mustClose && head.status.kind != .informational:
            head.headerFields[.connection] = "close"
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end where mustClose:
            context.writeAndFlush(data, promise: promise)
            context.close(mode: .output, promise: nil)
        default: context.write(data, promise: promise)
        }
    }

    private func upgrade(_ context: ChannelHandlerContext, _ head: HTTPResponse) {
        guard let session else { return }
        let pipeline = context.pipeline.syncOperations
        let handler = SocketHandler(session, limits, answer: SocketUpgrade.bytes(head), mustLeave: isQuiescing)
        self.session = nil
        remove(HTTPConnectionStateHandler.self, pipeline)
        remove(ConnectionGuard.self, pipeline)
        remove(StreamHandler.self, pipeline)
        remove(HTTP1ToHTTPServerCodec.self, pipeline)
        remove(HTTPResponseEncoder.self, pipeline)
        remove(ByteToMessageHandler<HTTPRequestDecoder>.self, pipeline)
        pipeline.removeHandler(context: context, promise: nil)
        do { try pipeline.addHandler(handler, position: .first) } catch { context.close(promise: nil) }
    }

    private func remove<Handler: RemovableChannelHandler>(_ type: Handler.Type, _ pipeline: ChannelPipeline.SynchronousOperations) {
        guard let found = try? pipeline.context(handlerType: type) else { return }
        pipeline.removeHandler(context: found, promise: nil)
    }

    /// The encoder is gone by then.
    private static func bytes(_ head: HTTPResponse) -> ByteBuffer {
        var text = "HTTP/1.1 101 Switching Protocols\r\n"
        for field in head.headerFields where field.name != .contentLength { text += "\(field.name.rawName): \(field.value)\r\n" }
        return ByteBuffer(string: text + "\r\n")
    }
}
