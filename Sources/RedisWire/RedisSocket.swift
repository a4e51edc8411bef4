import DequeModule
import NIOCore

/// One open socket: replies go to the front of the line of sent commands. Confined to its event loop; `RedisLink` owns it and replaces it.
final class RedisSocket: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    private let reader: ReplyReader
    private let push: (@Sendable (RedisReply) -> Void)?
    private let lost: @Sendable (RedisSocket, String) -> Void
    /// Sent, not yet answered. Redis answers in order, so the front is always the one that the next reply belongs to.
    private var line = Deque<Place>()
    private var channel: (any Channel)?
    /// What ends the commands under way when the socket does.
    private var failure = RedisError.connectionLost
    /// Still answering, no longer used: the link has let go of it, or is about to.
    private var isRetired = false
    /// The last error reply, and what went wrong below the protocol: for the words of a failed login.
    private(set) var lastRefusal: RedisServerError?
    private(set) var cause: String?

    /// `lost` is called on the loop when the socket takes no more commands, with the reason; more than once is possible.
    init(_ options: RedisOptions, push: (@Sendable (RedisReply) -> Void)?, lost: @escaping @Sendable (RedisSocket, String) -> Void) {
        reader = ReplyReader(maxBytes: options.maxReplyBytes, maxDepth: options.maxReplyDepth)
        self.push = push
        self.lost = lost
    }

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
    }

    /// `written` is called once, when the kernel has the bytes or the socket is gone.
    func send(_ bytes: ByteBuffer, _ places: consuming Deque<Place>, written: (@Sendable () -> Void)? = nil) {
        guard let channel, channel.isActive else {
            written?()
            for place in places { place.waiter.finish(.failure(failure)) }
            return
        }
        if line.isEmpty { line = places } else { line.append(contentsOf: places) }
        guard let written else { return channel.writeAndFlush(bytes, promise: nil) }
        channel.writeAndFlush(bytes).whenComplete { _ in written() }
    }

    /// A reply that cannot be read ends the socket: where the next one would begin is unknown.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try reader.read(unwrapInboundIn(data), deliver)
            if isRetired { closeWhenAnswered() }
        } catch {
            close(failing: error)
        }
    }

    /// A subscriber's messages have no place in the line; all other replies have exactly one.
    private func deliver(_ reply: RedisReply) {
        if case .error(let error) = reply {
            lastRefusal = error
            if error.reaction == .reconnect { retire(because: error.description) }
        }
        if let push, let elements = reply.array, elements.first?.bytes == RedisSocket.message {
            push(reply)
        } else if var place = line.popFirst() {
            // Off the line first: the answer may make its receiver send at once.
            if !place.receive(reply) { line.prepend(place) }
        } else {
            close(failing: .protocolViolation("a reply came that nobody asked for"))
        }
    }

    private static let message = Array("message".utf8)

    func channelInactive(context: ChannelHandlerContext) {
        endAll()
        lost(self, cause ?? "the connection was lost")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        cause = "\(error)"
        context.close(promise: nil)
    }

    /// Late answers must never be taken for the next command's, so whoever gives up on one closes the socket.
    func close(failing error: RedisError) {
        failure = error
        endAll()
        channel?.close(promise: nil)
    }

    /// The node is the wrong one. What is under way is answered there; new commands wait for another socket. Many such replies retire once.
    private func retire(because why: String) {
        guard !isRetired else { return }
        isRetired = true
        lost(self, why)
        expireByItself(at: line.lazy.map(\.waiter.deadline).min())
    }

    private func closeWhenAnswered() {
        if line.isEmpty { channel?.close(promise: nil) }
    }

    /// The link no longer looks after a retired socket, and its server may have fallen silent.
    private func expireByItself(at deadline: NIODeadline?) {
        guard let deadline, let loop = channel?.eventLoop else { return }
        loop.scheduleTask(deadline: deadline) { self.expireByItself(at: self.expire(.now())) }
    }

    /// Ends the socket if this waiter's command is still under way on it: only so does the server forget a blocked reader at once.
    func hangUp(_ waiter: Waiter) {
        if line.contains(where: { $0.waiter === waiter }) { close(failing: .connectionLost) }
    }

    /// The line is emptied first: an answer may run code that comes back here.
    private func endAll() {
        let ended = line
        line = []
        for place in ended { place.waiter.finish(.failure(failure)) }
    }

    /// Ends commands without a reply in time, and the socket with them. Returns the next deadline.
    func expire(_ now: NIODeadline) -> NIODeadline? {
        let late = line.filter { $0.waiter.deadline <= now }
        guard late.isEmpty else {
            for place in late { place.waiter.finish(.failure(.timedOut)) }
            close(failing: .connectionLost)
            return nil
        }
        return line.lazy.map(\.waiter.deadline).min()
    }
}
