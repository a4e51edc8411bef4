package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// ONE connection for all channels of a process; messages fan out here. After a reconnect every channel is subscribed again, and its
/// listeners get a `gap`. At most once: pub/sub repeats nothing, so whoever needs all reads the state after a gap.
package final class RedisSubscriber: Sendable {
    private let hub: Hub
    private let options: RedisOptions
    private let pings: RepeatedTask

    package init(_ address: RedisAddress, options: RedisOptions = RedisOptions(), logger: Logger) {
        let hub = Hub(options)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let link = RedisLink(
            address, options: options, loop: loop, logger: logger, push: { [weak hub] in hub?.receive($0) },
            connected: { [weak hub] in hub?.subscribeAgain() })
        hub.link.withLock { $0 = link }
        self.hub = hub
        self.options = options
        let period = TimeAmount(options.pingInterval)
        pings = loop.scheduleRepeatedTask(initialDelay: period, delay: period) { [weak hub] _ in hub?.ping() }
    }

    /// Its listeners end with it: a subscription does not keep the subscriber.
    deinit {
        pings.cancel()
        hub.close()
    }

    /// Returns after the server's confirmation: what is published from then on arrives, or a `gap` does.
    package func subscribe(_ channel: String, bufferLimit: Int = 1000) async throws(RedisError) -> RedisSubscription {
        let mailbox = Mailbox(limit: bufferLimit)
        let lease = RedisSubscription.Lease(mailbox) { [hub] in hub.remove(mailbox, from: channel) }
        guard let link = hub.add(mailbox, to: channel) else { throw .closed }
        _ = try await link.ask(replies: 1, timeout: options.commandTimeout, onReply: { _ in mailbox.confirm() }) {
            $0.writeCommand(["SUBSCRIBE", .string(channel)])
        }.get()
        return RedisSubscription(lease: lease)
    }

    /// Ends every listener's sequence after what it has already got; later subscriptions throw `.closed`.
    package func close() async {
        pings.cancel()
        hub.close()
    }
}

/// Who listens to what. The server's list is kept equal to this one: SUBSCRIBE is queued after a listener joined, UNSUBSCRIBE under the
/// same lock that removed the last one, so their order is the order of the changes.
private final class Hub: Sendable {
    let link = Mutex<RedisLink?>(nil)
    private let options: RedisOptions
    private let channels = Mutex<[String: [Mailbox]]>([:])

    init(_ options: RedisOptions) {
        self.options = options
    }

    private var currentLink: RedisLink? { link.withLock { $0 } }

    /// Listening begins before the server is asked, so no message can fall between its confirmation and us.
    func add(_ mailbox: Mailbox, to channel: String) -> RedisLink? {
        guard let link = currentLink else { return nil }
        channels.withLock { $0[channel, default: []].append(mailbox) }
        link.stayConnected(true)
        return link
    }

    func remove(_ mailbox: Mailbox, from channel: String) {
        mailbox.end()
        channels.withLock { channels in
            channels[channel]?.removeAll { $0 === mailbox }
            guard channels[channel]?.isEmpty == true else { return }
            channels[channel] = nil
            tell("UNSUBSCRIBE", channel)
            if channels.isEmpty { currentLink?.stayConnected(false) }
        }
    }

    /// On the loop, for every message: it must stay short. A listener that is slow costs its own buffer and nobody's time.
    func receive(_ reply: RedisReply) {
        guard let parts = reply.array, parts.count == 3, let channel = parts[1].string, let payload = parts[2].bytes else { return }
        for mailbox in listeners(channel) { mailbox.post(.message(payload)) }
    }

    /// The gap follows the confirmation, so that the state read after it misses nothing. Who was not confirmed before missed nothing.
    func subscribeAgain() {
        for (channel, mailboxes) in channels.withLock({ $0 }) {
            let cutOff = mailboxes.filter(\.isConfirmed)
            tell("SUBSCRIBE", channel) { result in
                guard case .success = result else { return }
                for mailbox in cutOff { mailbox.post(.gap) }
            }
        }
    }

    /// A silent link looks like a quiet one. The answer's deadline finds out, and closes the socket.
    func ping() {
        guard !channels.withLock(\.isEmpty) else { return }
        tell("PING", nil)
    }

    func close() {
        let all = channels.withLock { channels in
            defer { channels = [:] }
            return channels.values.flatMap { $0 }
        }
        for mailbox in all { mailbox.end() }
        link.withLock { $0.take() }?.close()
    }

    private func listeners(_ channel: String) -> [Mailbox] {
        channels.withLock { $0[channel] ?? [] }
    }

    /// Nobody waits for the answer, but its deadline holds: a server that does not confirm is left.
    private func tell(_ command: String, _ channel: String?, _ completion: @escaping Waiter.Completion = { _ in }) {
        let waiter = Waiter(deadline: .now() + TimeAmount(options.commandTimeout), completion: completion)
        currentLink?.send(waiter, replies: 1) { outbox in
            outbox.writeCommand([.string(command)] + (channel.map { [.string($0)] } ?? []))
        }
    }
}
