import JobDesk
import JobModel
import JobQueue
import JobRunner
import RedisWire
import Synchronization
import TestServers
import Testing

/// A worker that is asked to leave over Redis does what it does on SIGTERM.
@Suite(.timeLimit(.minutes(1))) struct DrainTests {
    private func leaves(_ ask: (RunnerFixture, String) async throws -> Void) async throws {
        let (gate, started) = (Gate(), Gate())
        let fixture = try await RunnerFixture([
            TestHandler { _ throws(JobFailure) in
                started.open()
                try await gate.wait()
                return ["done": true]
            }
        ]) { $0.drainGrace = .seconds(30) }
        let asked = Gate()
        let runner = Runner(
            desk: fixture.desk, handlers: fixture.handlers, settings: fixture.settings, onAsked: { asked.open() }, logger: quiet)
        async let running: Void = runner.run()
        let job = try await fixture.submit()
        try await started.wait()
        try await ask(fixture, try #require(runner.name))
        try await asked.wait()
        gate.open()
        await running
        #expect(try await fixture.desk.read(job).state == .completed)
        #expect(try await fixture.desk.queue.workers().isEmpty)
    }

    @Test func byTheMessage() async throws {
        try await leaves { fixture, name in
            let isAsked = try await fixture.desk.drain(worker: name)
            #expect(isAsked)
        }
    }

    @Test func byItsBeatWhereTheMessageIsLost() async throws {
        try await leaves { fixture, name in
            _ = try await fixture.redis.command(["HSET", .string(fixture.desk.queue.keys.worker(name)), "draining", 1])
        }
    }

    @Test func anUnknownWorkerIsNotAsked() async throws {
        let fixture = try await RunnerFixture([TestHandler { _ throws(JobFailure) in [:] }])
        #expect(try await !fixture.desk.drain(worker: "nobody"))
    }
}
