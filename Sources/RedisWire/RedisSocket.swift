import DequeModule
import NIOCore

/// One open socket: replies go to the front of the line of sent commands. Confined to its event loop; `RedisLink` owns it and replaces it.
final class RedisSocket: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    private let reader: ReplyReader
    private let push: (@Sendable (RedisReply) -> Void)?
    private let lost: @Sendable (RedisSocket) -> Void
    private var line = Deque<Place>()
    private var channel: (any Channel)?
    private var failure = RedisError.connectionLost
    private var isRetired = false

    init(_ options: RedisOptions, push: (@Sendable (RedisReply) -> Void)?, lost: @escaping @Sendable (RedisSocket) -> Void) {
        reader = ReplyReader(maxBytes: options.maxReplyBytes, maxDepth: options.maxReplyDepth)
        self.push = push
        self.lost = lost
    }

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
    }

    func send(_ bytes: ByteBuffer, _ places: consuming Deque<Place>) {
        guard let channel, channel.isActive else {
            for place in places { place.waiter.finish(.failure(failure)) }
            return
        }
        if line.isEmpty { line = places } else { line.append(contentsOf: places) }
        channel.writeAndFlush(bytes, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try reader.read(unwrapInboundIn(data), deliver)
            if isRetired, line.isEmpty { context.close(promise: nil) }
        } catch {
            close(failing: error)
        }
    }

    private func deliver(_ reply: RedisReply) {
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
        lost(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Late answers must never be taken for the next command's, so whoever gives up on one closes the socket.
    func close(failing error: RedisError) {
        failure = error
        endAll()
        channel?.close(promise: nil)
    }

    /// Takes no more commands, and closes after the last reply.
    func retire() {
        isRetired = true
        if line.isEmpty { channel?.close(promise: nil) }
    }

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
