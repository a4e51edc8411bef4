internal import CLibPQ
internal import Glibc
internal import Logging

/// One libpq connection. Blocking, and used by one thread at a time: the pool sees to that. `Exchange.swift` has the conversation itself.
package final class PostgresConnection {
    let pointer: OpaquePointer
    let wake: WakePipe
    let options: PostgresOptions
    /// Held here because libpq keeps an unretained pointer to it.
    private let notices: NoticeLog
    private var prepared: [String: String] = [:]
    private var preparedCount = 0
    /// An answer may still be on its way: never use the connection again.
    var isAbandoned = false

    /// Set for one call by the pool: whose cancellation stops the running statement, and how long a statement may take.
    var stop = StopSignal()
    var timeLimit: Duration

    /// Statements kept on the server; more than this many texts means that somebody builds SQL from data.
    private static let preparedLimit = 256

    /// Blocks for at most the connect timeout, then once more for the session's settings.
    init(_ options: PostgresOptions, logger: Logger) throws(PostgresError) {
        guard PostgresOptions.parse(options.url) != nil else {
            throw PostgresError(
                .invalidInput,
                "The PostgreSQL URL cannot be read: write postgres://user:password@host:port/database or host=… user=… dbname=…")
        }
        guard let wake = WakePipe(), let pointer = Self.connect(options) else {
            throw PostgresError(.connection(outcomeUnknown: false), "No file descriptors or memory left for a PostgreSQL connection")
        }
        self.pointer = pointer
        self.wake = wake
        self.options = options
        self.timeLimit = options.statementTimeout
        self.notices = NoticeLog(logger)
        guard PQstatus(pointer) == CONNECTION_OK else {
            throw PostgresError(
                .connection(outcomeUnknown: false), "Cannot connect to PostgreSQL at \(options): \(Self.lastMessage(pointer))")
        }
        notices.install(on: pointer)
        PQsetnonblocking(pointer, 1)
        do { try script(options.sessionSetup) } catch {
            throw PostgresError(.connection(outcomeUnknown: false), sqlState: error.sqlState, "Session setup failed: \(error.message)")
        }
    }

    deinit { PQfinish(pointer) }

    private static func connect(_ options: PostgresOptions) -> OpaquePointer? {
        let keywords = options.parameters.map { strdup($0.0) }
        let values = options.parameters.map { strdup($0.1) }
        defer { (keywords + values).forEach { free($0) } }
        return PQconnectdbParams(keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
    }

    package func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> [PostgresRow] {
        try run(sql, parameters).rows
    }

    /// For a statement whose best plan depends on its values.
    package func queryAfresh(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> [PostgresRow] {
        let bound = try BoundParameters(parameters)
        return try exchange {
            bound.withPointers { values, lengths, formats in PQsendQueryParams(pointer, sql, bound.count, nil, values, lengths, formats, 0)
            }
        }.rows
    }

    /// The number of rows that the statement changed.
    @discardableResult
    package func execute(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> Int {
        try run(sql, parameters).affectedRows
    }

    /// Several statements without parameters, for migrations. Outside a transaction they are one of their own.
    package func script(_ sql: String) throws(PostgresError) {
        guard !sql.utf8.contains(0) else { throw PostgresError(.invalidInput, "A script holds U+0000") }
        _ = try exchange { PQsendQuery(pointer, sql) }
    }

    /// A plan can go stale when a migration changes its tables; outside a transaction it is made anew once, inside the transaction is lost.
    private func run(_ sql: String, _ parameters: [PostgresValue]) throws(PostgresError) -> PostgresResult {
        let bound = try BoundParameters(parameters)
        do { return try runPrepared(sql, bound) } catch {
            guard error.sqlState == "0A000" || error.sqlState == "26000" else { throw error }
            prepared[sql] = nil
            guard PQtransactionStatus(pointer) == PQTRANS_IDLE else { throw error }
        }
        return try runPrepared(sql, bound)
    }

    private func runPrepared(_ sql: String, _ bound: BoundParameters) throws(PostgresError) -> PostgresResult {
        let name = try statement(sql)
        return try exchange {
            bound.withPointers { values, lengths, formats in
                PQsendQueryPrepared(pointer, name, bound.count, values, lengths, formats, 0)
            }
        }
    }

    private func statement(_ sql: String) throws(PostgresError) -> String {
        if let name = prepared[sql] { return name }
        if prepared.count >= Self.preparedLimit, PQtransactionStatus(pointer) == PQTRANS_IDLE {
            try script("DEALLOCATE ALL")
            prepared = [:]
        }
        preparedCount += 1
        let name = "s\(preparedCount)"
        _ = try exchange { PQsendPrepare(pointer, name, sql, 0, nil) }
        prepared[sql] = name
        return name
    }

    /// Whether the connection can serve the next call: alive, not in a transaction, nothing half read. The server says nothing to an idle
    /// client but farewells (and, rarely, a changed setting): one with something to read is given up before a statement is lost on it.
    func isReusable() -> Bool {
        guard !isAbandoned, PQstatus(pointer) == CONNECTION_OK, PQtransactionStatus(pointer) == PQTRANS_IDLE else { return false }
        return !Readiness.wait(socket: PQsocket(pointer), writable: false, wake: nil, until: .now).socketIsReadable
    }

    static func lastMessage(_ pointer: OpaquePointer) -> String {
        guard let text = PQerrorMessage(pointer) else { return "no reason given" }
        return String(cString: text).split(separator: "\n").joined(separator: " ")
    }
}
