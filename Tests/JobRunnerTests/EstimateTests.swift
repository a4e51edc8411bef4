import JobDesk
import JobModel
import JobQueue
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct EstimateTests {
    @Test func progressSaysWhatIsLeft() async throws {
        let handler = TestHandler { context throws(JobFailure) in
            try await context.progress(50, step: "half", "half way")
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        for _ in 0..<10 { fixture.desk.durations.note(kind: "task", milliseconds: 20_000) }
        try await fixture.desk.durations.flush()
        try await fixture.desk.durations.refresh()
        try await fixture.working { _ in
            let id = try await fixture.submit()
            _ = try await fixture.ended(id)
            let event = try #require(try await fixture.desk.log(of: id).first { $0["event"] == "progress" })
            // Half by the history (20 s), half by its own pace (almost nothing).
            let left = try #require(event["remaining_seconds"]?.number)
            #expect((8...12).contains(left))
        }
    }

    @Test func whatWorkersNoteReachesTheOthersByItself() async throws {
        let fixture = try await RunnerFixture([TestHandler { _ in [:] }])
        try await fixture.working { _ in
            fixture.desk.durations.note(kind: "task", milliseconds: 7)
            try await eventually { try await fixture.desk.queue.durations(of: ["task"])[0]?.total == 1 }
        }
    }
}
