import JobDesk
import JobModel
import JobQueue
import PostgresWire
import RedisWire
import Synchronization
import TestServers
import Testing

@testable import JobRunner

/// Who gets a slot, and what a worker does that has none.
@Suite(.timeLimit(.minutes(1))) struct SlotTests {
    @Test func aBusyWorkerKeepsItsNextSlotForASuspect() async throws {
        let executions = Executions(slots: 1)
        #expect(executions.lend(), "the slot is taken")
        #expect(!executions.lend())
        executions.takeBack()
        #expect(executions.freeSlots == 0, "claims would take it before the suspect could")
        #expect(executions.lend())
        executions.takeBack()
        #expect(executions.freeSlots == 1)
    }

    @Test func aKeptSlotIsFreeAgainWhenNoSuspectWaits() async throws {
        let executions = Executions(slots: 1)
        #expect(executions.lend())
        #expect(!executions.lend())
        executions.takeBack()
        executions.keepNoSlot()
        #expect(await executions.waitForFreeSlot(within: .seconds(300)) == 1)
    }

    @Test func aKeptSlotIsFreeAgainWhenEverySuspectHasOne() async throws {
        let executions = Executions(slots: 2)
        executions.reserve(1)
        #expect(executions.lend())
        #expect(!executions.lend())
        executions.reserve(0)
        async let free = executions.waitForFreeSlot(within: .seconds(300))
        try await Task.sleep(for: .milliseconds(20))
        #expect(!executions.lend(atMost: 1))
        #expect(await free == 1)
    }

    @Test func aFullWorkerGivesBackWhatItWasHandedAndNeverSaw() async throws {
        let gate = Gate()
        let handler = TestHandler { _ throws(JobFailure) in
            try await gate.wait()
            return [:]
        }
        let fixture = try await RunnerFixture([handler]) { $0.slots = 1 }
        let keys = fixture.desk.queue.keys
        try await fixture.working { runner in
            let first = try await fixture.submit()
            try await fixture.waitFor("started", of: first)
            _ = try await fixture.submit()
            let name = try #require(runner.name)
            let stream = keys.stream("ingest", .medium)
            _ = try await fixture.redis.command(["XREADGROUP", "GROUP", "workers", .string(name), "STREAMS", .string(stream), ">"])
            try await eventually {
                try await fixture.redis.command(["XLEN", .string(keys.stream("ingest", .urgent))]).integer == 1
            }
            gate.open()
        }
    }

    /// 22000 is an error of the statement; 53100 (disk full) looks like a store that is away, until others are seen to be answered.
    @Test(arguments: ["22000", "53100"]) func anAttemptThatAStoreRefusesForItselfStopsNoOther(sqlState: String) async throws {
        let handler = TestHandler { _ throws(JobFailure) in [:] }
        let fixture = try await RunnerFixture([handler]) { $0.slots = 1 }
        try await fixture.pool.script(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '\(sqlState)'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW WHEN (OLD.title = 'refused') EXECUTE FUNCTION refuse()
            """)
        var request = JobRequest(kind: "task", input: [:])
        request.title = "refused"
        let refused = try await fixture.desk.submit(request).job.id
        let good = try await fixture.submit()
        try await fixture.working { _ in
            try await eventually(within: .seconds(20)) { try await fixture.desk.read(good).state == .completed }
            #expect(try await fixture.desk.read(refused).state == .processing)
            try await fixture.pool.script("DROP TRIGGER refuse ON jobs")
            #expect(try await fixture.ended(refused).state == .completed)
        }
    }

    @Test func aWorkerHoldsAtMostTwiceItsSlots() {
        #expect(Executions.free(of: 4, taken: 0, refused: 0) == 4)
        #expect(Executions.free(of: 4, taken: 4, refused: 1) == 1)
        #expect(Executions.free(of: 4, taken: 8, refused: 4) == 0)
        #expect(Executions.free(of: 4, taken: 8, refused: 8) == 0)
        #expect(Executions.free(of: 4, taken: 5, refused: 0) == 0, "entries that came in spite of it take slots away")
    }

    /// Processes that take their time to claim: here they never do.
    @Test func soManySuspectsSoManyProcesses() async throws {
        try await withSuspects(3) { fixture, started in
            try await eventually { started.count == 3 }
            try await looks(3, fixture)
            #expect(started.count == 3)
        }
    }

    @Test func suspectsOfAPausedQueueTakeNoSlot() async throws {
        try await withSuspects(2) { fixture in
            try await fixture.desk.pause("ingest", by: nil)
        } body: { fixture, started in
            let stream = RedisArgument.string(fixture.desk.queue.keys.stream("ingest", .suspect))
            try await eventually { try await fixture.redis.command(["XLEN", stream]).integer == 2 }
            #expect(try await fixture.desk.queue.suspects(["ingest"]) == (0, 0))
            try await looks(3, fixture)
            #expect(started.count == 0)
            try await fixture.desk.resume("ingest")
            try await eventually { started.count == 2 }
        }
    }

    /// Returns when the worker has looked for suspects so many times more.
    private func looks(_ count: Int, _ fixture: RunnerFixture) async throws {
        func runs() async throws -> Int {
            let names = try await fixture.desk.queue.workers().map(\.name)
            let duties = try await fixture.desk.queue.dutyReports(of: names).flatMap(\.duties)
            return duties.first { $0["name"] == "run_suspects" }?["runs"]?.integer ?? 0
        }
        let before = try await runs()
        try await eventually { try await runs() >= before + count }
    }

    /// A worker whose neighbour died with so many jobs.
    private func withSuspects(
        _ count: Int, before: (RunnerFixture) async throws -> Void = { _ in }, body: (RunnerFixture, Started) async throws -> Void
    ) async throws {
        let handler = TestHandler { _ throws(JobFailure) in [:] }
        let fixture = try await RunnerFixture([handler]) {
            $0.slots = 8
            $0.suspectInterval = .milliseconds(50)
        }
        for _ in 0..<count { try await fixture.submit() }
        let card = WorkerCard(name: "gone", host: "h", processID: 1, version: "1", queues: ["ingest"], slots: count)
        _ = try await fixture.desk.queue.beat(card, running: 0)
        let streams = fixture.desk.queue.keys.streams(["ingest"], StreamLevel.allCases)
        _ = try await fixture.desk.queue.claim(for: "gone", from: streams, count: count)
        try await before(fixture)
        let (started, gate) = (Started(), Gate())
        let runner = fixture.runner {
            started.add()
            try? await gate.wait()
        }
        async let running: Void = runner.run()
        do { try await body(fixture, started) } catch { Issue.record(error) }
        gate.open()
        runner.drain()
        await running
    }
}

private final class Started: Sendable {
    private let number = Mutex(0)

    var count: Int { number.withLock { $0 } }

    func add() {
        number.withLock { $0 += 1 }
    }
}
