package import Logging

/// Where a running attempt reports to: the worker implements it with the queue's scripts, tests with an array.
package protocol JobReporter: Sendable {
    /// Stores and publishes; throws `.lost` or `.cancelled` when the attempt must stop.
    func report(_ event: JobEvent, progress: JobProgress?) async throws(JobFailure)
    /// Tells who listens now; neither numbers nor stores. Never waits for anybody and never fails: what cannot be told is not told.
    func murmur(_ event: JobEvent)
}

extension JobReporter {
    package func murmur(_ event: JobEvent) {}
}

/// Results of finished steps, kept until the job ends.
package protocol StepStore: Sendable {
    func result(ofStep name: String) async throws(JobFailure) -> JSONValue?
    /// Only the attempt that holds the lease may store; others get `.lost`.
    func store(_ result: JSONValue, ofStep name: String) async throws(JobFailure)
}

/// How far an attempt is.
package struct JobProgress: Hashable, Sendable {
    /// 0 to 100.
    package let percent: Double
    package let step: String
    package let message: String

    package init(percent: Double, step: String, message: String) {
        self.percent = percent.isFinite ? min(max(percent, 0), 100) : 0
        self.step = step
        self.message = String(message.prefix(500))
    }

    /// What watchers are told of it.
    package func event(with fields: [String: JSONValue] = [:]) -> JobEvent {
        var members = fields
        members["progress"] = .number((percent * 10).rounded() / 10)
        members["step"] = .string(step)
        members["message"] = .string(message)
        return JobEvent(.progress, members)
    }
}

/// What a handler sees of its attempt: the input, and the means to tell, to remember and to notice that it must stop.
package struct JobContext: Sendable {
    package let jobID: JobID
    package let attempt: Int
    /// Which of the attempts that count this one is, from 1: deaths and departures of workers and earlier series do not.
    package let chargedAttempt: Int
    package let input: JSONValue
    package let metadata: JSONValue
    /// The session that the submission names.
    package let sessionID: String?
    package let conversation: any ConversationMemory
    private let baseLogger: Logger
    private let reporter: any JobReporter
    private let steps: any StepStore
    let flow: any FlowMembership

    package init(
        jobID: JobID, attempt: Int, charged: Int? = nil, input: JSONValue, metadata: JSONValue = [:], sessionID: String? = nil,
        reporter: any JobReporter, steps: any StepStore, flow: any FlowMembership = NoFlow(),
        conversation: any ConversationMemory = NoConversation(), logger: Logger
    ) {
        self.jobID = jobID
        self.attempt = attempt
        chargedAttempt = max(1, charged ?? attempt)
        self.input = input
        self.metadata = metadata
        self.reporter = reporter
        self.steps = steps
        self.flow = flow
        self.sessionID = sessionID
        self.conversation = conversation
        baseLogger = logger
    }

    /// Says of which job and attempt it speaks.
    package var logger: Logger {
        var logger = baseLogger
        logger[metadataKey: "job_id"] = .string(jobID.description)
        logger[metadataKey: "attempt"] = .stringConvertible(attempt)
        return logger
    }

    /// Tells watchers how far the work is. Cost: one round trip to Redis; call it per page, not per byte.
    package func progress(
        _ percent: Double, step: String, _ message: String, fields: [String: JSONValue] = [:]
    ) async throws(JobFailure) {
        let progress = JobProgress(percent: percent, step: step, message: message)
        try await reporter.report(progress.event(with: fields), progress: progress)
    }

    /// A line for the job's log; does not move the progress.
    package func log(_ message: String, fields: [String: JSONValue] = [:]) async throws(JobFailure) {
        var members = fields
        members["message"] = .string(String(message.prefix(500)))
        try await reporter.report(JobEvent(.log, members), progress: nil)
    }

    /// Text of a model for those who watch, as it is written. `source` tells streams of one job apart: a model's name, a step.
    package func tell(_ piece: ModelPiece, from source: String) {
        switch piece {
        case .text(let text): reporter.murmur(JobEvent(.token, ["text": .string(text), "source": .string(source)]))
        case .thinking(let text): reporter.murmur(JobEvent(.token, ["thinking": .string(text), "source": .string(source)]))
        }
    }

    /// Runs `body` once per job, not once per attempt: a later attempt gets the stored result.
    /// The result is stored after the body returned, so a crash in between runs the body again.
    package func step(
        _ name: String, _ body: () async throws(JobFailure) -> JSONValue
    ) async throws(JobFailure) -> JSONValue {
        if let stored = try await steps.result(ofStep: name) { return stored }
        let result = try await body()
        try await steps.store(result, ofStep: name)
        return result
    }

    /// Throws when the attempt must stop; the reason is the worker's to know.
    package func checkCancelled() throws(JobFailure) {
        if Task.isCancelled { throw .cancelled }
    }
}
