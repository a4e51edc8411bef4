public import FoundationEssentials
internal import JobModel

/// A job as it stands: the status document of the API, read by name. `document` has everything there is.
public struct JobStatus: Sendable, Hashable {
    public let document: JSON

    /// Where a job stands. Later versions of the API may know more states than these.
    public struct State: RawRepresentable, Sendable, Hashable {
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }

        public static let waiting = State(rawValue: "waiting")
        public static let scheduled = State(rawValue: "scheduled")
        public static let queued = State(rawValue: "queued")
        public static let processing = State(rawValue: "processing")
        public static let completed = State(rawValue: "completed")
        public static let failed = State(rawValue: "failed")
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

    public let id: String
    public let state: State

    public var kind: String { document["kind"]?.string ?? "" }
    public var queue: String { document["queue"]?.string ?? "" }
    public var priority: String { document["priority"]?.string ?? "" }
    public var title: String? { document["title"]?.string }
    /// 0 to 100.
    public var progress: Double { document["progress"]?.number ?? 0 }
    public var step: String? { document["step"]?.string }
    public var message: String? { document["message"]?.string }
    /// The number of the latest attempt, from 1 on; 0 before the first one.
    public var attempt: Int { document["attempt"]?.integer ?? 0 }
    public var createdAt: Date? { date("created_at") }
    public var startedAt: Date? { date("started_at") }
    public var finishedAt: Date? { date("completed_at") ?? date("failed_at") ?? date("cancelled_at") }
    /// An estimate, learnt from earlier jobs of the kind.
    public var remaining: Duration? { document["remaining_seconds"]?.number.map { .seconds($0) } }
    /// Why it failed or was cancelled, in words, and in one word.
    public var error: String? { document["error"]?.string }
    public var errorType: String? { document["error_type"]?.string }
    /// What a completed job has made.
    public var result: JSON? { document["result"] }

    private func date(_ name: String) -> Date? {
        document[name]?.string.flatMap { Timestamp(rfc3339: $0) }.map { Date(timeIntervalSince1970: Double($0.milliseconds) / 1000) }
    }
}
