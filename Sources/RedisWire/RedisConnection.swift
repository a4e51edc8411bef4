package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// One logical connection: it dials when it is first used, logs in, and dials again with backoff when the socket is lost. Commands of all
/// tasks are pipelined by themselves, in the order in which they were sent. A blocking read occupies it, so readers have one of their own.
///
/// Costs one socket, and no thread: it shares NIO's. Letting go of it is closing it.
package final class RedisConnection: Sendable {
    private let link: RedisLink
    private let options: RedisOptions
    /// For `withTaskExecutorPreference`: code that mostly waits for this connection saves two wake-ups of threads a command.
    package let executor: any TaskExecutor

    /// `neighbour`: this one lives on the same event loop, so that a task may go from one to the other without a wake-up.
    package init(_ address: RedisAddress, options: RedisOptions = RedisOptions(), beside neighbour: RedisConnection? = nil, logger: Logger)
    {
        self.options = options
        let loop = neighbour?.link.loop ?? MultiThreadedEventLoopGroup.singleton.next()
        link = RedisLink(address, options: options, loop: loop, logger: logger)
        executor = RedisExecutor(loop)
    }

    deinit {
        link.close()
    }

    /// An error reply is thrown as `.server`, and never repeated here: the caller knows whether it may be. After READONLY or MASTERDOWN the
    /// connection is already being replaced. The timeout covers the wait for a connection too.
    ///
    /// Say `blocks` for a blocking read: when its task is cancelled the socket is closed, so that the server forgets the reader at once and
    /// hands it nothing more. Whatever else is under way on the connection then ends in `connectionLost`.
    package func command(_ arguments: [RedisArgument], timeout: Duration? = nil, blocks: Bool = false) async throws(RedisError)
        -> RedisReply
    {
        try await link.ask(replies: 1, timeout: timeout ?? options.commandTimeout, hangsUp: blocks) { $0.writeCommand(arguments) }.get()
    }

    /// Sends the commands back to back; error replies stay in the array. Not a transaction: a lost connection may end it half way.
    package func pipeline(_ commands: [[RedisArgument]]) async throws(RedisError) -> [RedisReply] {
        guard !commands.isEmpty else { return [] }
        let reply = try await link.ask(replies: commands.count, isPipeline: true, timeout: options.commandTimeout) { outbox in
            for command in commands { outbox.writeCommand(command) }
        }.get()
        return reply.array ?? []
    }

    /// EVALSHA; when the server does not know the script, EVAL once. NOSCRIPT says that nothing ran, so this repeats nothing.
    package func run(_ script: RedisScript, keys: [String], arguments: [RedisArgument]) async throws(RedisError) -> RedisReply {
        do {
            return try await command(script.command(bySource: false, keys: keys, arguments: arguments))
        } catch .server(let error) where error.reaction == .sendSource {
            return try await command(script.command(bySource: true, keys: keys, arguments: arguments))
        }
    }

    /// The same with a command behind it, in one round trip. The command runs also where the script fails; an error of its own is its reply.
    package func run(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], beside command: [RedisArgument]
    ) async throws(RedisError) -> (reply: RedisReply, other: RedisReply) {
        let replies = try await pipeline([script.command(bySource: false, keys: keys, arguments: arguments), command])
        guard replies.count == 2 else { throw .protocolViolation("two commands had \(replies.count) replies") }
        guard case .error(let error) = replies[0] else { return (replies[0], replies[1]) }
        guard error.reaction == .sendSource else { throw .server(error) }
        return (try await self.command(script.command(bySource: true, keys: keys, arguments: arguments)), replies[1])
    }

    /// Grows with every login: who caches what a server keeps per connection compares it.
    package var generation: Int {
        link.state.withLock { $0.generation }
    }

    /// The server's number for the current socket, for CLIENT UNBLOCK. Known without asking, also while a read blocks the socket.
    package func clientID() async throws(RedisError) -> Int64 {
        if let known = link.state.withLock({ $0.clientID }) { return known }
        let reply = try await command(["CLIENT", "ID"])
        guard let id = reply.integer else { throw .protocolViolation("CLIENT ID answered no number") }
        return id
    }

    /// Ends waiting commands in `.closed`, those under way too; a closed connection is not opened again. Safe to call twice.
    package func close() async {
        link.close()
    }
}

extension RedisLink {
    /// A task that is cancelled gets `.cancelled` at once; its reply is dropped when it comes. The continuation is
    /// resumed exactly once because `Waiter` answers once, and a waiter that began is always ended: by its reply, by its deadline, or by the
    /// end of the socket or the link. `onReply` runs on the loop, before the task.
    func ask(
        replies: Int, isPipeline: Bool = false, timeout: Duration, hangsUp: Bool = false, onReply: (@Sendable (RedisReply) -> Void)? = nil,
        _ encode: (inout ByteBuffer) -> Void
    ) async -> Result<RedisReply, RedisError> {
        let waiter = Waiter(deadline: .now() + TimeAmount(timeout))
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isWaiting = waiter.wait { result in
                    if let onReply, case .success(let reply) = result { onReply(reply) }
                    continuation.resume(returning: result)
                }
                if isWaiting {
                    send(waiter, replies: replies, isPipeline: isPipeline, encode)
                    // Cancelled between the two lines above: the other hang-up may have come before the command did.
                    if hangsUp, waiter.isAnswered { hangUp(waiter) }
                } else {
                    continuation.resume(returning: .failure(.cancelled))
                }
            }
        } onCancel: {
            waiter.finish(.failure(.cancelled))
            if hangsUp { hangUp(waiter) }
        }
    }
}
