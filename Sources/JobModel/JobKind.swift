/// What is known of a kind everywhere: by the door that checks its input, the queue it waits in and the worker that runs it.
package struct JobKind: Sendable {
    /// Lower case with underscores; the word in requests, hashes and rows.
    package let name: String
    package let summary: String
    package let queue: String
    package let input: InputShape
    package let retry: RetryPolicy
    package private(set) var timeoutMilliseconds: Int64
    /// In PostgreSQL from acceptance on; survives the loss of Redis.
    package let isRecorded: Bool
    /// What to expect of an input of weight 1 before there is a history.
    package let estimatedMilliseconds: Int64
    /// How much longer than usual an input takes: history and estimate are of weight 1. Nil where the input is not known.
    private let weigh: @Sendable (JSONValue) -> Double?
    /// Speaks in the session of its submission: jobs of one session run one after the other, so that each hears those before it.
    package let isConversational: Bool

    package init(
        name: String, summary: String, queue: String, input: InputShape, retry: RetryPolicy = RetryPolicy(),
        timeoutMilliseconds: Int64 = 600_000, isRecorded: Bool = true, estimatedMilliseconds: Int64 = 60_000,
        isConversational: Bool = false, weight: @escaping @Sendable (JSONValue) -> Double? = { _ in 1 }
    ) {
        self.name = name
        self.summary = summary
        self.queue = queue
        self.input = input
        self.retry = retry
        self.timeoutMilliseconds = timeoutMilliseconds
        self.isRecorded = isRecorded
        self.estimatedMilliseconds = estimatedMilliseconds
        self.isConversational = isConversational
        weigh = weight
    }

    /// From a hundredth to a thousand; nil where the input is not known.
    package func weight(of input: JSONValue) -> Double? {
        weigh(input).map { min(max($0, 0.01), 1000) }
    }

    package func limited(toMilliseconds milliseconds: Int64) -> JobKind {
        var kind = self
        kind.timeoutMilliseconds = milliseconds
        return kind
    }
}

/// What a job does. One attempt is one call of `run`; it may run again after a crash, so its effects must bear repetition.
package protocol JobHandler: Sendable {
    var kind: JobKind { get }

    /// Returns the result (a JSON object), or throws why not and whether to try again.
    /// The task is cancelled on cancel, timeout, shutdown and loss of the lease; a handler then throws, whatever it throws.
    func run(in context: JobContext) async throws(JobFailure) -> JSONValue
}
