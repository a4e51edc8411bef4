internal import CLibPQ

extension PostgresConnection {
    /// BEGIN, `body`, COMMIT. Lost before COMMIT was sent: it did not happen. Lost during COMMIT: `outcomeUnknown`.
    func transaction<Value>(
        timeLimit limit: Duration?, _ body: (PostgresConnection) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        let value: Value
        do throws(PostgresError) {
            try script("BEGIN")
            if let limit {
                timeLimit = limit
                try script("SET LOCAL statement_timeout = \(limit.wholeMilliseconds)")
            }
            value = try body(self)
            // COMMIT of a failed transaction rolls back without an error: a body that swallowed one must not be told "committed".
            guard PQtransactionStatus(pointer) == PQTRANS_INTRANS else {
                throw PostgresError(.statement, sqlState: "25P02", "A statement of the transaction failed; nothing was committed")
            }
        } catch {
            rollBack()
            guard error.isConnectionLoss else { throw error }
            throw PostgresError(.connection(outcomeUnknown: false), sqlState: error.sqlState, error.message)
        }
        do throws(PostgresError) { try script("COMMIT") } catch {
            rollBack()
            throw error
        }
        return value
    }

    /// Statements one by one, each committed by itself. The connection is given up afterwards: nothing that it holds or has set outlives the call.
    func session<Value>(
        timeLimit limit: Duration, _ body: (PostgresConnection) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        defer { isAbandoned = true }
        timeLimit = limit
        try script("SET statement_timeout = \(limit.wholeMilliseconds)")
        return try body(self)
    }

    /// Runs also when the call was cancelled: the connection goes back clean, or not at all.
    private func rollBack() {
        guard !isAbandoned, PQstatus(pointer) == CONNECTION_OK, PQtransactionStatus(pointer) != PQTRANS_IDLE else { return }
        stop = StopSignal()
        do { try script("ROLLBACK") } catch { isAbandoned = true }
    }
}
