import JobDesk
import JobModel
import JobQueue
import JobRunner
import RedisWire
import TestServers
import Testing

/// A group or a stream is lost while a worker runs a job, and then the worker dies: as after any death the job runs again, alone and uncharged.
@Suite(.timeLimit(.minutes(1))) struct LostGroupTests {
    /// What is lost, and how often live jobs are swept: without its group an entry is read again by others, without the stream there is none.
    @Test(arguments: [("XGROUP DESTROY", 600_000), ("DEL", 50)], [true, false])
    func theJobOfADeadWorkerRunsAgainUncharged(loss: (command: String, sweep: Int), isRecorded: Bool) async throws {
        let handler = TestHandler(isRecorded: isRecorded) { context throws(JobFailure) in ["attempt": .integer(Int64(context.attempt))] }
        let fixture = try await RunnerFixture([handler]) { $0.repairInterval = .milliseconds(loss.sweep) }
        let keys = fixture.desk.queue.keys
        let id = try await fixture.submit()
        let card = WorkerCard(name: "gone", host: "h", processID: 1, version: "1", queues: ["ingest"], slots: 1)
        _ = try await fixture.desk.queue.beat(card, running: 0)
        guard case .claimed(let claimed) = try await fixture.desk.queue.claim(for: "gone", from: keys.streams(["ingest"]), count: 1),
            let claim = claimed.claims.first
        else {
            Issue.record("nothing was claimed")
            return
        }
        if case .refused = try await fixture.desk.start(claim) { Issue.record("the start was refused") }
        let words = loss.command.split(separator: " ").map { RedisArgument.string(String($0)) }
        _ = try await fixture.redis.command(words + [.string(claim.stream)] + (words.count == 2 ? ["workers"] : []))
        let runner = fixture.runner { await RunnerFixture.suspects(of: fixture).run() }
        async let running: Void = runner.run()
        let job = try await fixture.ended(id)
        #expect(job.state == .completed)
        #expect(job.result == ["attempt": 2])
        #expect(job.uncharged == 1)
        runner.drain()
        await running
    }
}
