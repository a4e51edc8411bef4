/// How an attempt ended, before anybody was told. `JobDesk/Finish` carries it to SQL and Redis.
package enum JobOutcome: Hashable, Sendable {
    case completed(JSONValue)
    /// For good: permanent, or the attempts are used up. A dead letter.
    case failed(JobFailure)
    case cancelled(JobFailure)
    case retry(JobFailure, afterMilliseconds: Int64)
    /// Back to the queue without charging an attempt: the worker is leaving.
    case handBack

    /// What a failure of attempt `attempt` means for the job.
    package init(_ failure: JobFailure, attempt: Int, policy: RetryPolicy) {
        switch failure.verdict {
        case .cancelled: self = .cancelled(failure)
        case .handBack, .lost: self = .handBack
        case .permanent: self = .failed(failure)
        case .retry(let asked):
            let delay = asked ?? policy.delayMilliseconds(after: attempt)
            self = attempt < policy.maxAttempts ? .retry(failure, afterMilliseconds: max(0, delay)) : .failed(failure)
        }
    }

    /// Back to the schedule without charging an attempt: workers that run its kind have time to take it. Longer with each time.
    package static func leaveToOthers(uncharged: Int) -> JobOutcome {
        let failure = JobFailure(.handBack, type: "other_worker", "Its kind is run by other workers than the one that took it")
        return .retry(failure, afterMilliseconds: min(10_000, 1_000 << min(uncharged, 4)))
    }

    /// Whether the attempt counts towards the job's last one.
    package var isCharged: Bool {
        switch self {
        case .handBack: false
        case .retry(let failure, _): failure.verdict != .handBack
        default: true
        }
    }

    /// The state of the job after it.
    package var state: JobState {
        switch self {
        case .completed: .completed
        case .failed: .failed
        case .cancelled: .cancelled
        case .retry: .scheduled
        case .handBack: .queued
        }
    }

    package var failure: JobFailure? {
        switch self {
        case .failed(let failure), .cancelled(let failure), .retry(let failure, _): failure
        case .completed, .handBack: nil
        }
    }
}
