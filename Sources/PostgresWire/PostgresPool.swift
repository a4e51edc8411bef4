internal import Glibc
package import Logging
internal import NIOPosix
internal import Synchronization

/// N blocking libpq connections on N threads of their own: no statement ever waits on the shared pool of Swift's tasks.
/// Connects when first needed, replaces what broke, and fails fast while the server is away (`Backoff.swift`).
package final class PostgresPool: Sendable {
    package let options: PostgresOptions
    let logger: Logger
    private let threads: NIOThreadPool
    private let state: Mutex<State>

    /// Connections that nobody uses: the last one used comes first. Each is touched by one thread at a time, because taking it removes it.
    private struct State: @unchecked Sendable {
        var idle: [PostgresConnection] = []
        var backoff = Backoff()
        var isClosed = false
    }

    package init(_ options: PostgresOptions, logger: Logger) {
        self.options = options
        self.logger = logger
        state = Mutex(State())
        threads = NIOThreadPool(numberOfThreads: options.poolSize)
        threads.start()
    }

    deinit { threads.shutdownGracefully { _ in } }

    /// Each text is parsed once a connection: SQL is a constant, data goes into `parameters`.
    package func query(_ sql: String, _ parameters: [PostgresValue] = []) async throws(PostgresError) -> [PostgresRow] {
        try await perform { (connection) throws(PostgresError) in try connection.query(sql, parameters) }
    }

    /// The number of rows that the statement changed.
    @discardableResult
    package func execute(_ sql: String, _ parameters: [PostgresValue] = []) async throws(PostgresError) -> Int {
        try await perform { (connection) throws(PostgresError) in try connection.execute(sql, parameters) }
    }

    /// Several statements without parameters, in one implicit transaction.
    package func script(_ sql: String) async throws(PostgresError) {
        try await perform { (connection) throws(PostgresError) in try connection.script(sql) }
    }

    /// Runs `body` on one of the pool's threads between BEGIN and COMMIT; any error rolls back. Conflicts (40001, 40P01) run the whole body
    /// again, at most three times, so it must do nothing but SQL. `timeLimit` replaces the statement timeout inside.
    package func transaction<Value: Sendable>(
        timeLimit: Duration? = nil, _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        try await perform { (connection) throws(PostgresError) in
            for round in 1...3 {
                do throws(PostgresError) { return try connection.transaction(timeLimit: timeLimit, body) } catch {
                    guard error.isSerializationConflict else { throw error }
                    usleep(UInt32.random(in: 1_000...20_000) * UInt32(round))
                }
            }
            return try connection.transaction(timeLimit: timeLimit, body)
        }
    }

    /// The same for a statement of many shapes, whose best plan depends on its values: parsed and planned anew each time, and not kept.
    package func queryAfresh(_ sql: String, _ parameters: [PostgresValue] = []) async throws(PostgresError) -> [PostgresRow] {
        try await perform { (connection) throws(PostgresError) in try connection.queryAfresh(sql, parameters) }
    }

    /// Runs `body` on one connection without a transaction around it: for what PostgreSQL refuses inside one. `timeLimit` is that of each
    /// statement.
    package func session<Value: Sendable>(
        timeLimit: Duration, _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        try await perform { (connection) throws(PostgresError) in try connection.session(timeLimit: timeLimit, body) }
    }

    /// Whether the server answers within two seconds.
    package func ping() async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await self.query("SELECT 1")) != nil }
            group.addTask {
                try? await Task.sleep(for: .seconds(2))
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
    }

    /// Running statements end first, waiting ones are answered `closed`.
    package func close() async {
        state.withLock { $0.isClosed = true }
        await withCheckedContinuation { continuation in
            threads.shutdownGracefully { _ in continuation.resume() }
        }
        state.withLock { $0.idle = [] }
    }

    /// Runs `work` with a connection on a thread of the pool. When the waiting task is cancelled it returns at once; the statement is stopped
    /// on the server, and the connection comes back to the pool when the server has answered.
    private func perform<Value: Sendable>(
        _ work: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let call = PendingCall<Value>()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard call.wait(continuation) else { return }
                let submitted = ContinuousClock.now
                threads.submit { item in
                    call.answer(item == .cancelled ? .failure(Self.closed) : self.attempt(call.stop, since: submitted, work))
                }
            }
        } onCancel: {
            call.cancel()
        }
        return try result.get()
    }

    private func attempt<Value>(
        _ stop: StopSignal, since submitted: ContinuousClock.Instant, _ work: (PostgresConnection) throws(PostgresError) -> Value
    ) -> Result<Value, PostgresError> {
        Result { () throws(PostgresError) in
            guard !stop.isRaised else { throw PostgresError(.cancelled, "Cancelled before the statement was sent") }
            guard .now - submitted < options.statementTimeout else {
                throw PostgresError(.timeout, "No PostgreSQL connection became free in time")
            }
            let connection = try checkOut()
            connection.stop = stop
            connection.timeLimit = options.statementTimeout
            defer { checkIn(connection) }
            return try work(connection)
        }
    }

    private func checkOut() throws(PostgresError) -> PostgresConnection {
        while let idle = state.withLock({ $0.idle.popLast() }) {
            if idle.isReusable() { return idle }
        }
        let refusal = state.withLock { state in state.isClosed ? Self.closed : state.backoff.enter(connectTimeout: options.connectTimeout) }
        if let refusal { throw refusal }
        do {
            let connection = try PostgresConnection(options, logger: logger)
            state.withLock { $0.backoff.succeeded() }
            return connection
        } catch {
            state.withLock { $0.backoff.failed(error) }
            logger.warning("Cannot connect to PostgreSQL", metadata: ["reason": "\(error)"])
            throw error
        }
    }

    private func checkIn(_ connection: PostgresConnection) {
        connection.stop = StopSignal()
        guard connection.isReusable() else { return }
        state.withLock { if !$0.isClosed { $0.idle.append(connection) } }
    }

    private static let closed = PostgresError(.closed, "The PostgreSQL pool is closed")
}
