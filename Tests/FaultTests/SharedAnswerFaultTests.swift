import FoundationEssentials
import Glibc
import JobModel
import PostgresWire
import Synchronization
import TestServers
import Testing

/// Equal jobs, more than there are slots, and the worker of the one that asks for all is killed: another one asks, and all get its answer.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SharedAnswerFaultTests {
    private static let jobs = 10

    @Test func whenTheWorkerOfTheJobThatAsksIsKilledAnotherJobAsksForAll() async throws {
        let (firstEnds, end) = AsyncStream<Void>.makeStream()
        let calls = Mutex(0)
        let standIn = StandInOllama([StandInModel("m")]) { moment in
            guard case .asked = moment else { return }
            let isFirst = calls.withLock { calls in
                calls += 1
                return calls == 1
            }
            // The first question is never answered.
            if isFirst { for await _ in firstEnds {} }
        }
        let server = try await StubHTTPServer { await standIn.answer($0) }
        let fleet = try await Fleet.start(
            apis: 1, workers: 2, slots: 3, lease: .milliseconds(1500), more: ["FAULT_MODELS": server.url, "FAULT_PERMITS": "4"])
        let outcome = await Result {
            let door = Door(fleet.apis, book: Book())
            for _ in 0..<Self.jobs {
                _ = try await door.insist(
                    "POST", "/jobs",
                    ["kind": "chat", "max_attempts": 10, "input": ["model": "m", "messages": [["role": "user", "content": "the same"]]]])
            }
            // All slots are taken: by the one that asks, and by those that wait for it.
            try await eventually(within: .seconds(60)) {
                let running = try await Self.count(fleet, "SELECT count(*) AS n FROM jobs WHERE status = 'processing'")
                let asking = try await Self.count(fleet, "SELECT count(*) AS n FROM prompt_leads WHERE outcome IS NULL")
                return running == 6 && asking == 1
            }
            let rows = try await fleet.database.query(
                "SELECT a.worker FROM prompt_leads l JOIN job_attempts a ON a.job_id = l.job_id AND a.attempt = l.attempt")
            let name = try #require(rows.first).string("worker")
            let victim = try #require(fleet.workers.compactMap(\.processID).first { name.contains("-\($0)-") })
            kill(victim, SIGKILL)
            try await eventually(within: .seconds(120)) {
                try await Self.count(fleet, "SELECT count(*) AS n FROM jobs WHERE status = 'completed'") == Int64(Self.jobs)
            }
            #expect(calls.withLock { $0 } == 2)
            let fresh = "SELECT count(*) AS n FROM jobs WHERE result #>> '{cache,hit}' = 'none'"
            #expect(try await Self.count(fleet, fresh) == 1)
            try await fleet.waitForSuspectsToLeave()
        }
        end.finish()
        let orphans = await fleet.close()
        await server.stop()
        #expect(orphans.isEmpty, "processes outlived their fleet")
        try outcome.get()
    }

    private static func count(_ fleet: Fleet, _ sql: String) async throws -> Int64 {
        try await fleet.database.query(sql).first?.int("n") ?? 0
    }
}
