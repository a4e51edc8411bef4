import JobDesk
import JobModel
import Synchronization
import Testing

/// What a handler says is kept with its result, and read by the next job of the session.
@Suite(.timeLimit(.minutes(1))) struct ConversationTests {
    private func submit(_ fixture: RunnerFixture, _ kind: String = "task", session: String = "s") async throws -> JobID {
        var request = JobRequest(kind: kind, input: [:])
        request.sessionID = session
        return try await fixture.desk.submit(request).job.id
    }

    @Test(arguments: [true, false]) func aRetriedJobSpeaksOnceAndTheNextOneHearsIt(isRecorded: Bool) async throws {
        let handler = TestHandler(isRecorded: isRecorded) { context throws(JobFailure) in
            let session = context.sessionID ?? ""
            let heard = try await context.conversation.history(of: session, tokens: 100)
            try context.conversation.say(ConversationMessage(.user, "attempt \(context.attempt)"), in: session)
            if heard.isEmpty, context.attempt == 1 { throw .retry("again", type: "test") }
            try context.conversation.say(ConversationMessage(.assistant, "heard \(heard.count)", model: "m"), in: session)
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        try await fixture.working { _ in
            for expected in [["attempt 2", "heard 0"], ["attempt 2", "heard 0", "attempt 1", "heard 2"]] {
                #expect(try await fixture.ended(submit(fixture)).state == .completed)
                let messages = try await fixture.desk.messages(of: "s", after: 0, limit: 10)
                #expect(messages.map(\.message.content) == expected)
            }
        }
    }

    @Test func aJobSpeaksInOneConversationAndNothingOfAFailedOneIsKept() async throws {
        let handler = TestHandler { context throws(JobFailure) in
            try context.conversation.say(ConversationMessage(.user, "one"), in: "s")
            try context.conversation.say(ConversationMessage(.user, "two"), in: "other")
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        try await fixture.working { _ in
            let job = try await fixture.ended(submit(fixture))
            #expect(job.state == .failed && job.errorType == "other_session")
            await #expect(throws: DeskError.self) { try await fixture.desk.conversation("s") }
        }
    }
}
