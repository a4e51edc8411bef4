import JobDesk
import JobModel
import JobRunner
import Synchronization
import Testing

/// Jobs that speak in one session run one after the other, in the order they were accepted; those of other sessions beside them.
@Suite(.timeLimit(.minutes(1))) struct SessionOrderTests {
    private struct Talk: JobHandler {
        let kind = JobKind(
            name: "talk", summary: "s", queue: "ingest",
            input: InputShape([.init("session_id", .text(maxLength: 200), "s"), .init("n", .integer(0...1000), "n")]),
            isConversational: true)
        let work: @Sendable (JobContext) async throws(JobFailure) -> Void

        func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
            let session = context.sessionID ?? ""
            let heard = try await context.conversation.history(of: session, tokens: 10_000)
            try await work(context)
            try context.conversation.say(
                ConversationMessage(.user, "\(context.input["n"]?.integer ?? -1) heard \(heard.count)"), in: session)
            return [:]
        }
    }

    private func submit(_ fixture: RunnerFixture, _ session: String, _ number: Int, inInput: Bool) async throws -> JobID {
        var input: [String: JSONValue] = ["n": .integer(Int64(number))]
        if inInput { input["session_id"] = .string(session) }
        var request = JobRequest(kind: "talk", input: .object(input))
        if !inInput { request.sessionID = session }
        return try await fixture.desk.submit(request).job.id
    }

    @Test(arguments: ["plain", "with spaces and ümlauts"]) func eachHearsThoseBeforeIt(session: String) async throws {
        let talk = Talk { _ throws(JobFailure) in
            do { try await Task.sleep(for: .milliseconds(Int.random(in: 0...20))) } catch { throw .cancelled }
        }
        let fixture = try await RunnerFixture([talk]) { $0.slots = 4 }
        var ids: [JobID] = []
        for number in 0..<10 { ids.append(try await submit(fixture, session, number, inInput: number.isMultiple(of: 2))) }
        try await fixture.working { _ in
            for id in ids {
                let job = try await fixture.ended(id)
                #expect(job.state == .completed)
            }
        }
        let messages = try await fixture.desk.messages(of: session, after: 0, limit: 100).map(\.message.content)
        #expect(messages == (0..<10).map { "\($0) heard \($0)" })
    }

    @Test func anotherSessionDoesNotWait() async throws {
        let gate = Gate()
        let talk = Talk { context throws(JobFailure) in
            if context.sessionID == "slow" { try await gate.wait() }
        }
        let fixture = try await RunnerFixture([talk]) { $0.slots = 4 }
        try await fixture.working { _ in
            let slow = try await submit(fixture, "slow", 0, inInput: true)
            let next = try await submit(fixture, "slow", 1, inInput: true)
            try await fixture.waitFor("started", of: slow)
            #expect(try await fixture.ended(submit(fixture, "quick", 0, inInput: true)).state == .completed)
            #expect(try await fixture.desk.read(next).attempt == 0)
            gate.open()
            #expect(try await fixture.ended(next).state == .completed)
        }
    }

    @Test func aKeyThatWasAskedForStands() async throws {
        let fixture = try await RunnerFixture([Talk { _ throws(JobFailure) in }])
        var request = JobRequest(kind: "talk", input: ["session_id": "s"])
        #expect(try await fixture.desk.submit(request).job.concurrencyKey == "session:s")
        request.concurrencyKey = "mine"
        #expect(try await fixture.desk.submit(request).job.concurrencyKey == "mine")
        request.sessionID = "t"
        await #expect(throws: DeskError.self) { try await fixture.desk.submit(request) }
    }
}
