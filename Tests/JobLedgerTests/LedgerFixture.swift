import JobLedger
import JobModel
import Logging
import PostgresWire
import TestServers

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A ledger on a migrated database of its own.
struct LedgerFixture {
    let pool: PostgresPool
    let ledger: JobLedger

    init(maxBatch: Int = 500, poolSize: Int = 4) async throws {
        let url = try await TestPostgres.freshDatabase(preparedAs: "ledger") { url in
            let pool = PostgresPool(PostgresOptions(url: url, poolSize: 1), logger: quiet)
            _ = try await JobLedger.migrate(pool, logger: quiet)
            await pool.close()
        }
        pool = PostgresPool(PostgresOptions(url: url, poolSize: poolSize), logger: quiet)
        ledger = JobLedger(pool, logger: quiet, maxBatch: maxBatch)
    }

    static func run(maxBatch: Int = 500, _ body: (LedgerFixture) async throws -> Void) async throws {
        let fixture = try await LedgerFixture(maxBatch: maxBatch)
        do { try await body(fixture) } catch {
            await fixture.pool.close()
            throw error
        }
        await fixture.pool.close()
    }

    func accepted(_ job: Job = .sample()) async throws -> Job {
        guard try await ledger.accept(job, idempotency: nil) == .accepted else { throw Unexpected("the job was not accepted") }
        return job
    }

    /// Accepted and started.
    func running(attempt: Int = 1) async throws -> Claim {
        let claim = try await accepted().claim(attempt)
        guard try await ledger.recordStart(claim, at: .now) else { throw Unexpected("the start was refused") }
        return claim
    }

    /// The right to write what leaders write.
    func leader() async throws -> LeaderToken? {
        try await ledger.takeLeadership(as: "a", from: ledger.leaderSeat())?.token
    }

    func number(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> Int64 {
        guard let row = try await pool.query(sql, parameters).first else { throw Unexpected("no row") }
        return try row.int("n")
    }

    /// `outcome` of the job's attempts in their order; `-` for an open one.
    func attempts(of id: JobID) async throws -> [String] {
        let rows = try await pool.query("SELECT outcome FROM job_attempts WHERE job_id = $1 ORDER BY attempt", [.text(id.description)])
        return try rows.map { try $0.optionalString("outcome") ?? "-" }
    }
}

struct Unexpected: Error {
    let what: String
    init(_ what: String) { self.what = what }
}

extension Job {
    static func sample() -> Job {
        Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: ["url": "http://h/"], metadata: ["a": 1])
    }

    func claim(_ attempt: Int = 1, by worker: String = "w1") -> Claim {
        Claim(job: self, attempt: attempt, worker: worker, stream: "ingest_jobs", entry: "1-1")
    }
}
