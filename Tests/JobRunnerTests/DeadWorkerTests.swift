import JobDesk
import JobModel
import JobQueue
import PrivateServers
import RedisWire
import Synchronization
import TestServers
import Testing

@testable import JobRunner

/// A worker that was declared dead while a claim was under way.
@Suite(.timeLimit(.minutes(1))) struct DeadWorkerTests {
    @Test func whatALateClaimBringsIsNotStarted() async throws {
        let server = try await TestRedis.own()
        let link = try await TCPProxy(socketPath: server.socketPath)
        let (gate, never) = (Gate(), Gate())
        let started = Mutex<[JobID]>([])
        let handler = TestHandler(isRecorded: false) { context throws(JobFailure) in
            let count = started.withLock {
                $0.append(context.jobID)
                return $0.count
            }
            try await (count == 1 ? gate : never).wait()
            return [:]
        }
        // One slot: the next claim is sent when the first job has ended, and nothing else is sent meanwhile that the loop waits for.
        let fixture = try await RunnerFixture([handler], redis: server) {
            ($0.slots, $0.lease, $0.stopGrace) = (1, .seconds(600), .seconds(600))
        }
        let queue = JobQueue(
            try RedisAddress(url: "redis://127.0.0.1:\(link.port)"), prefix: fixture.desk.queue.keys.prefix, logger: quiet)
        let desk = JobDesk(queue: queue, ledger: fixture.desk.ledger, catalogue: fixture.desk.catalogue, logger: quiet)
        let life = WorkerLife(
            desk: desk, handlers: [handler.kind.name: handler], settings: fixture.settings, launchSuspects: nil, logger: quiet)
        async let end = life.run()
        let first = try await fixture.submit()
        try await fixture.waitFor("started", of: first)
        link.set(.holding(.replies))
        let second = try await fixture.submit()
        gate.open()
        // The claim has come to Redis, its answer has not come back.
        try await eventually { try await fixture.desk.queue.job(second)?.state == .processing }
        life.die()
        link.set(.passing)
        #expect(await end == .dead)
        try await eventually { life.executions.count == 0 }
        #expect(started.withLock { $0 } == [first])
        #expect(try await fixture.desk.queue.job(second)?.worker == life.name, "a reaper finds it there")
        never.open()
        await link.stop()
        await server.stop()
    }
}
