import Foundation
import JobModel
import JobQueue
import Testing

/// Scripts cut after one of their writes, in every situation that matters, then repeated after the sweep of a fleet by a caller who got no
/// answer. The jobs must reach their ends, and nothing may be left behind. Two cuts of each; with TIDEWHEEL_MODEL_SEQUENCES all of them.
@Suite(.timeLimit(.minutes(5))) struct TornPrefixTests {
    struct Situation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let before: [ModelOperation]
        let torn: ModelOperation

        init(_ name: String, _ before: [ModelOperation], _ torn: ModelOperation) {
            testDescription = name
            self.before = before
            self.torn = torn
        }
    }

    private static let key = ModelOptions(concurrencyKey: "a")
    private static let window = ModelOptions(unique: .window(milliseconds: 3_600_000))
    private static let enqueue = ModelOperation.enqueue(job: 0, .high, .now)
    private static let keyed = ModelOperation.enqueue(job: 0, .high, .now, key)
    private static let other = ModelOperation.enqueue(job: 2, .medium, .now)
    private static let later = ModelOperation.enqueue(job: 0, .low, .future)
    private static let claim = ModelOperation.claim(worker: 0, count: 1, StreamLevel.ordinary)
    private static let claimTwo = ModelOperation.claim(worker: 0, count: 2, StreamLevel.ordinary)
    private static let running: [ModelOperation] = [.beat(worker: 0), enqueue, claim]
    private static let dead: [ModelOperation] = running + [.markDead(worker: 0, stale: false)]
    private static let limit = ModelOperation.setLimits(ModelLimits(queue: 1))
    /// One job runs under a limit, another one is parked behind it.
    private static let parked: [ModelOperation] = [.beat(worker: 0), limit, enqueue, other, claimTwo]
    /// One job of a key runs, another one waits in its lane.
    private static let lanes: [ModelOperation] = [
        .beat(worker: 0), keyed, .enqueue(job: 1, .medium, .now, key), claimTwo,
    ]

    private static let ofDoors: [Situation] = [
        Situation("enqueue of a batch", [], .enqueueMany(jobs: [0, 1, 2], .high, .now)),
        Situation("enqueue of a batch for a key", [], .enqueueMany(jobs: [0, 1, 2], .high, .now, key)),
        Situation("enqueue of a unique job for a window", [], .enqueue(job: 0, .low, .now, window)),
        Situation("cancel of a unique job for a window", [.enqueue(job: 0, .low, .now, window)], .endUnclaimed(job: 0)),
        Situation("enqueue", [], enqueue), Situation("enqueue for later", [], later), Situation("enqueue with a key", [], keyed),
        Situation("enqueue with an idempotency key", [], .enqueue(job: 0, .medium, .now, ModelOptions(idempotency: 1))),
        Situation("enqueue of a unique job", [], .enqueue(job: 0, .medium, .now, ModelOptions(unique: .whileActive))),
        Situation("enqueue of a waiting job", [], .enqueue(job: 0, .medium, .now, ModelOptions(waits: true))),
        Situation("ready", [.enqueue(job: 0, .medium, .now, ModelOptions(waits: true))], .ready(job: 0)),
        Situation("promote", [later, .becomeDue(job: 0)], .promote), Situation("promote one", [later], .promoteOne(job: 0)),
        Situation("cancel of a queued job", [enqueue], .endUnclaimed(job: 0)),
        Situation("cancel in a lane", [keyed], .endUnclaimed(job: 0)),
        Situation("cancel of a scheduled job", [later], .endUnclaimed(job: 0)),
        Situation("cancel of a parked job", parked, .endUnclaimed(job: 2)), Situation("request to cancel", running, .requestCancel(job: 0)),
        Situation("retry", running + [.settle(job: 0, back: 0, .failed)], .retry(job: 0)),
        Situation("retry with a key", lanes + [.settle(job: 0, back: 0, .failed)], .retry(job: 0)),
        Situation("fewer limits", parked, .setLimits(ModelLimits())), Situation("subject of a queued job", [enqueue], .setSubject(job: 0)),
        Situation("subject of a running job", running, .setSubject(job: 0)),
    ]

    private static func beside(_ count: Int, _ aside: StreamLevel? = .high, again: Bool = false) -> ModelOperation {
        .claimBeside(worker: 0, count: count, aside, again: again)
    }
    /// Three entries of a stream were delivered by a read aside; the groups are there since a claim that brought nothing.
    private static func delivered(_ options: ModelOptions = ModelOptions()) -> [ModelOperation] {
        [.beat(worker: 0), claim, .enqueueMany(jobs: [0, 1, 2], .high, .now, options), beside(0)]
    }

    private static let ofDeliveries: [Situation] = [
        Situation("claim of delivered entries", delivered() + [.enqueue(job: 3, .high, .now)], beside(1)),
        Situation("claim of delivered entries, one of a cancelled job", delivered() + [.endUnclaimed(job: 1)], beside(0)),
        Situation("claim of delivered entries, one of a job that has more by now", delivered() + [.setSubject(job: 1)], beside(0, nil)),
        Situation("claim of a paused queue's delivered entries", delivered() + [.endUnclaimed(job: 1), .pause], beside(1)),
        Situation("claim of delivered entries under a limit", delivered() + [limit], beside(0, nil)),
        Situation("claim of delivered tickets", delivered(key), beside(0, nil)),
        Situation("claim of a paused queue's tickets", delivered(key) + [.pause], beside(0, nil)),
        Situation(
            "claim of delivered entries again", delivered() + [beside(0, nil), .enqueue(job: 3, .low, .now)],
            beside(1, .medium, again: true)),
        Situation(
            "claim of a paused queue's delivered entries again",
            delivered() + [beside(0, nil), .enqueue(job: 3, .high, .now), beside(0), .pause], beside(0, nil, again: true)),
        Situation(
            "claim of delivered entries, one of another program", [.beat(worker: 0), claim, enqueue, .addForeign(.high), beside(0)],
            beside(0)),
        Situation(
            "claim of a paused queue's entry of another program",
            [.beat(worker: 0), claim, enqueue, .addForeign(.high), beside(0), .pause],
            beside(0)),
        Situation("release of a plain job's delivered entry", delivered() + [.markDead(worker: 0, stale: false)], .releaseOne(worker: 0)),
    ]

    private static let ofWorkers: [Situation] = [
        Situation("claim", [.beat(worker: 0), enqueue], claim),
        Situation(
            "claim of two, behind a cancelled job",
            [.beat(worker: 0), .enqueue(job: 1, .high, .now), .endUnclaimed(job: 1), enqueue, .enqueue(job: 3, .low, .now)], claimTwo),
        Situation("claim under a limit", [.beat(worker: 0), limit, enqueue, other], claimTwo),
        Situation("claim under a rate", [.beat(worker: 0), .setLimits(ModelLimits(kindRate: 1)), enqueue, other], claimTwo),
        Situation("claim with a key", [.beat(worker: 0), keyed, .enqueue(job: 1, .high, .now, key)], claimTwo),
        Situation("claim of a woken job", parked + [.settle(job: 0, back: 0, .completed)], claim),
        Situation("claim of a unique job", [.beat(worker: 0), .enqueue(job: 0, .low, .now, ModelOptions(unique: .whileQueued))], claim),
        Situation("claim of a delivered entry", [.beat(worker: 0), enqueue, .deliver(worker: 0)], .claimDelivered(worker: 0)),
        Situation("claim of a paused queue's entry", [.beat(worker: 0), enqueue, .deliver(worker: 0), .pause], .claimDelivered(worker: 0)),
        Situation("report", running, .report(job: 0, back: 0)), Situation("step", running, .storeStep(job: 0, back: 0)),
        Situation("release of a running job", dead, .releaseOne(worker: 0)),
        Situation("release of a job under a limit", parked + [.markDead(worker: 0, stale: false)], .releaseOne(worker: 0)),
        Situation("release of a job with a key", lanes + [.markDead(worker: 0, stale: false)], .releaseOne(worker: 0)),
        Situation(
            "release of a delivered entry", [.beat(worker: 0), enqueue, .deliver(worker: 0), .markDead(worker: 0, stale: false)],
            .releaseOne(worker: 0)),
        Situation(
            "release of a delivered ticket", [.beat(worker: 0), keyed, .deliver(worker: 0), .markDead(worker: 0, stale: false)],
            .releaseOne(worker: 0)),
        Situation("hand back", [.beat(worker: 0), enqueue, .claimUnheard(worker: 0, count: 1)], .handBackUnknown(worker: 0)),
        Situation("mark dead", running, .markDead(worker: 0, stale: false)), Situation("beat", [], .beat(worker: 0)),
        Situation("leave", [.beat(worker: 0)], .leave(worker: 0)),
        Situation("repair of a queued job", [enqueue, .loseEntry(job: 0)], .sweep),
        Situation("repair of a running job", dead + [.recover(worker: 0), .loseEntry(job: 0)], .sweep),
        Situation("repair under a limit", parked + [.markDead(worker: 0, stale: false), .loseEntry(job: 0)], .sweep),
    ]

    static let situations =
        ofDoors + ofDeliveries + ofWorkers
        + ModelOperation.Ending.allCases.flatMap { ending in
            [
                Situation("settle \(ending)", running, .settle(job: 0, back: 0, ending)),
                Situation("settle \(ending) before a parked job", parked, .settle(job: 0, back: 0, ending)),
                Situation("settle \(ending) before a lane", lanes, .settle(job: 0, back: 0, ending)),
            ]
        }

    @Test(arguments: situations) func everyPrefixIsHarmless(_ situation: Situation) async throws {
        let server = try await ModelServer.start()
        if ProcessInfo.processInfo.environment["TIDEWHEEL_MODEL_SEQUENCES"] == nil {
            #expect(try await isCut(situation, after: 0, on: server), "the script writes nothing here")
            _ = try await isCut(situation, after: .random(in: 1...9), on: server)
        } else {
            var writes = 0
            while try await isCut(situation, after: writes, on: server) { writes += 1 }
        }
        await server.stop()
    }

    /// False: the script has fewer writes, and was run whole.
    private func isCut(_ situation: Situation, after writes: Int, on server: ModelServer) async throws -> Bool {
        let torn = situation.before + [.torn(situation.torn, writes: writes)]
        if let failure = try await server.failure(of: torn + [.sweep, situation.torn]) { Issue.record("\(failure)") }
        return server.tearing.hasCut
    }
}
