internal import NIOCore

/// What one WebSocket may take.
package struct SocketLimits: Sendable {
    /// Of a client: fragments together.
    package var messageBytes = 16 << 10
    /// Messages, fragments of them, and pings of a client, on average and at once.
    package var messagesPerSecond = 50
    package var messageBurst = 400
    /// Answers that wait for a client that asks and does not read. Events wait elsewhere, and are read again when they are too many.
    package var backlogBytes = 1 << 20
    package var watches = 200
    /// For the first message of a client without a key.
    package var authentication: Duration = .seconds(5)
    /// A client that has sent nothing from one ping to the next is gone.
    package var ping: Duration = .seconds(20)
    /// From our close to the client's.
    package var closing: Duration = .seconds(3)

    package init() {}
}

/// The lower half of a WebSocket: frames, pings, the closing handshake, and what waits for a slow client. Lives on the connection's event loop
/// in place of the HTTP handlers, without a task. What messages mean is `SocketSession`'s business.
final class SocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Any
    typealias OutboundOut = ByteBuffer

    private enum State {
        case open
        /// The close is on its way, ours or the client's.
        case closing
    }

    private let limits: SocketLimits
    private let stalledWrite: Duration
    private let session: SocketSession
    /// The answer that switches protocols: it goes out before everything else.
    private let answer: ByteBuffer
    private let mustLeave: Bool
    private var context: ChannelHandlerContext?
    private var state = State.open
    private var reader: FrameReader
    private var unread: ByteBuffer?
    private var tokens: Double
    private var lastMessage = NIODeadline.now()
    private var backlog = 0
    private var isAlive = true
    private var tick: Scheduled<Void>?
    private var stall: Scheduled<Void>?

    init(_ session: SocketSession, _ limits: ConnectionLimits, answer: ByteBuffer, mustLeave: Bool) {
        self.session = session
        self.limits = limits.socket
        self.answer = answer
        self.mustLeave = mustLeave
        stalledWrite = limits.stalledWrite
        reader = FrameReader(maxMessage: limits.socket.messageBytes)
        tokens = Double(limits.socket.messageBurst)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        beat()
        session.opened(self, on: context.eventLoop)
        if mustLeave { close(.goingAway, "the server is shutting down") }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        tick?.cancel()
        stall?.cancel()
        state = .closing
        context = nil
        session.closed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isAlive = true
        var bytes = unwrapInboundIn(data)
        if var earlier = unread {
            earlier.writeBuffer(&bytes)
            bytes = earlier
        }
        do throws(FrameReader.Violation) {
            while let message = try reader.next(&bytes) { receive(message) }
        } catch {
            close(error.code, error.reason)
            bytes.clear()
        }
        // A buffer that is read gives its memory back.
        unread = bytes.readableBytes > 0 ? ByteBuffer(bytes.readableBytesView) : nil
    }

    private func receive(_ message: FrameReader.Message) {
        if case .close(let code) = message { return finish(code) }
        guard state == .open, message != .pong else { return }
        guard spendsToken() else { return close(.policy, "too many messages; \(limits.messagesPerSecond) a second are taken") }
        switch message {
        case .text(let text): session.receive(text)
        case .ping(let payload): send(SocketFrames.pong(payload))
        case .fragment, .pong, .close: break
        }
    }

    private func spendsToken() -> Bool {
        let now = NIODeadline.now()
        let earned = Double((now - lastMessage).nanoseconds) / 1e9 * Double(limits.messagesPerSecond)
        tokens = min(Double(limits.messageBurst), tokens + earned) - 1
        lastMessage = now
        return tokens >= 0
    }

    /// The client's close: answered when it was the first, and the end.
    private func finish(_ code: UInt16) {
        guard let context else { return }
        if state == .open { write(SocketFrames.close(code, "")) }
        state = .closing
        context.flush()
        context.close(promise: nil)
    }

    /// An answer to the client. Who asks and does not read is dropped rather than remembered.
    func send(_ frame: ByteBuffer) {
        if !hasRoom {
            backlog += frame.readableBytes
            guard backlog <= limits.backlogBytes else { return dropSlow() }
        }
        write(frame)
        flush()
    }

    /// False while the client reads too slowly: events wait then.
    var hasRoom: Bool { state == .open && context?.channel.isWritable ?? false }

    func write(_ frame: ByteBuffer) {
        guard state == .open else { return }
        context?.write(wrapOutboundOut(frame), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    private func dropSlow() {
        close(.tryLater, "you read too slowly; watch again after the last seq")
    }

    func close(_ code: CloseCode, _ reason: String) {
        guard let context, state == .open else { return }
        write(SocketFrames.close(code.rawValue, reason))
        state = .closing
        session.closed()
        context.flush()
        tick?.cancel()
        // A slow client learns why, if it reads on; a server that ends waits for nobody.
        let isSlow = code != .goingAway && !context.channel.isWritable
        tick = schedule(in: isSlow ? max(stalledWrite, limits.closing) : limits.closing, context) { $0.close(promise: nil) }
    }

    /// Between pings also the caller is looked at: who was shut out meanwhile leaves now.
    private func beat() {
        guard let context else { return }
        tick = schedule(in: limits.ping, context) { [self] context in
            guard isAlive else { return context.close(promise: nil) }
            // A ping that finds no room would be asked for in vain.
            if hasRoom {
                isAlive = false
                write(SocketFrames.ping())
                flush()
            }
            session.check()
            if state == .open { beat() }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = nil
        if context.channel.isWritable {
            backlog = 0
            session.deliver()
        } else {
            stall = schedule(in: stalledWrite, context) { [self] _ in dropSlow() }
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: close(.goingAway, "the server is shutting down")
        // Who cannot answer a close any more is gone.
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// The rest of the HTTP answer, and its end: they come from the request's task, which waits for the connection's close.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        promise?.succeed()
    }
}
