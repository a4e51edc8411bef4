import PostgresWire
import PrivateServers
import TestServers
import Testing

@Suite struct OutageTests {
    @Test(.timeLimit(.minutes(1))) func `A terminated backend fails its statement with an unknown outcome, and only that`() async throws {
        try await withPool(1) { pool in
            let url = pool.options.url
            try await withPool(1, url: url) { other in
                async let lost = failure { () throws(PostgresError) in try await pool.query("SELECT 'doomed', pg_sleep(50)") }
                try await untilRunning("doomed", seenBy: other)
                try await other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%''doomed''%' AND pid <> pg_backend_pid()")
                let error = try #require(await lost)
                #expect(error.kind == .connection(outcomeUnknown: true) && error.isRetryable)
                let one = try await pool.query("SELECT 1 AS one").first?.int("one")
                #expect(one == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A connection that broke while idle is replaced before a statement is lost`() async throws {
        try await withPool(1) { pool in
            let pid = try #require(try await pool.query("SELECT pg_backend_pid() AS pid").first).int("pid")
            try await withPool(1, url: pool.options.url) { other in
                try await other.execute("SELECT pg_terminate_backend($1::int)", [.integer(pid)])
                try await eventually {
                    try await other.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1::int", [.integer(pid)]).isEmpty
                }
            }
            #expect(try #require(try await pool.query("SELECT pg_backend_pid() AS pid").first).int("pid") != pid)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `While the server is away calls fail fast, and work again after it is back`() async throws {
        let server = try await TestPostgres.own()
        try await withPool(url: server.url) { pool in
            #expect(await pool.ping())
            await server.stop()
            let clock = ContinuousClock()
            let spent = try await clock.measure {
                for _ in 0..<50 {
                    let error = try #require(await failure { () throws(PostgresError) in try await pool.query("SELECT 1") })
                    #expect(error.isConnectionLoss)
                }
            }
            #expect(spent < .seconds(20), "50 refusals took \(spent)")
            try await server.restart()
            try await eventually(within: .seconds(10)) { await pool.ping() }
        }
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `A frozen server holds a call no longer than its time limit and a little`() async throws {
        let server = try await TestPostgres.own()
        try await withPool(statementTimeout: .milliseconds(200), url: server.url) { pool in
            _ = try await pool.query("SELECT 1")
            server.freeze()
            let error = try #require(await failure { () throws(PostgresError) in try await pool.query("SELECT 2") })
            server.thaw()
            #expect(error.kind == .timeout && error.isRetryable)
            try await eventually(within: .seconds(10)) { await pool.ping() }
        }
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `A statement over its time limit is a timeout, and the connection goes on`() async throws {
        try await withPool(1, statementTimeout: .milliseconds(100)) { pool in
            let error = await failure { () throws(PostgresError) in try await pool.query("SELECT pg_sleep(30)") }
            #expect(error?.kind == .timeout && error?.sqlState == "57014")
            let one = try await pool.query("SELECT 1 AS one").first?.int("one")
            #expect(one == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A cancelled task returns at once, and its statement stops on the server`() async throws {
        try await withPool(1) { pool in
            let pid = try #require(try await pool.query("SELECT pg_backend_pid() AS pid").first).int("pid")
            try await withPool(1, url: pool.options.url) { other in
                let task = Task { await failure { () throws(PostgresError) in try await pool.query("SELECT 'endless', pg_sleep(50)") } }
                try await untilRunning("'endless'", seenBy: other)
                let spent = await ContinuousClock().measure {
                    task.cancel()
                    #expect(await task.value?.kind == .cancelled)
                }
                #expect(spent < .seconds(10), "the statement would sleep for 50 s")
                let row = try #require(try await pool.query("SELECT pg_backend_pid() AS pid").first)
                #expect(try row.int("pid") == pid, "the connection was thrown away")
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A call that is cancelled while it waits for a connection is never sent`() async throws {
        try await withPool(1) { pool in
            try await pool.script("CREATE TABLE t (a int)")
            try await withPool(1, url: pool.options.url) { other in
                let first = Task { await failure { () throws(PostgresError) in try await pool.query("SELECT 'in front', pg_sleep(50)") } }
                try await untilRunning("'in front'", seenBy: other)
                let second = Task { await failure { () throws(PostgresError) in try await pool.execute("INSERT INTO t VALUES (1)") } }
                second.cancel()
                #expect(await second.value?.kind == .cancelled)
                first.cancel()
                _ = await first.value
                #expect(try await pool.query("SELECT 1 FROM t").isEmpty)
            }
        }
    }
}
