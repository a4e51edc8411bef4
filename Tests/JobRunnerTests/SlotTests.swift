import JobDesk
import JobModel
import JobQueue
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
}
