import JobDesk
import JobModel
import JobQueue
import Testing

/// What is told of a job that has not begun.
@Suite(.timeLimit(.minutes(1))) struct OutlookTests {
    @Test func eachAcceptedJobIsBehindTheOnesBeforeIt() async throws {
        let fixture = try await DeskFixture()
        var numbers: [Int?] = []
        for _ in 0..<5 {
            let job = try await fixture.desk.submit(fixture.request()).job
            numbers.append(await fixture.desk.firstOutlook(of: job)?.position?.number)
            #expect(await fixture.desk.outlook(of: job)?.position?.number == numbers.count)
        }
        #expect(numbers == [1, 2, 3, 4, 5])
    }

    @Test func theStartIsToldByWorkersAndDurations() async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(fixture.request()).job
        #expect(await fixture.desk.firstOutlook(of: first)?.start == nil, "nobody would run it")
        let other = try await DeskFixture()
        try await other.beat("w1")
        let next = try await other.desk.submit(other.request()).job
        let begins = try #require(await other.desk.firstOutlook(of: next)?.start)
        #expect(begins.milliseconds <= Timestamp.now.milliseconds + 1000, "there is a free slot")
        let later = try await other.desk.submit(other.request()).job
        let waits = try #require(await other.desk.firstOutlook(of: later)?.start)
        #expect(waits.milliseconds > begins.milliseconds + 1000, "after the one before it")
        try await other.desk.queue.pause("ingest")
        let scheduled = Timestamp.now.advanced(byMilliseconds: 3_600_000)
        var request = other.request()
        request.runAt = scheduled
        let job = try await other.desk.submit(request).job
        #expect(await other.desk.firstOutlook(of: job) == Outlook(position: nil, start: scheduled))
    }

    @Test func aJobThatRunsHasNoOutlook() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        _ = try await fixture.claimed()
        let running = try await fixture.desk.read(job.id)
        #expect(await fixture.desk.outlook(of: running) == nil)
    }
}
