import JobModel
import JobQueue

/// One thing that happens to the queue: a transition, a repeated call, a loss. Jobs and workers are named by small numbers,
/// so that a sequence keeps its meaning when others are taken out of it.
indirect enum ModelOperation: Sendable, Hashable {
    enum Due: Sendable, Hashable { case now, past, future }
    enum Ending: Sendable, Hashable, CaseIterable { case completed, failed, cancelled, retryAtOnce, retryLater, handBack }

    case enqueue(job: Int, JobPriority, Due, ModelOptions = ModelOptions())
    /// In one call.
    case enqueueMany(jobs: [Int], JobPriority, Due, ModelOptions = ModelOptions())
    /// A job that waited for others may start.
    case ready(job: Int)
    case retry(job: Int)
    case promoteOne(job: Int)
    case pause
    case resume
    case setLimits(ModelLimits)
    case claim(worker: Int, count: Int, lowestFirst: Int = 0, [StreamLevel])
    /// The script ran, its reply was lost: the worker does not know what it holds.
    case claimUnheard(worker: Int, count: Int)
    /// A blocking read hands one entry to the worker.
    case deliver(worker: Int)
    /// The worker claims what was delivered to it.
    case claimDelivered(worker: Int)
    /// The worker claims all that was delivered to it from one stream, and as many more, while three entries of another stream are read for it.
    /// `again`: it claims what was ever delivered to it, as if it had not heard what became of it.
    case claimBeside(worker: Int, count: Int, lowestFirst: Int = 0, StreamLevel?, again: Bool = false)
    /// Another program adds an entry.
    case addForeign(StreamLevel)
    /// `back` 0 is the newest claim of the job that a worker was told of, 1 the one before it, …
    case report(job: Int, back: Int)
    case storeStep(job: Int, back: Int)
    case settle(job: Int, back: Int, Ending)
    case requestCancel(job: Int)
    case endUnclaimed(job: Int)
    case setSubject(job: Int)
    /// The time of a scheduled job has come.
    case becomeDue(job: Int)
    case promote
    case beat(worker: Int)
    /// `stale`: the worker beats between the look and the mark.
    case markDead(worker: Int, stale: Bool)
    /// All stages of a recovery, if the worker was marked.
    case recover(worker: Int)
    case releaseOne(worker: Int)
    case handBackUnknown(worker: Int)
    case leave(worker: Int)
    case loseWorkerHash(worker: Int)
    case loseGroup(StreamLevel)
    case loseEntry(job: Int)
    case flushScripts
    case sweep
    /// Only so many of the script's writes are kept.
    case torn(ModelOperation, writes: Int)
}

/// Concurrency limits: of the queue, of the kind `k0`, of each concurrency key. Nil: none; for keys the standard of one.
struct ModelLimits: Sendable, Hashable, CustomStringConvertible {
    var queue: Int?
    var kind: Int?
    var key: Int?
    /// So many starts of the kind in a day: as good as never more.
    var kindRate: Int?

    private var rate: Limit.Rate? {
        kindRate.map { Limit.Rate(count: 1, perMilliseconds: 86_400_000, burst: $0) }
    }

    var all: [Limit] {
        [
            queue.map { Limit(scope: .queue, name: ModelWorld.queueName, concurrency: $0) },
            kind == nil && kindRate == nil ? nil : Limit(scope: .kind, name: "k0", concurrency: kind, rate: rate),
            key.map { Limit(scope: .key, name: Limit.everyKey, concurrency: $0) },
        ].compactMap(\.self)
    }

    init(queue: Int? = nil, kind: Int? = nil, key: Int? = nil, kindRate: Int? = nil) {
        self.kindRate = kindRate
        self.queue = queue
        self.kind = kind
        self.key = key
    }

    /// As Redis has them: the concurrency comes first.
    init(_ hash: [String: String]) {
        func most(_ name: String) -> Int? { hash[name]?.split(separator: " ").first.flatMap { Int($0) } }
        let burst = hash["kind:k0"]?.split(separator: " ").dropFirst(3).first.flatMap { Int($0) }
        self.init(
            queue: most("queue:\(ModelWorld.queueName)"), kind: most("kind:k0"), key: most("key:\(Limit.everyKey)"), kindRate: burst)
    }

    var description: String {
        let rate = kindRate.map { ", \($0) a day" } ?? ""
        return "queue \(queue.map(String.init) ?? "-") kind \(kind.map(String.init) ?? "-")\(rate) keys \(key.map(String.init) ?? "-")"
    }
}

extension ModelOptions: CustomStringConvertible {
    var description: String {
        (idempotency.map { ", idempotency key \($0)" } ?? "") + (concurrencyKey.map { ", key \($0)" } ?? "")
            + (unique.map { ", unique \($0.word)" } ?? "") + (waits ? ", waiting" : "")
    }
}

extension ModelOperation: CustomStringConvertible {
    var description: String {
        switch self {
        case .enqueue(let job, let priority, let due, let options): "enqueue j\(job) \(priority.rawValue) due \(due)\(options)"
        case .enqueueMany(let jobs, let priority, let due, let options):
            "enqueue \(jobs.map { "j\($0)" }.joined(separator: ",")) \(priority.rawValue) due \(due)\(options)"
        case .ready(let job): "j\(job) is ready"
        case .retry(let job): "retry j\(job)"
        case .promoteOne(let job): "promote j\(job)"
        case .pause: "pause"
        case .resume: "resume"
        case .setLimits(let limits): "limit \(limits)"
        case .claim(let worker, let count, let lowest, let levels):
            "claim \(count) by w\(worker) from \(levels.map(\.rawValue).joined(separator: ","))"
                + (lowest > 0 ? ", lowest first \(lowest)" : "")
        case .claimUnheard(let worker, let count): "claim \(count) by w\(worker), reply lost"
        case .deliver(let worker): "deliver to w\(worker)"
        case .claimDelivered(let worker): "claim delivered by w\(worker)"
        case .claimBeside(let worker, let count, let lowest, let aside, let again):
            "claim \(again ? "what was ever" : "all") delivered and \(count) more by w\(worker)"
                + (lowest > 0 ? ", lowest first \(lowest)" : "") + (aside.map { ", beside a read of \($0.rawValue)" } ?? "")
        case .addForeign(let level): "another program adds to \(level.rawValue)"
        case .report(let job, let back): "report j\(job) by claim -\(back)"
        case .storeStep(let job, let back): "step j\(job) by claim -\(back)"
        case .settle(let job, let back, let ending): "settle j\(job) by claim -\(back) \(ending)"
        case .requestCancel(let job): "request cancel j\(job)"
        case .endUnclaimed(let job): "end unclaimed j\(job)"
        case .setSubject(let job): "put j\(job) under a subject"
        case .becomeDue(let job): "j\(job) becomes due"
        case .promote: "promote"
        case .beat(let worker): "beat w\(worker)"
        case .markDead(let worker, let stale): "mark w\(worker) dead" + (stale ? " after it beat again" : "")
        case .recover(let worker): "recover w\(worker)"
        case .releaseOne(let worker): "release one entry of w\(worker)"
        case .handBackUnknown(let worker): "w\(worker) hands back what it does not know"
        case .leave(let worker): "w\(worker) leaves"
        case .loseWorkerHash(let worker): "lose the hash of w\(worker)"
        case .loseGroup(let level): "lose the group of \(level.rawValue)"
        case .loseEntry(let job): "lose the entry of j\(job)"
        case .flushScripts: "flush scripts"
        case .sweep: "sweep"
        case .torn(let operation, let writes): "torn after \(writes) writes: \(operation)"
        }
    }
}
