/// Jobs that depend on each other, as a whole. Its state is what its jobs' states add up to.
package struct Flow: Sendable, Hashable {
    /// Jobs that one request may bring.
    package static let maxAcceptedJobs = 1_000
    /// Jobs of one flow, with those that its jobs add while they run.
    package static let maxJobs = 10_000
    /// Dependencies that one request may name: bounds what showing and releasing its jobs costs.
    package static let maxDependencies = 50_000

    package let id: JobID
    package let name: String?
    package let metadata: JSONValue
    package let createdAt: Timestamp
    package let cancelRequestedAt: Timestamp?
    /// How many of its jobs are in each state; a state without jobs may be missing.
    package let counts: [JobState: Int]
    private let lastEnd: Timestamp?

    package init(
        id: JobID, name: String? = nil, metadata: JSONValue = [:], createdAt: Timestamp, cancelRequestedAt: Timestamp? = nil,
        counts: [JobState: Int], lastEnd: Timestamp? = nil
    ) {
        self.id = id
        self.name = name
        self.metadata = metadata
        self.createdAt = createdAt
        self.cancelRequestedAt = cancelRequestedAt
        self.counts = counts
        self.lastEnd = lastEnd
    }

    package var jobs: Int { counts.values.reduce(0, +) }
    package var ended: Int { counts.reduce(0) { $1.key.isTerminal ? $0 + $1.value : $0 } }
    package var finishedAt: Timestamp? { state.isTerminal ? lastEnd : nil }

    /// `waiting` never, `scheduled` and `queued` before the first job starts; ended when every job has: `failed` beats `cancelled` beats `completed`.
    package var state: JobState {
        let has = { (state: JobState) in (counts[state] ?? 0) > 0 }
        if ended == jobs {
            return has(.failed) ? .failed : has(.cancelled) ? .cancelled : .completed
        }
        if has(.processing) || ended > 0 { return .processing }
        return has(.queued) ? .queued : .scheduled
    }
}

/// One job as a flow shows it: without its input and result.
package struct FlowJob: Sendable, Hashable {
    package let id: JobID
    package let name: String
    package let kind: String
    package let state: JobState
    package var progress: Double
    package let attempt: Int
    package let error: String?
    package let errorType: String?
    /// Names of the jobs it depends on.
    package let parents: [String]
    package let onParentFailure: FlowPlace.ParentFailure
    package let startedAt: Timestamp?
    package let finishedAt: Timestamp?

    package init(
        id: JobID, name: String, kind: String, state: JobState, progress: Double, attempt: Int, error: String?, errorType: String?,
        parents: [String], onParentFailure: FlowPlace.ParentFailure, startedAt: Timestamp?, finishedAt: Timestamp?
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.state = state
        self.progress = progress
        self.attempt = attempt
        self.error = error
        self.errorType = errorType
        self.parents = parents
        self.onParentFailure = onParentFailure
        self.startedAt = startedAt
        self.finishedAt = finishedAt
    }
}
