/// Whom a submission wants told of its job's end.
package struct JobWebhook: Sendable, Hashable {
    /// http or https, visible ASCII, at most `Webhook.maxURLBytes`.
    package let url: String
    /// Terminal states, at least one.
    package let events: [JobState]

    package init(url: String, events: [JobState] = Webhook.ends) {
        self.url = url
        self.events = events
    }
}

/// A receiver that is told of the ends of all jobs that it asks for. Its secret is not part of it: that is shown once, when it is made.
package struct Webhook: Sendable, Hashable {
    /// The row without an address whose secret signs what single jobs want told.
    package static let ofJobs = JobID("00000000-0000-7000-8000-000000000000") ?? JobID(at: Timestamp(milliseconds: 0))
    /// Each end of a job is compared with all of them.
    package static let maxCount = 100
    package static let maxURLBytes = 2_048
    package static let maxWords = 50
    package static let ends: [JobState] = [.completed, .failed, .cancelled]

    package let id: JobID
    /// Nil for `ofJobs` alone.
    package var url: String?
    /// Empty: every kind.
    package var kinds: [String] = []
    package var statuses = Webhook.ends
    /// Empty: every job, also those without a subject.
    package var subjects: [String] = []
    package var description: String?
    package var isEnabled = true
    /// `gone`: the receiver answered 410.
    package var disabledReason: String?
    package var hasSecret = false
    /// Until then the secret before the last rotation signs too.
    package var previousUntil: Timestamp?
    /// Grows with every change by its owner.
    package var version: Int64 = 1
    package var createdAt: Timestamp
    package var updatedAt: Timestamp

    package init(id: JobID = JobID(), url: String?, createdAt: Timestamp = .now) {
        self.id = id
        self.url = url
        self.createdAt = createdAt
        updatedAt = createdAt
    }
}

/// One end of a job for one receiver: what was said, and how far the telling is.
package struct WebhookDelivery: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// On its way, or waiting for its next attempt.
        case pending
        case delivered
        /// A dead letter: it may be sent again.
        case failed
        case cancelled
    }

    package let id: JobID
    package let webhook: JobID
    package let job: JobID
    /// `job.completed`, `job.failed` or `job.cancelled`.
    package let event: String
    package let url: String?
    /// The bytes that are signed and sent.
    package let payload: String
    /// The job that sends it, or sent it last.
    package let sender: JobID?
    package let attempts: Int
    package let state: State
    package let createdAt: Timestamp
    package let deliveredAt: Timestamp?
    package let nextAttemptAt: Timestamp?

    package init(
        id: JobID, webhook: JobID, job: JobID, event: String, url: String?, payload: String, sender: JobID?, attempts: Int, state: State,
        createdAt: Timestamp, deliveredAt: Timestamp?, nextAttemptAt: Timestamp?
    ) {
        self.id = id
        self.webhook = webhook
        self.job = job
        self.event = event
        self.url = url
        self.payload = payload
        self.sender = sender
        self.attempts = attempts
        self.state = state
        self.createdAt = createdAt
        self.deliveredAt = deliveredAt
        self.nextAttemptAt = nextAttemptAt
    }
}

/// Which deliveries are listed; what is nil or empty says nothing.
package struct DeliveryFilter: Sendable, Hashable {
    package var webhook: JobID?
    package var job: JobID?
    /// Only those that have not arrived.
    package var isOpen = false
    package var states: Set<WebhookDelivery.State> = []
    package var events: Set<String> = []
    /// Made at or after, and before.
    package var since: Timestamp?
    package var until: Timestamp?

    package init(webhook: JobID? = nil, job: JobID? = nil, isOpen: Bool = false) {
        self.webhook = webhook
        self.job = job
        self.isOpen = isOpen
    }
}

/// One attempt at a delivery that came to an end.
package struct DeliveryAttempt: Sendable, Hashable {
    /// Of a receiver's answer so many bytes are kept.
    package static let maxBodyBytes = 4_096

    /// From 1, over all senders of the delivery; 0 before it is recorded.
    package var number = 0
    package let startedAt: Timestamp
    package let milliseconds: Int64
    /// Nil: there was no answer.
    package let status: Int?
    package let body: String?
    /// Why it was no success: a sentence, and one word.
    package let error: String?
    package let errorType: String?

    package init(startedAt: Timestamp, milliseconds: Int64, status: Int?, body: String?, error: String?, errorType: String?) {
        self.startedAt = startedAt
        self.milliseconds = milliseconds
        self.status = status
        self.body = body
        self.error = error
        self.errorType = errorType
    }
}
