/// A job as it can be read, from Redis while it lives, from SQL for good.
package struct Job: Sendable, Hashable {
    package var id: JobID
    package var kind: String
    package var queue: String
    package var priority: JobPriority
    package var state: JobState
    package var title: String?
    package var description: String?
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
    /// The pause before a retry where it differs from the kind's: first pause and longest pause.
    package var backoff: Backoff?
    package var timeoutMilliseconds: Int64
    package var estimatedMilliseconds: Int64
    /// Jobs of one key take turns with those of others, and at most so many of them run at once in the whole fleet as the key's limit says.
    package var concurrencyKey: String?
    package var uniqueness: Uniqueness?
    /// Its place among jobs that depend on each other.
    package var flow: FlowPlace?
    /// Whom to tell of its end. On the way to its row only: jobs that are read have none.
    package var webhook: JobWebhook?
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
    /// Id of the API key that it was submitted with.
    package var submittedBy: String?
    /// Parts of its row that this version cannot read: others wrote them. Lists show the rest.
    package var unreadable: [String] = []

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

/// Exponential backoff of one job: the pause doubles from `baseMilliseconds` up to `capMilliseconds`.
package struct Backoff: Sendable, Hashable {
    package let baseMilliseconds: Int64
    package let capMilliseconds: Int64

    package init(baseMilliseconds: Int64, capMilliseconds: Int64) {
        self.baseMilliseconds = baseMilliseconds
        self.capMilliseconds = capMilliseconds
    }
}

/// At most one job of a key at a time; a second submission is answered with the first one's job.
package struct Uniqueness: Sendable, Hashable {
    package enum Span: Sendable, Hashable {
        /// Until an attempt starts.
        case whileQueued
        /// Until the job has ended.
        case whileActive
        /// So long after its submission, whatever became of it.
        case window(milliseconds: Int64)
    }

    /// Unique within the kind.
    package let key: String
    package let span: Span

    package init(key: String, span: Span) {
        self.key = key
        self.span = span
    }
}

extension Uniqueness.Span {
    /// As hashes and rows have it.
    package var word: String {
        switch self {
        case .whileQueued: "queued"
        case .whileActive: "active"
        case .window: "window"
        }
    }

    package var milliseconds: Int64? {
        if case .window(let milliseconds) = self { milliseconds } else { nil }
    }

    package init?(word: String, milliseconds: Int64?) {
        switch word {
        case "queued": self = .whileQueued
        case "active": self = .whileActive
        case "window": self = .window(milliseconds: milliseconds ?? 0)
        default: return nil
        }
    }
}

/// Where a job stands in a flow.
package struct FlowPlace: Sendable, Hashable {
    package enum ParentFailure: String, Sendable, CaseIterable {
        /// The job is cancelled when a parent failed or was cancelled.
        case cancel
        /// The job runs when every parent has ended, however.
        case run
    }

    package let flow: JobID
    /// The job's name in its flow.
    package let name: String
    /// Jobs that must end first.
    package let parents: [JobID]
    package let onParentFailure: ParentFailure

    package init(flow: JobID, name: String, parents: [JobID], onParentFailure: ParentFailure = .cancel) {
        self.flow = flow
        self.name = name
        self.parents = parents
        self.onParentFailure = onParentFailure
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
/// An object, because a job is large and its attempt is handed on many times.
package final class Claim: Sendable, Equatable {
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

    package static func == (left: Claim, right: Claim) -> Bool {
        left === right
            || left.job == right.job && left.lease == right.lease && left.stream == right.stream && left.entry == right.entry
    }
}
