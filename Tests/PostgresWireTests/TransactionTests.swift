import PostgresWire
import Synchronization
import TestServers
import Testing

@Suite struct TransactionTests {
    @Test(.timeLimit(.minutes(1))) func `Everything or nothing`() async throws {
        try await withPool { pool in
            try await pool.script("CREATE TABLE t (a int)")
            let error = await failure { () throws(PostgresError) in
                try await pool.transaction { (connection) throws(PostgresError) in
                    try connection.execute("INSERT INTO t VALUES (1)")
                    try connection.execute("SELECT 1/0")
                }
            }
            #expect(error?.sqlState == "22012")
            #expect(try await pool.query("SELECT 1 FROM t").isEmpty)
            let count = try await pool.transaction { (connection) throws(PostgresError) in
                try connection.execute("INSERT INTO t SELECT generate_series(1, 3)")
            }
            #expect(count == 3)
            #expect(try await pool.query("SELECT 1 FROM t").count == 3)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A body that swallows an error is not told "committed"`() async throws {
        try await withPool { pool in
            let error = await failure { () throws(PostgresError) in
                try await pool.transaction { (connection) throws(PostgresError) in _ = try? connection.query("SELECT 1/0") }
            }
            #expect(error?.sqlState == "25P02")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Two transactions that conflict both commit in the end`() async throws {
        try await withPool { pool in
            try await pool.script("CREATE TABLE t (a int); INSERT INTO t VALUES (0)")
            let runs = Runs()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        try await pool.transaction { (connection) throws(PostgresError) in
                            let isFirstPair = runs.next() <= 2
                            try connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                            _ = try connection.query("SELECT a FROM t")
                            if isFirstPair { _ = try connection.query("SELECT pg_sleep(0.2)") }
                            try connection.execute("UPDATE t SET a = a + 1")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.query("SELECT a FROM t").first?.int("a") == 2)
            #expect(runs.next() > 3, "there was no conflict to solve")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A backend that dies before COMMIT is sent: the outcome is known`() async throws {
        try await withPool { pool in
            let error = try #require(
                await failure { () throws(PostgresError) in
                    try await pool.transaction { (connection) throws(PostgresError) in
                        try connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                    }
                })
            #expect(error.kind == .connection(outcomeUnknown: false))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A cancelled transaction rolls back and gives a clean connection back`() async throws {
        try await withPool(1) { pool in
            try await pool.script("CREATE TABLE t (a int)")
            try await withPool(1, url: pool.options.url) { other in
                let task = Task {
                    await failure { () throws(PostgresError) in
                        try await pool.transaction { (connection) throws(PostgresError) in
                            try connection.execute("INSERT INTO t VALUES (1)")
                            _ = try connection.query("SELECT 'held up', pg_sleep(50)")
                        }
                    }
                }
                try await untilRunning("'held up'", seenBy: other)
                task.cancel()
                #expect(await task.value?.kind == .cancelled)
                #expect(try await pool.query("SELECT 1 FROM t").isEmpty)
            }
        }
    }
}

private final class Runs: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A session commits one by one and leaves nothing behind`() async throws {
        try await withPool(1) { pool in
            let error = await failure { () throws(PostgresError) in
                try await pool.session(timeLimit: .seconds(10)) { (connection) throws(PostgresError) in
                    try connection.script("CREATE TABLE t (a int)")
                    try connection.script("CREATE INDEX CONCURRENTLY t_a ON t (a)")
                    _ = try connection.query("SELECT pg_advisory_lock(1)")
                    try connection.script("SET search_path = nowhere")
                    try connection.script("SELECT 1/0")
                }
            }
            #expect(error?.sqlState == "22012")
            #expect(try await pool.query("SELECT 1 FROM t").isEmpty)
            try await eventually { try await pool.query("SELECT pg_try_advisory_lock(1) AS free").first?.bool("free") == true }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A statement that is asked afresh binds its values and keeps nothing`() async throws {
        try await withPool(1) { pool in
            let rows = try await pool.queryAfresh("SELECT $1::text AS a, $2::int[] AS b", ["it's", .integerArray([1, 2])])
            #expect(try rows.first?.string("a") == "it's")
            #expect(try await pool.query("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%AS b'").isEmpty)
            let error = await failure { () throws(PostgresError) in try await pool.queryAfresh("SELECT 1/$1::int", [0]) }
            #expect(error?.sqlState == "22012")
            #expect(try await pool.queryAfresh("SELECT 1").count == 1)
        }
    }
}
