import JobModel
import JobQueue

/// What the model believes of one accepted job.
struct ModelJob {
    let id: JobID
    let number: Int
    let priority: JobPriority
    let options: ModelOptions
    var state: JobState
    var attempt = 0
    /// `worker:attempt` of the attempt that may report and settle while the job runs; of the one that settled it, when it does not.
    var lease: String?
    var cancelRequested = false
    var uncharged = 0
    var isDue = false
    var hasSubject = false
    /// It was cancelled once: a claim skips the entry that it had then.
    var wasCancelled = false
    /// It was woken and not claimed when its queue was paused: a claim skips the entry that it had then.
    var wasPutToSleep = false

    func isHeld(by worker: String) -> Bool {
        state == .processing && lease == "\(worker):\(attempt)"
    }

    /// As its hash has it; nil without a hash.
    init?(id: JobID, number: Int, priority: JobPriority, options: ModelOptions, hash: [String: String]?) {
        guard let hash, let state = hash["status"].flatMap(JobState.init) else { return nil }
        self.init(id: id, number: number, priority: priority, options: options, state: state)
        lease = hash["lease"].flatMap { $0.isEmpty ? nil : $0 }
        attempt = hash["attempt"].flatMap { Int($0) } ?? (lease == nil ? 0 : 1)
        cancelRequested = hash["cancel_requested"] == "1"
        uncharged = hash["uncharged"].flatMap { Int($0) } ?? 0
        hasSubject = hash["subject"] != nil
    }

    init(id: JobID, number: Int, priority: JobPriority, options: ModelOptions, state: JobState) {
        self.id = id
        self.number = number
        self.priority = priority
        self.options = options
        self.state = state
    }

    /// Where the two differ, for people; empty when they agree.
    func differences(from other: ModelJob) -> String {
        var found: [String] = []
        if state != other.state { found.append("is \(other.state), should be \(state)") }
        if attempt != other.attempt { found.append("has attempt \(other.attempt), should have \(attempt)") }
        if lease != other.lease { found.append("has lease \(other.lease ?? "none"), should have \(lease ?? "none")") }
        if cancelRequested != other.cancelRequested { found.append("cancel requested is \(other.cancelRequested)") }
        if uncharged != other.uncharged { found.append("has \(other.uncharged) uncharged attempts, should have \(uncharged)") }
        return found.joined(separator: "; ")
    }
}

/// What few jobs have.
struct ModelOptions: Sendable, Hashable {
    var idempotency: Int?
    var concurrencyKey: String?
    var unique: Uniqueness.Span?
    var waits = false

    static let uniqueKey = "u"

    var isUniqueForAWindow: Bool { unique?.milliseconds != nil }
}

/// A worker's process as the model sees it: what it was told, not what Redis says it holds.
struct ModelWorker {
    var name: String
    var isRegistered = false
    var isMarkedDead = false
    /// Jobs it believes to run.
    var running: Set<JobID> = []
    /// What reads brought, not claimed yet.
    var delivered: [DeliveredEntry] = []
    /// What reads have ever brought.
    var everDelivered: [DeliveredEntry] = []
}

/// A promise that did not hold.
struct ModelViolation: Error, CustomStringConvertible {
    let description: String
}
