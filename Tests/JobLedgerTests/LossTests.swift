import JobLedger
import JobModel
import PostgresWire
import PrivateServers
import TestServers
import Testing

@Suite struct LossTests {
    @Test(.timeLimit(.minutes(2))) func `The server dies in the middle of batches: nothing recorded is lost, and a repeat is safe`()
        async throws
    {
        let server = try await TestPostgres.own()
        let pool = PostgresPool(PostgresOptions(url: server.url), logger: quiet)
        _ = try await JobLedger.migrate(pool, logger: quiet)
        let ledger = JobLedger(pool, logger: quiet, maxBatch: 20)
        // Sixteen callers accept jobs one after the other until the server is gone: each has exactly one job of unknown fate.
        let (accepted, unknown) = await withTaskGroup(of: ([Job], Job?).self) { group in
            for _ in 0..<16 { group.addTask { await acceptUntilFailure(ledger) { if $0 == 20 { server.kill() } } } }
            return await group.reduce(into: ([Job](), [Job]())) { sums, part in
                sums.0 += part.0
                if let last = part.1 { sums.1.append(last) }
            }
        }
        #expect(unknown.count == 16 && accepted.count > 20)

        try await server.restart()
        try await eventually(within: .seconds(15)) { await ledger.ping() }
        for job in accepted {
            let again = try await ledger.accept(job, idempotency: nil)
            #expect(again == .existing(job.id), "an accepted job was lost")
        }
        for job in unknown {
            let again = try await ledger.accept(job, idempotency: nil)
            #expect(again == .accepted || again == .existing(job.id))
        }
        #expect(try await pool.query("SELECT count(*) AS n FROM jobs").first?.int("n") == Int64(accepted.count + unknown.count))
        await pool.close()
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `An end whose answer was lost is recorded once`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            let doomed = Task { try await fixture.ledger.record(.completed(["n": 1]), of: claim, at: .now) }
            doomed.cancel()
            #expect(try await doomed.value == .recorded, "a cancelled caller must still learn what became of the row")
            #expect(try await fixture.ledger.record(.completed(["n": 1]), of: claim, at: .now) == .recorded)
            #expect(try await fixture.attempts(of: claim.job.id) == ["completed"])
        }
    }

    /// The jobs that were accepted, and the one whose call failed.
    private func acceptUntilFailure(_ ledger: JobLedger, _ progress: (Int) -> Void) async -> ([Job], Job?) {
        var accepted: [Job] = []
        for _ in 0..<50_000 {
            let job = Job.sample()
            do {
                #expect(try await ledger.accept(job, idempotency: nil) == .accepted)
            } catch {
                #expect(error.isRetryable)
                return (accepted, job)
            }
            accepted.append(job)
            progress(accepted.count)
        }
        return (accepted, nil)
    }
}
