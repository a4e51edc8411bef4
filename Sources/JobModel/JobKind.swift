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
    private let naming: @Sendable (JSONValue) -> JobLabel?
    /// Speaks in the session of its submission: jobs of one session run one after the other, so that each hears those before it.
    package let isConversational: Bool
    /// Of another program: it came over HTTP or from its worker, and runs only there.
    package let isRegistered: Bool

    package init(
        name: String, summary: String, queue: String, input: InputShape, retry: RetryPolicy = RetryPolicy(),
        timeoutMilliseconds: Int64 = 600_000, isRecorded: Bool = true, estimatedMilliseconds: Int64 = 60_000,
        isConversational: Bool = false, isRegistered: Bool = false, weight: @escaping @Sendable (JSONValue) -> Double? = { _ in 1 },
        label: @escaping @Sendable (JSONValue) -> JobLabel? = { _ in nil }
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
        self.isRegistered = isRegistered
        weigh = weight
        naming = label
    }

    /// From a hundredth to a thousand; nil where the input is not known.
    package func weight(of input: JSONValue) -> Double? {
        weigh(input).map { min(max($0, 0.01), 1000) }
    }

    /// What a job of this input is called where its submitter gave it no name.
    package func label(of input: JSONValue) -> JobLabel? {
        naming(input)
    }

    package func limited(toMilliseconds milliseconds: Int64) -> JobKind {
        var kind = self
        kind.timeoutMilliseconds = milliseconds
        return kind
    }
}

/// Title and description of a job, for people; of bounded length, on one line.
package struct JobLabel: Sendable, Hashable {
    package let title: String
    package let description: String?

    /// "What: of which"; texts of users may be long.
    package init(_ what: String, _ of: String?, description: String? = nil) {
        title = [what, JobLabel.line(of ?? "", 80)].filter { !$0.isEmpty }.joined(separator: ": ")
        self.description = description.map { JobLabel.line($0, 300) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func line(_ text: String, _ length: Int) -> String {
        let words = text.prefix(length * 4).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.count > length || text.count > length * 4 ? words.prefix(length - 1) + "…" : words
    }
}

/// What a job does. One attempt is one call of `run`; it may run again after a crash, so its effects must bear repetition.
package protocol JobHandler: Sendable {
    var kind: JobKind { get }

    /// Returns the result (a JSON object), or throws why not and whether to try again.
    /// The task is cancelled on cancel, timeout, shutdown and loss of the lease; a handler then throws, whatever it throws.
    func run(in context: JobContext) async throws(JobFailure) -> JSONValue
}
