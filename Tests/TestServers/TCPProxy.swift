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
        /// New connections are closed at once.
        case refusing
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
    package func set(_ mode: Mode) { link.mode.withLock { $0 = mode } }

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
                    try client.pipeline.syncOperations.addHandler(ProxyHalf(other: upstream, link: link))
                    try upstream.pipeline.syncOperations.addHandler(ProxyHalf(other: client, link: link))
                    link.remember(client)
                    link.remember(upstream)
                    client.setOption(.autoRead, value: true).whenFailure { _ in client.close(promise: nil) }
                    upstream.setOption(.autoRead, value: true).whenFailure { _ in upstream.close(promise: nil) }
                }
            }
    }
}

private final class ProxyLink: Sendable {
    let mode = Mutex(TCPProxy.Mode.passing)
    let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    var current: TCPProxy.Mode { mode.withLock { $0 } }

    func remember(_ channel: any Channel) {
        let identity = ObjectIdentifier(channel)
        channels.withLock { $0[identity] = channel }
        channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[identity] = nil } }
    }
}

/// One direction. Both halves live on one event loop.
private final class ProxyHalf: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let link: ProxyLink

    init(other: any Channel, link: ProxyLink) {
        self.other = other
        self.link = link
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        switch link.current {
        case .passing: other.writeAndFlush(bytes, promise: nil)
        case .delaying(let milliseconds):
            let other = other
            context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { other.writeAndFlush(bytes, promise: nil) }
        case .swallowing, .refusing: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
