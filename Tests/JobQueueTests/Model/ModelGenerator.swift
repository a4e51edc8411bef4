import JobModel
import JobQueue
import TestServers

/// Sequences of operations. Weighted so that jobs walk, workers die, and most things happen twice.
struct ModelGenerator {
    var random: SeededRandom
    let jobs = 7
    private var hasTurns = false
    let workers = 3

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// Every third sequence has losses in it; in the others every number and counter must be exact.
    mutating func sequence(length: Int) -> [ModelOperation] {
        let hasLosses = random.isTrue(percent: 40)
        hasTurns = random.isTrue(percent: 60)
        return (0..<length).map { _ in
            guard hasLosses, random.isTrue(percent: 15) else { return ordinary() }
            return loss()
        }
    }

    private mutating func loss() -> ModelOperation {
        switch random.below(8) {
        case 0: .loseGroup(random.pick(StreamLevel.allCases))
        case 1: .loseEntry(job: random.below(jobs))
        case 2: .sweep
        default: .torn(ordinary(), writes: random.below(12))
        }
    }

    private mutating func ordinary() -> ModelOperation {
        switch random.below(100) {
        case 0..<18: enqueue()
        case 18..<40: claim()
        case 40..<60: ofAttempt()
        case 60..<76: ofJob()
        case 76..<81: ofFleet()
        default: ofWorker()
        }
    }

    private mutating func enqueue() -> ModelOperation {
        if random.isTrue(percent: 6) { return .addForeign(random.pick(StreamLevel.ordinary)) }
        if random.isTrue(percent: 15) {
            let first = random.below(jobs)
            let numbers = (0..<2 + random.below(3)).map { (first + $0) % jobs }
            return .enqueueMany(jobs: numbers, random.pick(JobPriority.allCases), random.pick([.now, .now, .future]), options())
        }
        return .enqueue(
            job: random.below(jobs), random.pick(JobPriority.allCases), random.pick([.now, .now, .now, .past, .future]), options())
    }

    private mutating func options() -> ModelOptions {
        var options = ModelOptions()
        switch random.below(12) {
        case 0: options.idempotency = random.below(2)
        case 1: options.waits = true
        case 2, 3: options.unique = random.pick([.whileQueued, .whileActive, .window(milliseconds: 3_600_000)])
        default: break
        }
        if hasTurns, random.isTrue(percent: 50) { options.concurrencyKey = random.pick(["a", "b"]) }
        return options
    }

    private mutating func ofFleet() -> ModelOperation {
        switch random.below(6) {
        case 0: return .pause
        case 1, 2: return .resume
        default:
            guard hasTurns else { return .promote }
            let choices: [Int?] = [nil, 1, 2]
            let rate = random.isTrue(percent: 25) ? 1 + random.below(3) : nil
            return .setLimits(
                ModelLimits(queue: random.pick(choices), kind: random.pick(choices), key: random.pick(choices), kindRate: rate))
        }
    }

    private mutating func claim() -> ModelOperation {
        let worker = random.below(workers)
        switch random.below(10) {
        case 0: return .claimUnheard(worker: worker, count: 1 + random.below(2))
        case 1: return .deliver(worker: worker)
        case 2: return .claimDelivered(worker: worker)
        case 3, 4, 5: return claimBeside(worker)
        default:
            let levels: [StreamLevel] = random.isTrue(percent: 30) ? [.suspect] : StreamLevel.ordinary
            return .claim(worker: worker, count: 1 + random.below(3), lowestFirst: random.isTrue(percent: 20) ? 1 : 0, levels)
        }
    }

    private mutating func claimBeside(_ worker: Int) -> ModelOperation {
        let count = random.below(4)
        return .claimBeside(
            worker: worker, count: count, lowestFirst: count > 0 && random.isTrue(percent: 30) ? 1 : 0,
            random.isTrue(percent: 80) ? random.pick(StreamLevel.ordinary) : nil, again: random.isTrue(percent: 20))
    }

    private mutating func ofAttempt() -> ModelOperation {
        let job = random.below(jobs)
        let back = random.isTrue(percent: 75) ? 0 : 1 + random.below(2)
        switch random.below(10) {
        case 0: return .report(job: job, back: back)
        case 1: return .storeStep(job: job, back: back)
        default: return .settle(job: job, back: back, random.pick(ModelOperation.Ending.allCases))
        }
    }

    private mutating func ofJob() -> ModelOperation {
        let job = random.below(jobs)
        switch random.below(13) {
        case 12: return .setSubject(job: job)
        case 8: return .ready(job: job)
        case 9, 10: return .retry(job: job)
        case 11: return .promoteOne(job: job)
        case 0: return .requestCancel(job: job)
        case 1: return .endUnclaimed(job: job)
        case 2, 3, 4: return .becomeDue(job: job)
        default: return .promote
        }
    }

    private mutating func ofWorker() -> ModelOperation {
        let worker = random.below(workers)
        return random.pick(weighted: [
            (8, .beat(worker: worker)), (3, .markDead(worker: worker, stale: false)), (1, .markDead(worker: worker, stale: true)),
            (3, .recover(worker: worker)), (2, .releaseOne(worker: worker)), (3, .handBackUnknown(worker: worker)),
            (1, .leave(worker: worker)), (1, .loseWorkerHash(worker: worker)), (1, .flushScripts), (1, .sweep),
        ])
    }
}
