import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import Synchronization
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct FlowTests {
    private func member(_ name: String, _ kind: String, _ parents: [String] = []) -> FlowRequest.Member {
        .init(name: name, request: JobRequest(kind: kind, input: [:]), dependsOn: parents)
    }

    @Test func childrenSeeWhatTheirParentsLeft() async throws {
        let number = TestHandler("number") { _ in ["n": 20] }
        let broken = TestHandler("broken") { _ throws(JobFailure) in throw .permanent("no", type: "broken") }
        let sum = TestHandler("sum") { context throws(JobFailure) in
            let parents = try await context.parents()
            return [
                "n": .integer(Int64(parents.values.reduce(0) { $0 + ($1.result?["n"]?.integer ?? 0) })),
                "failed": .array(parents.filter { $0.value.state == .failed }.keys.sorted().map(JSONValue.string)),
            ]
        }
        let fixture = try await RunnerFixture([number, broken, sum])
        var last = member("sum", "sum", ["a", "b", "c"])
        last.onParentFailure = .run
        let flow = try await fixture.desk.submit(
            FlowRequest([member("a", "number"), member("b", "number"), member("c", "broken"), last]))
        try await fixture.working { _ in
            let job = try await fixture.ended(try #require(flow.jobIDs["sum"]))
            #expect(job.result == ["n": 40, "failed": ["c"]])
        }
        #expect(try await fixture.desk.readFlow(flow.flow.id).state == .failed)
    }

    /// Fans out by its own choice and in again; the attempt that comes after a failure adds nothing twice.
    @Test func aRetriedAttemptAddsItsChildrenOnce() async throws {
        let part = TestHandler("part") { _ in ["n": 1] }
        let whole = TestHandler("whole") { context throws(JobFailure) in
            ["n": .integer(Int64(try await context.parents().values.compactMap { $0.result?["n"]?.integer }.reduce(0, +)))]
        }
        let planner = TestHandler("planner") { context throws(JobFailure) in
            for number in 0..<5 { try await context.addChild("part \(number)", kind: "part", input: [:], startsAtOnce: true) }
            if context.attempt == 1 { throw .retry("again", type: "again") }
            let id = try await context.addChild(
                "whole", kind: "whole", input: [:], startsAtOnce: true, dependsOn: (0..<5).map { "part \($0)" })
            try await context.addChild("after", kind: "part", input: [:])
            return ["whole": .string(id.description)]
        }
        let fixture = try await RunnerFixture([planner, part, whole])
        let id = try await fixture.submit("planner")
        try await fixture.working { _ in
            let planned = try await fixture.ended(id)
            #expect(planned.attempt == 2)
            #expect(planned.flow?.name == "planner")
            let whole = try await fixture.ended(try #require(planned.result?["whole"]?.string.flatMap { JobID($0) }))
            #expect(whole.result == ["n": 5])
            let flow = try #require(try await fixture.desk.ledger.job(id)?.flow?.flow)
            try await eventually { try await fixture.desk.readFlow(flow).state == .completed }
            #expect(try await fixture.desk.readFlow(flow).jobs == 8)
            let jobs = try await fixture.desk.jobs(of: flow, after: nil, limit: 100)
            #expect(jobs.first { $0.name == "after" }?.parents == ["planner"])
        }
    }

    @Test func aChildThatDoesNotFitFailsTheJobThatAddsIt() async throws {
        let planner = TestHandler("planner") { context throws(JobFailure) in
            try await context.addChild("x", kind: "planner", input: ["n": "many"])
            return [:]
        }
        let fixture = try await RunnerFixture([planner])
        let id = try await fixture.submit("planner")
        try await fixture.working { _ in
            let job = try await fixture.ended(id)
            #expect(job.errorType == "invalid_child")
            #expect(job.error?.contains("#/input/n") == true)
        }
    }

    @Test func jobsThatAreNotRecordedCannotAddOthers() async throws {
        let planner = TestHandler("planner", isRecorded: false) { context throws(JobFailure) in
            guard try await context.parents().isEmpty else { throw .permanent("has parents", type: "parents") }
            try await context.addChild("x", kind: "planner", input: [:])
            return [:]
        }
        let fixture = try await RunnerFixture([planner])
        let id = try await fixture.submit("planner")
        let job = try await fixture.working { _ in try await fixture.ended(id) }
        #expect(job.errorType == "not_recorded")
    }

    @Test func cancellingAFlowStopsItsRunningJobs() async throws {
        let gate = Gate()
        let slow = TestHandler("slow") { _ throws(JobFailure) in
            try await gate.wait()
            return [:]
        }
        let fixture = try await RunnerFixture([slow])
        let flow = try await fixture.desk.submit(FlowRequest([member("a", "slow"), member("b", "slow", ["a"])]))
        try await fixture.working { _ in
            let first = try #require(flow.jobIDs["a"])
            try await fixture.waitFor("started", of: first)
            _ = try await fixture.desk.cancelFlow(flow.flow.id)
            #expect(try await fixture.ended(first).state == .cancelled)
            #expect(try await fixture.desk.readFlow(flow.flow.id).counts[.cancelled] == 2)
        }
    }

    @Test func theLeadersSweepMendsAFlow() async throws {
        let task = TestHandler("task") { _ in [:] }
        let fixture = try await RunnerFixture([task]) { $0.flowInterval = .milliseconds(50) }
        let flow = try await fixture.desk.submit(FlowRequest([member("a", "task"), member("b", "task", ["a"])]))
        let first = try #require(flow.jobIDs["a"])
        _ = try await fixture.desk.ledger.endUnclaimed(first, as: .completed(["n": 1]), at: .now, by: "a crash")
        let second = try #require(flow.jobIDs["b"])
        let job = try await fixture.working { _ in try await fixture.ended(second) }
        #expect(job.state == .completed)
    }
}
