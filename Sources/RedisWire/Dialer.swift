import DequeModule
import NIOCore
import NIOPosix
import NIOSSL

/// Opens a socket, with TLS where the address says so, and logs in. What the server said about us comes back with it.
/// One attempt, bounded by the connect timeout twice: once for the socket, once for the answers to the login. Repeating it is `RedisLink`'s.
struct Dialer: Sendable {
    struct Login: Sendable {
        /// Nil where an ACL forbids CLIENT: reads then cannot be unblocked, everything else works.
        let clientID: Int64?
    }

    let address: RedisAddress
    let options: RedisOptions

    /// The handler is in the pipeline before the first byte, so that a refusal sent at once is not missed. Everything runs on the given loop;
    /// the name is resolved elsewhere. The password goes out only after TLS has verified the peer.
    func dial(_ socket: RedisSocket, on loop: any EventLoop) -> EventLoopFuture<Login> {
        let (host, tls) = (serverName, address.tls?.context)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(options.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: host)) }
                    try channel.pipeline.syncOperations.addHandler(socket)
                }
            }
        let connected =
            switch address.endpoint {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        return connected.flatMap { channel in
            channel.eventLoop.assertInEventLoop()
            return logIn(socket, on: channel.eventLoop).flatMapErrorThrowing { error in throw reason(error, of: socket) }
        }
    }

    /// Nothing of a caller's was sent yet, whatever ended the login. A full server refuses with one line and closes at once; a handshake
    /// fails below the protocol: both are better reasons than the closed socket that follows them.
    private func reason(_ error: any Error, of socket: RedisSocket) -> any Error {
        switch error as? RedisError {
        case .connectionLost:
            if let refusal = socket.lastRefusal { return RedisError.server(refusal) }
            return RedisError.unavailable("\(address) closed the connection before the login\(socket.cause.map { ": \($0)" } ?? "")")
        case .timedOut: return RedisError.unavailable("\(address) took the connection and did not answer within \(options.connectTimeout)")
        default: return error
        }
    }

    /// SNI knows no addresses; a certificate for an address is checked against the peer's.
    private var serverName: String? {
        guard case .tcp(let host, _) = address.endpoint, (try? SocketAddress(ipAddress: host, port: 0)) == nil else { return nil }
        return host
    }

    /// All login commands in one write: a reconnect costs one round trip after the handshake. The timer is the socket's own expiry, because
    /// the link looks after a socket only from `ready` on.
    private func logIn(_ socket: RedisSocket, on loop: any EventLoop) -> EventLoopFuture<Login> {
        let commands = loginCommands
        var bytes = ByteBuffer()
        for command in commands { bytes.writeCommand(command) }
        let promise = loop.makePromise(of: RedisReply.self)
        let waiter = Waiter(deadline: .now() + TimeAmount(options.connectTimeout)) { promise.completeWith($0.mapError { $0 as any Error }) }
        let timer = loop.scheduleTask(deadline: waiter.deadline) { _ = socket.expire(.now()) }
        socket.send(bytes, [Place(waiter, replies: commands.count, bytes: 0, isPipeline: true)])
        return promise.futureResult.flatMapThrowing { reply in
            timer.cancel()
            return try Dialer.read(reply.array ?? [], of: commands)
        }
    }

    /// CLIENT's answers may be refused by an ACL; the others must not be.
    private var loginCommands: [[RedisArgument]] {
        var commands: [[RedisArgument]] = []
        if let password = address.password {
            commands.append(["AUTH"] + (address.user.map { [.string($0)] } ?? []) + [.string(password)])
        }
        if address.database != 0 { commands.append(["SELECT", .integer(Int64(address.database))]) }
        commands.append(["CLIENT", "SETNAME", .string(options.clientName)])
        commands.append(["CLIENT", "ID"])
        return commands
    }

    /// The first refusal that matters ends the login: going on would run a caller's commands in the wrong database, or as nobody.
    private static func read(_ replies: [RedisReply], of commands: [[RedisArgument]]) throws -> Login {
        for (command, reply) in zip(commands, replies) {
            guard case .error(let error) = reply else { continue }
            let isOptional = command.first == "CLIENT" && (error.code == "NOPERM" || error.reaction == .bug)
            if !isOptional { throw RedisError.server(error) }
        }
        return Login(clientID: replies.last?.integer)
    }
}
