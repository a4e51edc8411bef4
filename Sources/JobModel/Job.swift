/// A job as it can be read, from Redis while it lives, from SQL for good.
package struct Job: Sendable, Hashable {
    package var id: JobID
    package var kind: String
    package var queue: String
    package var priority: JobPriority
    package var state: JobState
    package var title: String?
    package var input: JSONValue
    package var metadata: JSONValue
    package var subject: String?
    package var sessionID: String?
    package var tags: [String] = []
    package var isRecorded: Bool
    package var progress: Double = 0
    package var step: String?
    package var message: String?
    package var result: JSONValue?
    package var error: String?
    package var errorType: String?
    package var attempt: Int = 0
    /// Attempts that do not count towards `maxAttempts`: their worker died or left.
    package var uncharged: Int = 0
    /// Its worker died while it ran: it runs alone in a process of its own until an attempt ends in an orderly way.
    package var isSuspect = false
    /// How often such a process died with it.
    package var crashes: Int = 0
    package var maxAttempts: Int
    package var timeoutMilliseconds: Int64
    package var estimatedMilliseconds: Int64
    package var worker: String?
    package var createdAt: Timestamp
    package var scheduledAt: Timestamp?
    package var startedAt: Timestamp?
    package var updatedAt: Timestamp
    package var finishedAt: Timestamp?
    /// Number of the last event: what an ETag and a watcher that reconnects compare.
    package var sequence: Int64 = 0
    package var cancelRequested = false
    package var traceparent: String?

    package init(
        id: JobID, kind: String, queue: String, priority: JobPriority = .medium, state: JobState = .queued,
        input: JSONValue, metadata: JSONValue = [:], isRecorded: Bool = true, maxAttempts: Int = 3,
        timeoutMilliseconds: Int64 = 600_000, estimatedMilliseconds: Int64 = 60_000, createdAt: Timestamp = .now
    ) {
        self.id = id
        self.kind = kind
        self.queue = queue
        self.priority = priority
        self.state = state
        self.input = input
        self.metadata = metadata
        self.isRecorded = isRecorded
        self.maxAttempts = maxAttempts
        self.timeoutMilliseconds = timeoutMilliseconds
        self.estimatedMilliseconds = estimatedMilliseconds
        self.createdAt = createdAt
        self.updatedAt = createdAt
    }
}

/// The caller's name for a request, so that a repeated one makes no second job.
package struct IdempotencyKey: Sendable, Hashable {
    /// Who asks and where: keys of different scopes never meet.
    package let scope: String
    package let key: String
    /// SHA-256 of what was asked: the same key with another body is an error.
    package let fingerprint: String

    package init(scope: String, key: String, fingerprint: String) {
        self.scope = scope
        self.key = key
        self.fingerprint = fingerprint
    }
}

/// One attempt that a worker holds: the job as it was claimed, and the token that proves the right to settle it.
package struct Claim: Sendable, Hashable {
    package let job: Job
    package let attempt: Int
    /// `worker:attempt`: compared by every script that reports or settles.
    package let lease: String
    package let worker: String
    package let stream: String
    package let entry: String

    package init(job: Job, attempt: Int, worker: String, stream: String, entry: String) {
        self.job = job
        self.attempt = attempt
        self.worker = worker
        self.lease = "\(worker):\(attempt)"
        self.stream = stream
        self.entry = entry
    }
}
