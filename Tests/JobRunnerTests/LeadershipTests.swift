import JobDesk
import JobLedger
import JobModel
import JobQueue
import PrivateServers
import TestServers
import Testing

@testable import JobRunner

/// Leaders on real servers: one at a time, replaced when silent, and seen in the reports of duties.
@Suite(.timeLimit(.minutes(1))) struct LeadershipTests {
    private func idle() -> TestHandler { TestHandler { _ throws(JobFailure) in [:] } }

    private func campaigner(_ name: String, _ fixture: RunnerFixture) -> Leadership {
        Leadership(ledger: fixture.desk.ledger, name: name, settings: fixture.settings, logger: quiet)
    }

    @Test func oneOfManyLeadsAndASilentOneIsReplaced() async throws {
        let fixture = try await RunnerFixture([idle()])
        let all = (1...5).map { campaigner("w\($0)", fixture) }
        try await eventually {
            for one in all { try await one.campaign() }
            return all.contains { $0.token != nil }
        }
        #expect(all.filter { $0.token != nil }.count == 1)
        let silent = try #require(all.first { $0.token != nil })
        let first = try #require(silent.token)
        let others = all.filter { $0 !== silent }
        try await eventually {
            for one in others { try await one.campaign() }
            return others.contains { $0.token != nil }
        }
        #expect(silent.token == nil, "its reign ended before anybody took over")
        #expect(others.compactMap(\.token).allSatisfy { $0 > first })
        try await silent.campaign()
        #expect(silent.token == nil, "its renewal is refused")
    }

    @Test func aLeaderThatLeavesIsReplacedAtOnceAndDoesNotComeBack() async throws {
        let fixture = try await RunnerFixture([idle()]) { $0.leadInterval = .seconds(60) }
        let (first, second) = (campaigner("a", fixture), campaigner("b", fixture))
        for _ in 0..<2 { try await first.campaign() }
        #expect(first.token != nil)
        await first.resign()
        for _ in 0..<2 { try await second.campaign() }
        #expect(second.token != nil)
        for _ in 0..<2 { try await first.campaign() }
        #expect(first.token == nil)
    }

    @Test func withoutPostgreSQLNobodyLeadsForLongerThanATerm() async throws {
        let server = try await TestPostgres.own()
        let fixture = try await RunnerFixture([idle()], postgres: server.url)
        let leader = campaigner("a", fixture)
        try await eventually {
            try await leader.campaign()
            return leader.token != nil
        }
        server.kill()
        _ = await server.exit()
        try await eventually {
            try? await leader.campaign()
            return leader.token == nil
        }
        try await server.restart()
        try await eventually {
            try? await leader.campaign()
            return leader.token != nil
        }
        await server.stop()
    }

    @Test func everyDutyOfAWorkerIsReported() async throws {
        let fixture = try await RunnerFixture([idle()])
        try await fixture.working { runner in
            try await eventually {
                guard let name = runner.name else { return false }
                guard let report = try await fixture.desk.queue.dutyReports(of: [name]).first, report.isLeader else { return false }
                let quick = report.duties.filter { ($0["interval_ms"]?.integer ?? 0) <= 100 }
                return report.duties.count >= 9 && quick.allSatisfy { $0["last_success"] != nil && $0["error"] == nil }
            }
        }
    }

    @Test func aDutyThatFailsIsNotedWithItsReasonAndGoesOn() async throws {
        struct Trouble: Error {}
        let fixture = try await RunnerFixture([idle()])
        let book = DutyBook()
        let duty = Duty("broken", every: .seconds(1)) { throw Trouble() }
        book.open([duty])
        let loop = DutyLoop(duty: duty, leadership: campaigner("a", fixture), book: book, logger: quiet)
        for _ in 0..<2 { await loop.runOnce() }
        let record = try #require(book.all.first)
        #expect(record.runs == 2 && record.failures == 2 && record.lastSuccess == nil)
        #expect(record.error?.contains("Trouble") == true)
        book.note("broken", began: .now, took: .milliseconds(3), error: nil)
        #expect(book.all.first?.error == nil && book.all.first?.lastSuccess != nil)
    }
}
