internal import CLibPQ

/// One question and its answer on a non-blocking libpq connection, with a deadline and a way to stop.
/// A server that is frozen or unreachable cannot hold the thread for longer than the time limit and a little.
extension PostgresConnection {
    /// Sends, waits, and returns the last result. After an error the connection is either usable again or its status is bad.
    func exchange(_ send: () -> CInt) throws(PostgresError) -> PostgresResult {
        guard !stop.isRaised else { throw PostgresError(.cancelled, "Cancelled before the statement was sent") }
        let deadline = ContinuousClock.now + timeLimit + PostgresOptions.grace
        wake.drain()
        stop.attach(wake)
        defer { stop.detach() }
        guard send() == 1 else { throw lost(outcomeUnknown: false) }
        try flush(until: deadline)
        return try collect(until: deadline)
    }

    private func flush(until deadline: ContinuousClock.Instant) throws(PostgresError) {
        while true {
            switch PQflush(pointer) {
            case 0: return
            case 1: try waitForServer(until: deadline, writable: true)
            default: throw lost(outcomeUnknown: true)
            }
        }
    }

    /// Reads every result up to the end of the answer: only then may the connection be used again.
    private func collect(until deadline: ContinuousClock.Instant) throws(PostgresError) -> PostgresResult {
        var answer: PostgresResult?
        var failure: PostgresError?
        var deadline = deadline
        while true {
            while PQisBusy(pointer) == 1 { try waitForServer(until: &deadline) }
            guard let next = PQgetResult(pointer) else { break }
            let result = PostgresResult(next)
            switch result.status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: answer = result
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: throw abandon(PostgresError(.statement, "COPY is not supported here"))
            default: failure = failure ?? error(of: result)
            }
        }
        if let failure { throw failure }
        guard PQstatus(pointer) == CONNECTION_OK, let answer else { throw lost(outcomeUnknown: true) }
        return answer
    }

    private func waitForServer(until deadline: ContinuousClock.Instant, writable: Bool) throws(PostgresError) {
        var deadline = deadline
        try waitForServer(until: &deadline, writable: writable)
    }

    /// Waits for the socket once. When the call is cancelled it asks the server to stop the statement, which then answers with 57014.
    private func waitForServer(until deadline: inout ContinuousClock.Instant, writable: Bool = false) throws(PostgresError) {
        guard ContinuousClock.now < deadline else {
            throw abandon(PostgresError(.timeout, "PostgreSQL at \(options) gave no answer in time; the connection was given up"))
        }
        let seen = Readiness.wait(socket: PQsocket(pointer), writable: writable, wake: wake, until: deadline)
        if seen.wasWoken {
            wake.drain()
            if stop.isRaised {
                deadline = min(deadline, .now + PostgresOptions.grace)
                cancelStatement()
            }
        }
        if seen.socketIsReadable, PQconsumeInput(pointer) == 0 { throw lost(outcomeUnknown: true) }
    }

    /// A second, short connection carries the request; it has reached the backend when this returns.
    private func cancelStatement() {
        guard let handle = PQgetCancel(pointer) else { return }
        var reason = [CChar](repeating: 0, count: 256)
        _ = PQcancel(handle, &reason, CInt(reason.count))
        PQfreeCancel(handle)
    }

    /// Makes the connection unusable, so that an answer that comes later is never taken for the next statement's.
    private func abandon(_ error: PostgresError) -> PostgresError {
        isAbandoned = true
        return error
    }

    private func lost(outcomeUnknown: Bool) -> PostgresError {
        isAbandoned = true
        return PostgresError(
            .connection(outcomeUnknown: outcomeUnknown), "The connection to PostgreSQL at \(options) broke: \(Self.lastMessage(pointer))")
    }

    private func error(of result: PostgresResult) -> PostgresError {
        let state = result.diagnostic(clibpq_diag_sqlstate)
        let message = result.diagnostic(clibpq_diag_message_primary) ?? Self.lastMessage(pointer)
        let kind: PostgresError.Kind
        switch state {
        case nil, "57P01", "57P02", "57P03", "57P05", "25P03": kind = .connection(outcomeUnknown: true)
        case let state? where state.hasPrefix("08"): kind = .connection(outcomeUnknown: true)
        case "57014": kind = stop.isRaised ? .cancelled : .timeout
        default: kind = .statement
        }
        // After a failover the old primary is read-only: a new connection may reach the new one.
        if state == "25006" { isAbandoned = true }
        return PostgresError(kind, sqlState: state, constraint: result.diagnostic(clibpq_diag_constraint_name), message)
    }
}
