public import FoundationEssentials
internal import JobModel

/// A job as it stands: the status document of the API, read by name. `document` has everything there is.
public struct JobStatus: Sendable, Hashable {
    /// As the API gave it.
    public let document: JSON

    /// Where a job stands. Later versions of the API may know more states than these.
    public struct State: RawRepresentable, Sendable, Hashable {
        /// The word of the API.
        public let rawValue: String

        /// A state that this version has no name for.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// For other jobs of its flow.
        public static let waiting = State(rawValue: "waiting")
        /// For its time, or for the pause before a retry.
        public static let scheduled = State(rawValue: "scheduled")
        /// For a worker.
        public static let queued = State(rawValue: "queued")
        /// A worker runs it.
        public static let processing = State(rawValue: "processing")
        /// It has a result.
        public static let completed = State(rawValue: "completed")
        /// For good: a dead letter until somebody retries it.
        public static let failed = State(rawValue: "failed")
        /// Somebody asked for it, or a job that it depends on did not complete.
        public static let cancelled = State(rawValue: "cancelled")

        /// Only an explicit retry changes it.
        public var isEnd: Bool { self == .completed || self == .failed || self == .cancelled }
    }

    init(_ document: JSON) throws(TidewheelError) {
        guard let id = document["job_id"]?.string, let state = document["status"]?.string else {
            throw .invalidAnswer("a job without job_id or status")
        }
        self.id = id
        self.state = State(rawValue: state)
        self.document = document
    }

    /// A UUID.
    public let id: String
    /// Where it stands.
    public let state: State

    /// What it does.
    public var kind: String { document["kind"]?.string ?? "" }
    /// Where it waits, or waited.
    public var queue: String { document["queue"]?.string ?? "" }
    /// `urgent` `high` `medium` `low`.
    public var priority: String { document["priority"]?.string ?? "" }
    /// Its name for people, where it has one.
    public var title: String? { document["title"]?.string }
    /// 0 to 100.
    public var progress: Double { document["progress"]?.number ?? 0 }
    /// What it is doing, in one word.
    public var step: String? { document["step"]?.string }
    /// What it is doing, for people.
    public var message: String? { document["message"]?.string }
    /// The number of the latest attempt, from 1 on; 0 before the first one.
    public var attempt: Int { document["attempt"]?.integer ?? 0 }
    /// When it was accepted.
    public var createdAt: Date? { date("created_at") }
    /// When its latest attempt began.
    public var startedAt: Date? { date("started_at") }
    /// When it ended.
    public var finishedAt: Date? { date("completed_at") ?? date("failed_at") ?? date("cancelled_at") }
    /// An estimate, learnt from earlier jobs of the kind.
    public var remaining: Duration? { document["remaining_seconds"]?.number.map { .seconds(min(max($0, 0), 1e9)) } }
    /// Why it failed or was cancelled, in words, and in one word.
    public var error: String? { document["error"]?.string }
    /// The reason in one word, such as `timeout`.
    public var errorType: String? { document["error_type"]?.string }
    /// What a completed job has made.
    public var result: JSON? { document["result"] }

    private func date(_ name: String) -> Date? {
        document[name]?.string.flatMap { Timestamp(rfc3339: $0) }.map { Date(timeIntervalSince1970: Double($0.milliseconds) / 1000) }
    }
}
