internal import CLibPQ
package import Logging
internal import NIOPosix
internal import Synchronization

/// What a listener hears.
package enum PostgresSignal: Sendable, Hashable {
    /// At most 7,999 bytes: an id, not the thing itself.
    case notification(channel: String, payload: String)
    /// Listening begins, or begins again: whatever was notified meanwhile is lost, so read the table now.
    case connected
}

/// LISTEN on a connection and thread of its own. Reconnects for ever, with backoff, until it is closed.
package final class PostgresListener: Sendable {
    /// For one consumer. A consumer that is slow loses the oldest signals and gets a `connected` for them.
    package let notifications: AsyncStream<PostgresSignal>
    private let output: AsyncStream<PostgresSignal>.Continuation
    private let options: PostgresOptions
    private let channels: [String]
    private let logger: Logger
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let stop = StopSignal()

    package init(_ options: PostgresOptions, channels: [String], logger: Logger) {
        self.options = options
        self.channels = channels
        self.logger = logger
        (notifications, output) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1024))
        thread.start()
        // Strong on purpose: the thread lives until `close`, or until nobody reads any more.
        output.onTermination = { [stop] _ in stop.raise() }
        thread.submit { _ in self.run() }
    }

    /// Ends the stream and waits for the thread.
    package func close() async {
        stop.raise()
        await withCheckedContinuation { continuation in
            thread.shutdownGracefully { _ in continuation.resume() }
        }
        output.finish()
    }

    private func run() {
        var failures = 0
        while !stop.isRaised {
            do throws(PostgresError) {
                let connection = try listen()
                failures = 0
                emit(.connected)
                try follow(connection)
            } catch {
                failures = min(failures + 1, 16)
                logger.warning("Not listening to PostgreSQL", metadata: ["reason": "\(error)"])
                pause(Backoff.pause(afterFailures: failures) * Double.random(in: 0.5..<1))
            }
        }
        output.finish()
    }

    private func listen() throws(PostgresError) -> PostgresConnection {
        let connection = try PostgresConnection(options, logger: logger)
        for channel in channels {
            guard let name = connection.quotedIdentifier(channel) else {
                throw PostgresError(.invalidInput, "A channel's name cannot be written as an identifier")
            }
            try connection.script("LISTEN \(name)")
        }
        return connection
    }

    /// Hands on notifications until the connection breaks (throws) or the listener is closed (returns).
    private func follow(_ connection: PostgresConnection) throws(PostgresError) {
        stop.attach(connection.wake)
        defer { stop.detach() }
        while !stop.isRaised {
            for signal in connection.takeNotifications() { emit(signal) }
            try connection.waitForInput()
        }
    }

    private func emit(_ signal: PostgresSignal) {
        if case .dropped = output.yield(signal) { output.yield(.connected) }
    }

    /// Waits without holding up `close`.
    private func pause(_ time: Duration) {
        guard let wake = WakePipe() else { return }
        stop.attach(wake)
        defer { stop.detach() }
        guard !stop.isRaised else { return }
        _ = Readiness.wait(socket: -1, writable: false, wake: wake, until: .now + time)
    }
}

extension PostgresConnection {
    func quotedIdentifier(_ name: String) -> String? {
        guard !name.utf8.contains(0), let quoted = PQescapeIdentifier(pointer, name, name.utf8.count) else { return nil }
        defer { PQfreemem(quoted) }
        return String(cString: quoted)
    }

    /// Blocks until the server sends something, `wake` is written, or an hour has passed. Dead peers are found by TCP keepalives.
    func waitForInput() throws(PostgresError) {
        let seen = Readiness.wait(socket: PQsocket(pointer), writable: false, wake: wake, until: .now + .seconds(3600))
        guard seen.socketIsReadable else { return }
        guard PQconsumeInput(pointer) == 1, PQstatus(pointer) == CONNECTION_OK else {
            throw PostgresError(.connection(outcomeUnknown: false), "The listening connection broke: \(Self.lastMessage(pointer))")
        }
    }

    func takeNotifications() -> [PostgresSignal] {
        var signals: [PostgresSignal] = []
        while let notification = PQnotifies(pointer) {
            let channel = notification.pointee.relname.map { String(cString: $0) } ?? ""
            let payload = notification.pointee.extra.map { String(cString: $0) } ?? ""
            signals.append(.notification(channel: channel, payload: payload))
            PQfreemem(notification)
        }
        return signals
    }
}
