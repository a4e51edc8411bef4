import PostgresWire
import PrivateServers
import TestServers
import Testing

@Suite struct ListenerTests {
    @Test(.timeLimit(.minutes(1))) func `Notifications arrive in order, with hostile channel names and payloads as data`() async throws {
        try await withPool { pool in
            let channel = "we\"ird; DROP"
            let listener = PostgresListener(pool.options, channels: ["plain", channel], logger: quiet)
            var signals = listener.notifications.makeAsyncIterator()
            #expect(await signals.next() == .connected)
            try await pool.execute("SELECT pg_notify($1, $2)", [.text(channel), "'; --"])
            try await pool.execute("SELECT pg_notify('plain', 'second')")
            #expect(await signals.next() == .notification(channel: channel, payload: "'; --"))
            #expect(await signals.next() == .notification(channel: "plain", payload: "second"))
            await listener.close()
            #expect(await signals.next() == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `After a broken connection it listens again and says so`() async throws {
        try await withPool { pool in
            let listener = PostgresListener(pool.options, channels: ["news"], logger: quiet)
            var signals = listener.notifications.makeAsyncIterator()
            #expect(await signals.next() == .connected)
            try await pool.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE query LIKE 'LISTEN%' AND datname = current_database()
                """)
            #expect(await signals.next() == .connected)
            try await pool.execute("NOTIFY news, 'again'")
            #expect(await signals.next() == .notification(channel: "news", payload: "again"))
            await listener.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `It waits for a server that is away, and closes while it waits`() async throws {
        let server = try await TestPostgres.own()
        let listener = PostgresListener(PostgresOptions(url: server.url), channels: ["news"], logger: quiet)
        var signals = listener.notifications.makeAsyncIterator()
        #expect(await signals.next() == .connected)
        await server.stop()
        try await server.restart()
        #expect(await signals.next() == .connected)
        await server.stop()
        await listener.close()
        #expect(await signals.next() == nil)
    }
}
