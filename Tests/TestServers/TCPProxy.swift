/// A proxy on 127.0.0.1 in front of a server, to break the link between a client and a real server without touching either.
import NIOCore
import NIOPosix
import Synchronization

package final class TCPProxy: Sendable {
    package enum Mode: Sendable, Equatable {
        case passing
        /// Every piece waits this long, in order.
        case delaying(milliseconds: Int64)
        /// Connections are taken and stay open; nothing passes. What arrives meanwhile is lost.
        case swallowing
        /// A network that has lost its way: what is said in this direction waits, and arrives late when the mode changes,
        /// even when its sender has gone meanwhile.
        case holding(Direction)
        /// New connections are closed at once.
        case refusing
    }

    package enum Direction: Sendable, Equatable {
        /// From the client to the server.
        case requests
        case replies
        case both
    }

    package let port: Int
    private let listener: any Channel
    private let link: ProxyLink

    /// In front of a TCP port of 127.0.0.1.
    package convenience init(port: Int) async throws { try await self.init(SocketAddress(ipAddress: "127.0.0.1", port: port)) }

    /// In front of a unix socket, such as a private server's.
    package convenience init(socketPath: String) async throws { try await self.init(SocketAddress(unixDomainSocketPath: socketPath)) }

    private init(_ server: SocketAddress) async throws {
        let link = ProxyLink()
        self.link = link
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in TCPProxy.connect(client, to: server, link) }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    /// Applies to open connections and new ones.
    package func set(_ mode: Mode) {
        link.mode.withLock { $0 = mode }
        for release in link.releases.withLock({ Array($0.values) }) { release() }
    }

    /// From now on these bytes of a request arrive as those of the same length; nil, to stop. Not while a request is under way.
    package func replace(_ bytes: [UInt8], with others: [UInt8]?) {
        link.replacement.withLock { $0 = others.map { ByteReplacement(bytes, by: $0) } }
    }

    /// Closes every open connection, on both sides.
    package func cut() {
        let open = link.channels.withLock { $0.values.map { $0 } }
        for channel in open { channel.close(mode: .all, promise: nil) }
    }

    /// Refuses new connections and cuts the open ones: the server is away.
    package func goAway() {
        set(.refusing)
        cut()
    }

    package func stop() async {
        try? await listener.close()
        cut()
    }

    private static func connect(_ client: any Channel, to server: SocketAddress, _ link: ProxyLink) -> EventLoopFuture<Void> {
        if link.current == .refusing { return client.close() }
        return ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(to: server)
            .flatMap { upstream in
                client.eventLoop.makeCompletedFuture {
                    try ProxyHalf.add(to: client, speakingTo: upstream, .requests, link)
                    try ProxyHalf.add(to: upstream, speakingTo: client, .replies, link)
                    client.setOption(.autoRead, value: true).whenFailure { _ in client.close(promise: nil) }
                    upstream.setOption(.autoRead, value: true).whenFailure { _ in upstream.close(promise: nil) }
                }
            }
    }
}

private final class ProxyLink: Sendable {
    let mode = Mutex(TCPProxy.Mode.passing)
    let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    let replacement = Mutex<ByteReplacement?>(nil)
    /// Each looks at the mode again and sends what it no longer has to hold.
    let releases = Mutex<[ObjectIdentifier: @Sendable () -> Void]>([:])

    var current: TCPProxy.Mode { mode.withLock { $0 } }

    func remember(_ channel: any Channel, release: @escaping @Sendable () -> Void) {
        let identity = ObjectIdentifier(channel)
        channels.withLock { $0[identity] = channel }
        releases.withLock { $0[identity] = release }
        channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[identity] = nil } }
    }

    func forget(_ channel: any Channel) { releases.withLock { $0[ObjectIdentifier(channel)] = nil } }
}

/// One direction. Both halves live on one event loop.
private final class ProxyHalf: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let direction: TCPProxy.Direction
    private let link: ProxyLink
    /// In order: what is held, and what is on its slow way.
    private var held: [ByteBuffer] = []
    private var underWay = 0
    private var lastArrival = NIODeadline.uptimeNanoseconds(0)
    private var hasEnded = false

    private init(other: any Channel, direction: TCPProxy.Direction, link: ProxyLink) {
        self.other = other
        self.direction = direction
        self.link = link
    }

    /// On the event loop of both.
    static func add(to channel: any Channel, speakingTo other: any Channel, _ direction: TCPProxy.Direction, _ link: ProxyLink) throws {
        let half = ProxyHalf(other: other, direction: direction, link: link)
        try channel.pipeline.syncOperations.addHandler(half)
        let bound = NIOLoopBound(half, eventLoop: channel.eventLoop)
        link.remember(channel) { bound.eventLoop.execute { bound.value.release() } }
        other.closeFuture.whenComplete { _ in link.forget(channel) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = replaced(unwrapInboundIn(data))
        switch link.current {
        case .passing: pass(bytes, after: .zero)
        case .delaying(let milliseconds): pass(bytes, after: .milliseconds(milliseconds))
        case .holding(let held) where held == direction || held == .both: self.held.append(bytes)
        case .holding: pass(bytes, after: .zero)
        case .swallowing, .refusing: break
        }
    }

    private func replaced(_ bytes: ByteBuffer) -> ByteBuffer {
        direction == .requests ? link.replacement.withLock { $0?.pass(bytes) } ?? bytes : bytes
    }

    /// Never before what is still under way.
    private func pass(_ bytes: ByteBuffer, after delay: TimeAmount) {
        lastArrival = max(lastArrival, .now() + delay)
        guard underWay > 0 || delay > .zero else { return other.writeAndFlush(bytes, promise: nil) }
        underWay += 1
        other.eventLoop.assumeIsolated().scheduleTask(deadline: lastArrival) {
            self.underWay -= 1
            self.other.writeAndFlush(bytes, promise: nil)
            self.endIfSilent()
        }
    }

    private func release() {
        if case .holding(let held) = link.current, held == direction || held == .both { return }
        for bytes in held { pass(bytes, after: .zero) }
        held = []
        endIfSilent()
    }

    private func endIfSilent() {
        if hasEnded, held.isEmpty, underWay == 0 { other.close(promise: nil) }
    }

    /// What was said before the end still arrives.
    func channelInactive(context: ChannelHandlerContext) {
        hasEnded = true
        endIfSilent()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
