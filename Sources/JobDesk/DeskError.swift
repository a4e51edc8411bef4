package import JobModel
internal import PostgresWire
internal import RedisWire

/// Why the desk could not do what was asked; the API has one problem document for each.
package enum DeskError: Error, Sendable {
    case unknownKind(String, known: [String])
    /// Another program's kinds stand in the way of a registration.
    case kindRefused(KindRefusal)
    /// A registered kind has jobs that are not done.
    case kindInUse(String)
    /// The lease of an HTTP worker is over: somebody else has the job, or it has ended.
    case leaseLost
    case invalid([InputShape.Fault])
    /// The idempotency key belongs to another request, which made this job.
    case idempotencyConflict(JobID)
    /// Another job holds the unique key, and cannot be shown: it is being accepted this moment, or was removed after its retention.
    case uniqueHeld(JobID)
    case notFound(JobID)
    case unknownFlow(JobID)
    /// A flow whose jobs have all ended, and not by a cancel.
    case flowEnded(Flow)
    /// A job that has ended cannot be cancelled.
    case alreadyEnded(Job)
    /// Only a job that failed or was cancelled can be retried.
    case notRetryable(Job)
    /// It would run before jobs that it depends on.
    case parentsLive(Job)
    case unknownSchedule(JobID)
    /// Names of schedules are unique.
    case scheduleExists(name: String)
    case tooManySchedules
    /// Only a scheduled job can be promoted.
    case notScheduled(Job)
    case unknownWebhook(JobID)
    case unknownDelivery(JobID)
    /// There are `Webhook.maxCount`.
    case tooManyWebhooks
    /// Nothing is sent to a webhook that is disabled.
    case webhookDisabled
    /// A job is sending the delivery already.
    case deliveryUnderWay(JobID)
    case unknownQueue(String, known: [String])
    case tooManyLimits
    /// PostgreSQL does not understand what a list is searched for; in its words.
    case badSearch(String)
    case searchTooSlow
    case unknownPresentation(JobID)
    /// No presentation is under it.
    case unknownSubject(String)
    /// There are presentations under the new name.
    case subjectExists(String)
    case unknownConversation
    /// The submitter's key has no room for so many jobs.
    case overQuota(QuotaPolicy, retryAfterSeconds: Int)
    case unavailable(service: String, retryAfterSeconds: Int)
    /// Redis is at its memory limit: what runs goes on, new jobs are refused.
    case full(retryAfterSeconds: Int)
    /// A row that others wrote, or that was damaged, does not hold what it must.
    case unreadableRow(String)
    case internalFault(String)

    init(_ error: RedisError) {
        switch error {
        case .server(let reply) where reply.code == "OOM": self = .full(retryAfterSeconds: 5)
        case .server(let reply) where reply.reaction == .bug: self = .internalFault("Redis refused a command: \(reply.code)")
        case .protocolViolation(let what): self = .internalFault(what)
        default: self = .unavailable(service: "Redis", retryAfterSeconds: 2)
        }
    }

    init(_ error: PostgresError) {
        if error.isConnectionLoss || error.isRetryable {
            self = .unavailable(service: "PostgreSQL", retryAfterSeconds: 2)
        } else if error.kind == .decoding {
            self = .unreadableRow(error.message)
        } else {
            self = .internalFault("PostgreSQL refused a statement: \(error.sqlState ?? "no SQLSTATE")")
        }
    }
}

/// Runs a call of one store and speaks the desk's language about its failures.
func asking<Value>(redis call: () async throws(RedisError) -> Value) async throws(DeskError) -> Value {
    do { return try await call() } catch { throw DeskError(error) }
}

func asking<Value>(postgres call: () async throws(PostgresError) -> Value) async throws(DeskError) -> Value {
    do { return try await call() } catch { throw DeskError(error) }
}
