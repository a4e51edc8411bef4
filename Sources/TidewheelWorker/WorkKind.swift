/// What a job of another program does: a name, what it takes, and one function. A program lists its kinds in a `Worker`, which registers them.
///
/// An attempt is one call of `run`. After a crash, a lost worker or a failure that may pass, the job is attempted again, so its effects must
/// bear repetition; what must not be done twice belongs into `WorkContext.step`.
public protocol WorkKind: Sendable {
    /// Read from the job's input with `JSONDecoder`, after the input was checked against `terms.input`.
    associatedtype Input: Decodable & Sendable
    /// Written with `JSONEncoder`: a JSON object.
    associatedtype Output: Encodable & Sendable

    var terms: WorkTerms { get }

    /// The result, or an error: a `WorkFailure` says whether to try again, any other error is tried again. The task is cancelled when somebody
    /// cancels the job, when its time is over, when the worker leaves, and when another worker holds the job.
    func run(_ input: Input, in context: WorkContext) async throws -> Output
}

/// What everybody must know of a kind: the door that checks its input, the queue, the lists, the tools of models.
public struct WorkTerms: Sendable {
    /// Lower case letters, digits and underscores, 64 at most.
    public var name: String
    /// One sentence for people and models.
    public var summary: String
    /// Where its jobs wait. A queue belongs to one program, which runs every kind of it.
    public var queue: String
    /// What submissions are checked against.
    public var input: WorkSchema
    /// Attempts before a job fails for good; deaths of workers do not count.
    public var maxAttempts = 3
    /// The pause before the second attempt; it doubles up to `longestPause`.
    public var firstPause = Duration.seconds(2)
    /// No pause is longer.
    public var longestPause = Duration.seconds(300)
    /// How long one attempt may take, from 1 s to a day.
    public var timeout = Duration.seconds(600)
    /// How long it usually takes, before there is a history.
    public var estimate = Duration.seconds(60)
    /// In PostgreSQL from acceptance on: its jobs survive the loss of Redis.
    public var isRecorded = true

    /// Without a queue it has one of its own name.
    public init(name: String, summary: String, queue: String? = nil, input: WorkSchema = .object([])) {
        self.name = name
        self.summary = summary
        self.queue = queue ?? name
        self.input = input
    }
}
