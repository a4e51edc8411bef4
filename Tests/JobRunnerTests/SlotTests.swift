import JobDesk
import JobModel
import JobQueue
import PostgresWire
import RedisWire
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
        #expect(await executions.waitForFreeSlot(within: .seconds(30)) == 1)
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
}
