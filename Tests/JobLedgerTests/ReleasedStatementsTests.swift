import FoundationEssentials
import JobLedger
import JobModel
import PostgresWire
import Testing

/// Programs of the release before run on while a newer one migrates, and after it: their statements must go on to work, word for word.
@Suite(.timeLimit(.minutes(1))) struct ReleasedStatementsTests {
    /// Of `Tests/Released`, by name.
    private static func statements() throws -> [String: String] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        let bytes = try #require(FileManager.default.contents(atPath: root + "/Released/statements.sql"))
        var found: [String: String] = [:]
        for part in String(decoding: bytes, as: UTF8.self).components(separatedBy: "-- name: ").dropFirst() {
            let lines = part.split(separator: "\n", omittingEmptySubsequences: false)
            found[String(lines[0])] = lines.dropFirst().joined(separator: "\n")
        }
        return found
    }

    @Test func eachCanBePrepared() async throws {
        let statements = try ReleasedStatementsTests.statements()
        #expect(statements.count > 55)
        try await LedgerFixture.run { fixture in
            for (name, text) in statements where name != "nearestByExtension" {
                do throws(PostgresError) { try await fixture.pool.script("PREPARE released AS \(text); DEALLOCATE released") } catch {
                    Issue.record("\(name): \(error)")
                }
            }
        }
    }

    @Test func aJobLivesByThem() async throws {
        let statements = try ReleasedStatementsTests.statements()
        let one = "ARRAY['01900000-0000-7000-8000-000000000001']::uuid[]"
        let none = "NULL"
        let life: [(String, String)] = [
            (
                "accept",
                """
                \(one), ARRAY['web_crawl'], ARRAY['ingest'], ARRAY['medium'], ARRAY['queued'], ARRAY['t'], ARRAY['s'], \(none), ARRAY['["a"]']::jsonb[],
                ARRAY['{"url": "http://h/"}']::jsonb[], ARRAY['{}']::jsonb[], ARRAY[3], ARRAY[1000], ARRAY[1000], \(none), ARRAY[1700000000000], \(none), \(none),
                \(none), \(none), ARRAY[0], ARRAY[0], ARRAY['{}']::jsonb[]
                """
            ),
            ("recordStart", "\(one), ARRAY[1], ARRAY['w'], ARRAY[1700000001000]"),
            ("storeSteps", "\(one), ARRAY[1], ARRAY['fetch'], ARRAY['{}']::jsonb[]"),
            (
                "record",
                """
                \(one), ARRAY[1], ARRAY['w'], ARRAY['w:1'], ARRAY[1700000002000], ARRAY['failed'], ARRAY['failed'], ARRAY[NULL]::jsonb[], ARRAY['gone'],
                ARRAY['http_404'], \(none), ARRAY[0]
                """
            ),
            ("retry", "\(one), 1700000003000"),
            ("jobsByID", one),
        ]
        try await LedgerFixture.run { fixture in
            for (name, parameters) in life {
                let text = try #require(statements[name])
                try await fixture.pool.script("PREPARE released AS \(text); EXECUTE released (\(parameters)); DEALLOCATE released")
            }
            let ended =
                "SELECT count(*) AS n FROM jobs j JOIN job_attempts a ON a.job_id = j.id AND a.outcome = 'failed' WHERE j.status = 'queued'"
            #expect(try await fixture.number(ended) == 1)
        }
    }
}
