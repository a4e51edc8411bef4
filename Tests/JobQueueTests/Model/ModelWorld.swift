import JobModel
import JobQueue
import Logging
import PrivateServers
import RedisWire
import TestServers

/// A real queue and the model beside it. An operation is applied to both; the script's reply and all of Redis must be what the model allows.
final class ModelWorld {
    static let queueName = "q"
    let queue: JobQueue
    let redis: RedisConnection
    let tearing: TornScripts
    let waiter: WorkWaiter
    var ids: [Int: JobID] = [:]
    var options: [Int: ModelOptions] = [:]
    /// Accepted jobs.
    var jobs: [JobID: ModelJob] = [:]
    var claims: [Int: [Claim]] = [:]
    var keys: [Int: JobID] = [:]
    var workers: [ModelWorker] = (0..<3).map { ModelWorker(name: "w\($0)") }
    /// Marked dead; their entries are not all released yet.
    var dying: Set<String> = []
    var counters: [String: Int] = [:]
    /// A script was cut or a key was lost, and no sweep has come by since.
    var isDisturbed = false
    /// From the first disturbance on, counters and event numbers may lack what was cut.
    var wasDisturbed = false
    /// Who holds the one unique key.
    var uniqueHolder: JobID?
    var limits = ModelLimits()
    var isPaused = false
    /// A limit or a concurrency key was used: which job a claim brings is not told by the streams alone.
    var hasTurns = false
    private var names = 0

    init(_ server: ModelServer) {
        queue = server.queue
        redis = server.redis
        tearing = server.tearing
        waiter = server.waiter
    }

    var streams: [String] { queue.keys.streams([ModelWorld.queueName], StreamLevel.allCases) }

    func id(of number: Int) -> JobID {
        let id = ids[number] ?? JobID()
        ids[number] = id
        return id
    }

    func freshName() -> String {
        names += 1
        return "v\(names)"
    }

    func require(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        if !condition { throw ModelViolation(description: what()) }
    }

    func apply(_ operation: ModelOperation) async throws {
        switch operation {
        case .enqueue(let job, let priority, let due, let options): try await enqueue(job, priority, due, options)
        case .enqueueMany(let jobs, let priority, let due, let options): try await enqueue(jobs, priority, due, options)
        case .ready(let job): try await ready(job)
        case .retry(let job): try await retry(job)
        case .promoteOne(let job): try await promoteOne(job)
        case .report(let job, let back): try await report(job, back)
        case .storeStep(let job, let back): try await storeStep(job, back)
        case .settle(let job, let back, let ending): try await settle(job, back, ending)
        case .requestCancel(let job): try await requestCancel(job)
        case .endUnclaimed(let job): try await endUnclaimed(job)
        case .setSubject(let job): try await setSubject(job)
        case .becomeDue(let job): try await becomeDue(job)
        case .promote: try await promote()
        case .pause, .resume, .setLimits: try await applyToFleet(operation)
        case .flushScripts: _ = try await redis.command(["SCRIPT", "FLUSH"])
        case .loseGroup(let level): try await loseGroup(level)
        case .loseEntry(let job): try await loseEntry(job)
        case .addForeign(let level): try await addForeign(level)
        case .sweep: try await sweep()
        case .torn(let torn, let writes): try await tear(torn, after: writes)
        default: try await applyToWorker(operation)
        }
    }

    private func applyToFleet(_ operation: ModelOperation) async throws {
        switch operation {
        case .pause:
            try await noteSleepers()
            try await queue.pause(ModelWorld.queueName)
            isPaused = true
        case .resume:
            try await queue.resume(ModelWorld.queueName)
            isPaused = false
        case .setLimits(let limits):
            hasTurns = true
            try await queue.setLimits(limits.all)
            self.limits = limits
        default: break
        }
    }

    /// Woken jobs of a paused queue give back their permits with the next look at them.
    func noteSleepers() async throws {
        let hashes = try await ModelSnapshot.read(redis).hashes
        for (id, job) in jobs where job.state == .queued && hashes[queue.keys.job(id)]?["permits"]?.isEmpty == false {
            jobs[id]?.wasPutToSleep = true
        }
    }

