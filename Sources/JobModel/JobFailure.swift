/// Why an attempt did not succeed, and whether to try again: handlers throw nothing else.
package struct JobFailure: Error, Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        /// Try again, by the kind's retry policy or after the milliseconds the other side asked for.
        case retry(afterMilliseconds: Int64?)
        /// Trying again cannot help: the job becomes a dead letter at once.
        case permanent
        /// Somebody asked for it to stop.
        case cancelled
        /// Another attempt holds the job: stop working and write nothing.
        case lost
        /// The worker is leaving: give the job back without charging the attempt.
        case handBack
    }

    package let verdict: Verdict
    /// One word for programs: `timeout`, `http_404`, `invalid_input`, …
    package let type: String
    /// One sentence for people; never a secret, at most 2,000 characters.
    package let message: String

    package init(_ verdict: Verdict, type: String, _ message: String) {
        self.verdict = verdict
        self.type = type
        self.message = String(message.prefix(2000))
    }

    package static func retry(_ message: String, type: String, afterMilliseconds: Int64? = nil) -> JobFailure {
        JobFailure(.retry(afterMilliseconds: afterMilliseconds), type: type, message)
    }

    package static func permanent(_ message: String, type: String) -> JobFailure {
        JobFailure(.permanent, type: type, message)
    }

    package static let cancelled = JobFailure(.cancelled, type: "cancelled", "The job was cancelled")
    package static let lost = JobFailure(.lost, type: "lost", "Another attempt holds the job")
    package static let handBack = JobFailure(.handBack, type: "shutdown", "The worker is shutting down")

    /// The seeds' words for a job that took too long.
    package static func timeout(milliseconds: Int64) -> JobFailure {
        .retry("Timeout after \(milliseconds)ms", type: "timeout")
    }
}
