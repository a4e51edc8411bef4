import JobModel
import JobRunner
import PostgresWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct RetainTests {
    /// What is old goes first, then what was not used for longest, down to the bytes that may stay.
    @Test func theLeaderKeepsTheCacheWithinItsBounds() async throws {
        let fixture = try await RunnerFixture([TestHandler { _ in [:] }]) {
            $0.retainInterval = .milliseconds(50)
            $0.cacheAge = .seconds(3_600)
            $0.cacheBytes = 1_000
        }
        func keep(_ name: String, usedHoursAgo hours: Int, bytes: Int64) async throws {
            try await fixture.pool.execute(
                """
                INSERT INTO prompt_cache (key, scope, kind, model, answer, bytes, job_id, created_at, used_at)
                VALUES (encode(sha256($1::text::bytea), 'hex'), 's', 'generate', $1::text, '{}', $3::bigint, gen_random_uuid(),
                    now() - make_interval(hours => $2::integer / 10), now() - make_interval(hours => $2::integer))
                """, [.text(name), .integer(Int64(hours)), .integer(bytes)])
        }
        try await keep("old", usedHoursAgo: 20, bytes: 1)
        try await keep("unused", usedHoursAgo: 9, bytes: 600)
        try await keep("used", usedHoursAgo: 1, bytes: 900)
        try await fixture.working { _ in
            try await eventually {
                let rows = try await fixture.pool.query("SELECT model FROM prompt_cache ORDER BY model")
                return try rows.map { try $0.string("model") } == ["used"]
            }
        }
    }
}