    private func applyToWorker(_ operation: ModelOperation) async throws {
        switch operation {
        case .claim(let worker, let count, let lowest, let levels): try await claim(worker, count, lowestFirst: lowest, levels)
        case .claimUnheard(let worker, let count): try await claim(worker, count, StreamLevel.ordinary, isHeard: false)
        case .deliver(let worker): try await deliver(worker)
        case .claimDelivered(let worker): try await claimDelivered(worker)
        case .claimBeside(let worker, let count, let lowest, let aside, let again):
            try await claimBeside(worker, count, lowestFirst: lowest, aside, again: again)
        case .beat(let worker): try await beat(worker)
        case .markDead(let worker, let stale): try await markDead(worker, stale: stale)
        case .recover(let worker): try await recover(workers[worker].name)
        case .releaseOne(let worker): try await releaseOne(workers[worker].name)
        case .handBackUnknown(let worker): try await handBackUnknown(worker)
        case .leave(let worker): try await leave(worker)
        case .loseWorkerHash(let worker): try await loseWorkerHash(worker)
        default: throw ModelViolation(description: "no such operation: \(operation)")
        }
    }

    /// Runs the operation with its script cut, and believes what is left, if that is no step back.
    private func tear(_ operation: ModelOperation, after writes: Int) async throws {
        guard let script = operation.script else { return try await apply(operation) }
        isDisturbed = true
        wasDisturbed = true
        try await tearing.arm(script, after: writes, on: redis)
        defer { tearing.disarm() }
        do {
            try await apply(operation)
        } catch RedisError.server(let error) where TornScripts.isCut(error) {
            tearing.noteCut()
            let snapshot = try await ModelSnapshot.read(redis)
            if case .retry = operation { reopen(snapshot) }
            if case .setLimits = operation { limits = ModelLimits(snapshot.hashes[queue.keys.limits] ?? [:]) }
            try believe(snapshot)
        }
    }

    /// Only a retry may leave an end behind.
    private func reopen(_ snapshot: ModelSnapshot) {
        for (id, job) in jobs where job.state.isTerminal && snapshot.hashes[queue.keys.job(id)]?["status"] == "queued" {
            jobs[id]?.state = .queued
        }
    }

    func disturb() {
        isDisturbed = true
        wasDisturbed = true
    }

    /// Takes over what Redis has. An attempt never shrinks, an end never changes, an accepted job never vanishes.
    func believe(_ snapshot: ModelSnapshot) throws {
        for (number, id) in ids {
            let old = jobs[id]
            let hash = snapshot.hashes[queue.keys.job(id)]
            let options = old?.options ?? options[number] ?? ModelOptions()
            let priority = old?.priority ?? hash?["priority"].flatMap(JobPriority.init) ?? .medium
            guard var new = ModelJob(id: id, number: number, priority: priority, options: options, hash: hash) else {
                try require(old == nil, "j\(number) vanished")
                continue
            }
            if let old {
                try require(new.attempt >= old.attempt, "j\(number) went back from attempt \(old.attempt) to \(new.attempt)")
                try require(!old.state.isTerminal || new.state == old.state, "j\(number) was \(old.state) and is \(new.state)")
            }
            new.wasCancelled = old?.wasCancelled == true || new.state == .cancelled
            new.wasPutToSleep = old?.wasPutToSleep == true
            new.isDue = new.state == .scheduled && (snapshot.sortedSets[queue.keys.scheduled]?[id.description] ?? .infinity) < farAhead
            jobs[id] = new
        }
        uniqueHolder = snapshot.strings[queue.keys.unique("k", ModelOptions.uniqueKey)].flatMap(JobID.init)
        for index in workers.indices {
            let hash = snapshot.hashes[queue.keys.worker(workers[index].name)] ?? [:]
            workers[index].isRegistered = hash["name"] != nil
            workers[index].isMarkedDead = hash["dead"] != nil
            if workers[index].isMarkedDead { dying.insert(workers[index].name) }
        }
    }

    /// Due times lie on either side of this, far from now: Redis's clock decides, and must not matter.
    var farAhead: Double { Double(Timestamp.now.milliseconds + 600_000) }
}

extension ModelOperation {
    /// The script that the operation runs.
    var script: RedisScript? {
        switch self {
        case .enqueue, .enqueueMany, .ready: Scripts.enqueue
        case .retry: Scripts.retry
        case .setLimits: Scripts.setLimits
        case .claim, .claimUnheard, .claimDelivered, .claimBeside: Scripts.claim
        case .report: Scripts.report
        case .storeStep: Scripts.step
        case .settle: Scripts.settle
        case .requestCancel, .endUnclaimed: Scripts.cancel
        case .setSubject: Scripts.subject
        case .promote, .promoteOne: Scripts.promote
        case .beat: Scripts.beat
        case .markDead: Scripts.reclaim
        case .recover, .releaseOne, .handBackUnknown: Scripts.release
        case .leave: Scripts.leave
        case .sweep: Scripts.repair
        default: nil
        }
    }
}
