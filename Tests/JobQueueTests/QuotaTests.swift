import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

/// What API keys may spend, counted by Redis. Buckets refill so slowly here that no time passes for them.
@Suite(.timeLimit(.minutes(1))) struct QuotaTests {
    private let slow = Limit.Rate(count: 10, perMilliseconds: 36_000_000, burst: 3)

    @Test func aBucketGivesItsBurstAndThenWaits() async throws {
        let fixture = try await QueueFixture()
        for left in [2, 1, 0] {
            let allowance = try await fixture.queue.spend("k", slow)
            #expect(allowance.isGranted)
            #expect(allowance.left == left)
        }
        let refused = try await fixture.queue.spend("k", slow)
        #expect(!refused.isGranted)
        #expect(refused.left == 0)
        // One more each hour; all of it in three.
        #expect((3_590_000...3_600_000).contains(refused.nextInMilliseconds))
        #expect((10_790_000...10_800_000).contains(refused.fullInMilliseconds))
        #expect(try await fixture.queue.spend("other", slow).isGranted)
    }

    /// Many at once, over several connections as API processes have them: not one more than the burst.
    @Test func processesShareABucket() async throws {
        let fixture = try await QueueFixture()
        let rate = Limit.Rate(count: 100, perMilliseconds: 360_000_000, burst: 50)
        let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 { group.addTask { try await fixture.queue.spend("k", rate).isGranted } }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(granted == 50)
    }

    @Test func aBucketFillsAgainAndIsForgottenWhenFull() async throws {
        let fixture = try await QueueFixture()
        let fast = Limit.Rate(count: 100, perMilliseconds: 1_000, burst: 1)
        #expect(try await fixture.queue.spend("k", fast).isGranted)
        try await eventually(within: .seconds(5)) { try await fixture.queue.spend("k", fast).isGranted }
        let key = RedisArgument.string(fixture.queue.keys.allowance("k"))
        try await eventually(within: .seconds(5)) { try await fixture.redis.command(["EXISTS", key]).integer == 0 }
    }

    /// A clock that was set back leaves a time far ahead: it owes one bucket, not more.
    @Test func aTimeFromAnotherClockCostsOneBucketAtMost() async throws {
        let fixture = try await QueueFixture()
        let key = RedisArgument.string(fixture.queue.keys.allowance("k"))
        _ = try await fixture.redis.command(["SET", key, "99999999999999"])
        let refused = try await fixture.queue.spend("k", slow)
        #expect(!refused.isGranted)
        #expect(refused.fullInMilliseconds <= 10_800_000)
    }

    private func jobs(_ count: Int) -> [JobID] { (0..<count).map { _ in JobID() } }

    @Test func jobsOfADayAreCountedByTheBatch() async throws {
        let queue = try await QueueFixture().queue
        let quota = JobQuota(aDay: 5, live: nil)
        let first = try await queue.charge(jobs(3), to: "k", quota, atLeast: 3)
        #expect(first.charged == 3)
        #expect(first.leftToday == 2)
        #expect((1...86_400_000).contains(first.tomorrowInMilliseconds))
        #expect(first.roomForLive == nil)
        // All or nothing, then as many as fit.
        #expect(try await queue.charge(jobs(3), to: "k", quota, atLeast: 3).charged == 0)
        let rest = try await queue.charge(jobs(3), to: "k", quota, atLeast: 0)
        #expect(rest.charged == 2)
        #expect(rest.leftToday == 0)
        #expect(try await queue.charge(jobs(1), to: "other", quota, atLeast: 1).charged == 1)
    }

    @Test func yesterdaysJobsDoNotCount() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.redis.command(["SET", .string(fixture.queue.keys.charged("k")), "1 5"])
        let charge = try await fixture.queue.charge(jobs(1), to: "k", JobQuota(aDay: 5, live: nil), atLeast: 1)
        #expect(charge.leftToday == 4)
    }

    @Test func aJobThatHasEndedGivesItsPlaceBack() async throws {
        let fixture = try await QueueFixture()
        let quota = JobQuota(aDay: nil, live: 2)
        let kept = try await fixture.enqueued(.low)
        let ending = try await fixture.enqueued()
        #expect(try await fixture.queue.charge([kept.id, ending.id], to: "k", quota, atLeast: 2).roomForLive == 0)
        #expect(try await fixture.queue.charge(jobs(1), to: "k", quota, atLeast: 1).charged == 0)
        let claim = try await fixture.claimed()
        #expect(claim.job.id == ending.id)
        #expect(try await fixture.queue.charge(jobs(1), to: "k", quota, atLeast: 1).charged == 0)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        let next = try await fixture.queue.charge(jobs(1), to: "k", quota, atLeast: 1)
        #expect(next.charged == 1)
        #expect(next.roomForLive == 0)
    }

    /// A job that is being accepted has no hash yet; one that never got one is forgotten after a minute.
    @Test func aJobThatNobodyKnowsIsLiveForAMinute() async throws {
        let fixture = try await QueueFixture()
        let quota = JobQuota(aDay: nil, live: 1)
        let unknown = JobID()
        #expect(try await fixture.queue.charge([unknown], to: "k", quota, atLeast: 1).charged == 1)
        #expect(try await fixture.queue.charge(jobs(1), to: "k", quota, atLeast: 1).charged == 0)
        let live = RedisArgument.string(fixture.queue.keys.liveJobs("k"))
        let before = Timestamp.now.milliseconds - 61_000
        _ = try await fixture.redis.command(["ZADD", live, .integer(before), .string(unknown.description)])
        #expect(try await fixture.queue.charge(jobs(1), to: "k", quota, atLeast: 1).charged == 1)
        #expect(try await fixture.redis.command(["ZSCORE", live, .string(unknown.description)]).string == nil)
    }

    @Test func thePlacesOfManyEndedJobsAreFoundAFewHundredAtATime() async throws {
        let fixture = try await QueueFixture()
        let quota = JobQuota(aDay: nil, live: 1_200)
        let live = fixture.queue.keys.liveJobs("k")
        var fill: [RedisArgument] = ["ZADD", .string(live)]
        for _ in 0..<1_200 { fill += [1, .string(JobID().description)] }
        _ = try await fixture.redis.command(fill)
        let charge = try await fixture.queue.charge(jobs(700), to: "k", quota, atLeast: 0)
        #expect(charge.charged == 500)
        #expect(try await fixture.queue.charge(jobs(200), to: "k", quota, atLeast: 200).charged == 200)
    }
}
