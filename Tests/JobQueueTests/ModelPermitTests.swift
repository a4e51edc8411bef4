import JobModel
import JobQueue
import RedisWire
import Synchronization
import TestServers
import Testing

/// Permits of model servers: never more than there are, first come first served, and back from whoever does not run any more.
@Suite(.timeLimit(.minutes(1))) struct ModelPermitTests {
    /// Running attempts of one worker.
    private func callers(_ fixture: QueueFixture, _ count: Int, worker: String = "w1") async throws -> [ModelCaller] {
        for _ in 0..<count { try await fixture.enqueued() }
        _ = try await fixture.queue.beat(fixture.card(worker), running: 0)
        return try await fixture.claims(by: worker, count: count).map {
            ModelCaller(jobID: $0.job.id, worker: worker, attempt: $0.attempt)
        }
    }

    @Test func noMoreAreHeldThanThereAre() async throws {
        let fixture = try await QueueFixture()
        let permits = ModelPermits(fixture.queue)
        let running = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in try await callers(fixture, 40) {
                group.addTask {
                    for _ in 0..<5 {
                        let holder = caller.nextHolder()
                        try await permits.take("p", of: 3, for: holder)
                        running.enter()
                        await Task.yield()
                        running.leave()
                        permits.giveBack("p", of: 3, for: holder)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(running.most <= 3)
        #expect(running.most > 1)
        try await eventually { try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.modelPermit("p"))]).integer == 0 }
    }

    @Test func theyAreHandedOverInOrder() async throws {
        let fixture = try await QueueFixture()
        // Nobody looks again within the test: only words wake.
        let permits = ModelPermits(fixture.queue, lookAgain: .seconds(600))
        let holders = try await callers(fixture, 5).map { $0.nextHolder() }
        try await permits.take("p", of: 1, for: holders[0])
        let got = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, holder) in holders.enumerated().dropFirst() {
                group.addTask {
                    try await permits.take("p", of: 1, for: holder)
                    got.note(index)
                    permits.giveBack("p", of: 1, for: holder)
                }
                try await eventually {
                    try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.permitLine("p"))]).integer == Int64(index)
                }
            }
            permits.giveBack("p", of: 1, for: holders[0])
            try await group.waitForAll()
        }
        #expect(got.order == [1, 2, 3, 4])
    }

    @Test func whoIsCancelledLeavesTheLine() async throws {
        let fixture = try await QueueFixture()
        let permits = ModelPermits(fixture.queue, lookAgain: .seconds(600))
        let holders = try await callers(fixture, 3).map { $0.nextHolder() }
        try await permits.take("p", of: 1, for: holders[0])
        let second = Task { () -> JobFailure? in
            do throws(JobFailure) {
                try await permits.take("p", of: 1, for: holders[1])
                return nil
            } catch { return error }
        }
        let line = RedisArgument.string(fixture.queue.keys.permitLine("p"))
        try await eventually { try await fixture.redis.command(["ZCARD", line]).integer == 1 }
        let third = Task { try await permits.take("p", of: 1, for: holders[2]) }
        try await eventually { try await fixture.redis.command(["ZCARD", line]).integer == 2 }
        second.cancel()
        #expect(await second.value == .cancelled)
        permits.giveBack("p", of: 1, for: holders[0])
        try await third.value
    }

    @Test func aTryTakesNoPlace() async throws {
        let fixture = try await QueueFixture()
        let permits = ModelPermits(fixture.queue)
        let holders = try await callers(fixture, 2).map { $0.nextHolder() }
        #expect(await permits.tryTake("p", of: 1, for: holders[0]) == nil)
        #expect(await permits.tryTake("p", of: 1, for: holders[1]) == 1)
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.permitLine("p"))]).integer == 0)
    }

    @Test func whatADeadWorkerHeldComesBackAndItsPlacesAreGone() async throws {
        let fixture = try await QueueFixture()
        let queue = fixture.queue
        let permits = ModelPermits(queue, lookAgain: .seconds(600))
        let dead = try await callers(fixture, 2, worker: "dying").map { $0.nextHolder() }
        #expect(try await queue.takePermit("p", of: 1, for: dead[0], waits: true) == 0)
        #expect(try await queue.takePermit("p", of: 1, for: dead[1], waits: true) == 1)
        let living = try await callers(fixture, 1)[0].nextHolder()
        let waiting = Task { try await permits.take("p", of: 1, for: living) }
        try await eventually { try await fixture.redis.command(["ZCARD", .string(queue.keys.permitLine("p"))]).integer == 2 }
        #expect(try await queue.sweepPermits() == 0)
        let seen = try #require(try await queue.observe(fixture.streams).first { $0.worker == "dying" })
        #expect(try await queue.markDead(seen))
        #expect(try await queue.sweepPermits() == 1)
        try await waiting.value
    }

    @Test func whoAsksWithoutAJobHasAPermitForAMinuteAndWaitsInTheLineAsLongAsItsPatience() async throws {
        let fixture = try await QueueFixture()
        let queue = fixture.queue
        let permits = ModelPermits(queue, lookAgain: .seconds(600))
        let job = try await callers(fixture, 1)[0].nextHolder()
        let asker = ModelCaller(askingBy: "api", patience: .milliseconds(100))
        try await permits.take("p", of: 1, for: job)
        await #expect(throws: JobFailure.retry("The model server is busy with jobs", type: "busy", afterMilliseconds: 5_000)) {
            try await permits.take("p", of: 1, for: asker.nextHolder())
        }
        let line = RedisArgument.string(queue.keys.permitLine("p"))
        try await eventually { try await fixture.redis.command(["ZCARD", line]).integer == 0 }
        // In the line it is handed the permit like a job.
        let patient = ModelCaller(askingBy: "api", patience: .seconds(600))
        let holder = patient.nextHolder()
        let waiting = Task { try await permits.take("p", of: 1, for: holder) }
        try await eventually { try await fixture.redis.command(["ZCARD", line]).integer == 1 }
        permits.giveBack("p", of: 1, for: job)
        try await waiting.value
        #expect(try await queue.sweepPermits() == 0)
        let asking = RedisArgument.string(queue.keys.asking(patient.jobID))
        let left = try await fixture.redis.command(["PTTL", asking]).integer ?? 0
        #expect((1...60_000).contains(left))
        // Its process died, and its minute is over.
        _ = try await fixture.redis.command(["DEL", asking])
        #expect(try await queue.sweepPermits() == 1)
        try await permits.take("p", of: 1, for: job)
        permits.giveBack("p", of: 1, for: job)
        let third = ModelCaller(askingBy: "api", patience: .seconds(600))
        let next = third.nextHolder()
        try await permits.take("p", of: 1, for: next)
        permits.giveBack("p", of: 1, for: next)
        let key = RedisArgument.string(queue.keys.asking(third.jobID))
        try await eventually { try await fixture.redis.command(["EXISTS", key]).integer == 0 }
    }

    @Test func aPermitOfAnAttemptThatHasEndedComesBack() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        let held = try await fixture.claimed()
        let holder = ModelCaller(jobID: held.job.id, worker: held.worker, attempt: held.attempt).nextHolder()
        #expect(try await fixture.queue.takePermit("p", of: 1, for: holder, waits: true) == 0)
        #expect(try await fixture.queue.sweepPermits() == 0)
        _ = try await fixture.queue.settle(held, as: .completed([:]))
        #expect(try await fixture.queue.sweepPermits() == 1)
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.modelPermits)]).integer == 0)
    }

    @Test func aWordThatIsLostIsMadeUpForByLookingAgain() async throws {
        let fixture = try await QueueFixture()
        let permits = ModelPermits(fixture.queue, lookAgain: .milliseconds(50))
        let holders = try await callers(fixture, 2).map { $0.nextHolder() }
        try await permits.take("p", of: 1, for: holders[0])
        let waiting = Task { try await permits.take("p", of: 1, for: holders[1]) }
        try await eventually { try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.permitLine("p"))]).integer == 1 }
        // Given back by a script that tells nobody.
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.modelPermit("p"))])
        try await waiting.value
    }

    @Test func wordsThatWereMissedWithTheConnectionAreMadeUpFor() async throws {
        let fixture = try await QueueFixture(on: TestRedis.own())
        let permits = ModelPermits(fixture.queue, lookAgain: .seconds(600))
        let holders = try await callers(fixture, 2).map { $0.nextHolder() }
        try await permits.take("p", of: 1, for: holders[0])
        let waiting = Task { try await permits.take("p", of: 1, for: holders[1]) }
        try await eventually { try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.permitLine("p"))]).integer == 1 }
        // The word goes to nobody: the connection is cut in the same breath.
        _ = try await fixture.redis.pipeline([
            ["CLIENT", "KILL", "TYPE", "pubsub"],
            ["EVAL", "redis.call('DEL', KEYS[1])", "1", .string(fixture.queue.keys.modelPermit("p"))],
        ])
        try await waiting.value
    }

    @Test func askedAgainThePermitIsStillOne() async throws {
        let fixture = try await QueueFixture()
        let holder = try await callers(fixture, 1)[0].nextHolder()
        for _ in 0..<3 { #expect(try await fixture.queue.takePermit("p", of: 2, for: holder, waits: true) == 0) }
        #expect(try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.modelPermit("p"))]).integer == 1)
    }
}

/// What the holders of permits did.
private final class Seen: Sendable {
    private let state = Mutex((now: 0, most: 0, order: [Int]()))

    var most: Int { state.withLock { $0.most } }
    var order: [Int] { state.withLock { $0.order } }
    func note(_ index: Int) { state.withLock { $0.order.append(index) } }
    func leave() { state.withLock { $0.now -= 1 } }
    func enter() {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
    }
}
