/// What PostgreSQL does with the statements of recorded jobs, 500 jobs a statement, through one blocking libpq connection.
/// Everything is encoded before the clock starts. Every method blocks its thread.
internal import CLibPQ
internal import JobLedger
internal import JobModel
internal import PostgresWire

final class PostgresFloor {
    static let batch = 500
    private let connection: OpaquePointer

    init(_ url: String) throws(BenchError) {
        guard let opened = PQconnectdb(url) else { throw BenchError("libpq has no memory for a connection") }
        connection = opened
        guard PQstatus(opened) == CONNECTION_OK else {
            let why = String(cString: PQerrorMessage(opened))
            PQfinish(opened)
            throw BenchError("libpq cannot connect: \(why)")
        }
    }

    deinit { PQfinish(connection) }

    struct Times {
        var accept = 0.0
        var startAndEnd = 0.0
    }

    /// Seconds that PostgreSQL takes for so many jobs: to accept them, and to start and end them.
    func live(_ jobs: [Job]) throws(BenchError) -> Times {
        let lives = stride(from: 0, to: jobs.count, by: PostgresFloor.batch).map { first in
            BareStatement.life(
                of: Array(jobs[first..<min(first + PostgresFloor.batch, jobs.count)]), worker: "floor", result: [:], at: .now)
        }
        guard let one = lives.first else { return Times() }
        for (index, statement) in one.enumerated() { try check(PQprepare(connection, "floor\(index)", statement.sql, 0, nil)) }
        var bound: [[BoundParameters]] = []
        for life in lives {
            var parameters: [BoundParameters] = []
            for statement in life { parameters.append(try PostgresFloor.bind(statement)) }
            bound.append(parameters)
        }
        let begin = Monotonic.now
        for life in bound { try run(0, life[0]) }
        let accepted = Monotonic.now
        for life in bound {
            try run(1, life[1])
            try run(2, life[2])
        }
        return Times(
            accept: Monotonic.seconds(from: begin, to: accepted), startAndEnd: Monotonic.seconds(from: accepted, to: Monotonic.now))
    }

    private static func bind(_ statement: BareStatement) throws(BenchError) -> BoundParameters {
        do { return try BoundParameters(statement.parameters) } catch { throw BenchError("\(error)") }
    }

    private func run(_ index: Int, _ parameters: BoundParameters) throws(BenchError) {
        let count = parameters.count
        let result = parameters.withPointers { values, lengths, formats in
            PQexecPrepared(connection, "floor\(index)", count, values, lengths, formats, 0)
        }
        try check(result)
    }

    private func check(_ result: OpaquePointer?) throws(BenchError) {
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
            throw BenchError("PostgreSQL refused a statement of the floor: \(String(cString: PQerrorMessage(connection)))")
        }
    }
}
