import JobDesk
import JobLedger
import JobModel
import PrivateServers
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct SubmitManyTests {
    @Test func withoutRedisRecordedJobsAreAcceptedAndOthersAreNot() async throws {
        let redis = try await TestRedis.own(persistent: false)
        let fixture = try await DeskFixture(redis: redis)
        _ = try await fixture.desk.submit(fixture.request())
        redis.kill()
        _ = await redis.exit()
        let results = try await fixture.desk.submit([fixture.request(), fixture.request("note"), fixture.request("none")])
        let job = try results[0].get().job
        #expect(try await fixture.desk.ledger.job(job.id)?.state == .queued, "the row is the promise")
        for (result, word) in zip(results.dropFirst(), ["unavailable", "unknownKind"]) {
            guard case .failure(let error) = result else {
                Issue.record("it was accepted")
                continue
            }
            #expect("\(error)".hasPrefix(word))
        }
    }
}
