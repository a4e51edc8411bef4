internal import FoundationEssentials
internal import JobModel

/// What a running attempt sees of its job, and the means to tell, to remember and to notice that it must stop.
public struct WorkContext: Sendable {
    let context: JobContext

    /// The job's id.
    public var jobID: String { context.jobID.description }
    /// From 1; every run of the job has a number of its own.
    public var attempt: Int { context.attempt }
    /// The session that the submission names.
    public var sessionID: String? { context.sessionID }

    /// What the submitter wants back.
    public func metadata<Value: Decodable>(as type: Value.Type) throws -> Value {
        try JSON.decode(type, from: context.metadata)
    }

    /// Tells watchers how far the work is, in percent. Costs one round trip to Redis: call it per page, not per byte. Throws when the attempt
    /// must stop.
    public func progress(_ percent: Double, step: String, _ message: String = "") async throws {
        try await telling { () throws(JobFailure) in try await context.progress(percent, step: step, message) }
    }

    /// A line for the job's log.
    public func log(_ message: String) async throws {
        try await telling { () throws(JobFailure) in try await context.log(message) }
    }

    /// Runs `body` once per job, not once per attempt: a later attempt gets the kept result, of 256 KiB at most. A crash between the end of the
    /// body and the keeping runs it again.
    public func step<Value: Codable & Sendable>(_ name: String, _ body: () async throws -> Value) async throws -> Value {
        let kept = try await telling { () throws(JobFailure) in
            try await context.step(name) { () throws(JobFailure) in
                do { return ["value": try JSON.encode(try await body())] } catch { throw JobFailure(error) }
            }
        }
        return try JSON.decode(Value.self, from: kept["value"] ?? .null)
    }

    /// Throws `CancellationError` when the attempt must stop.
    public func checkCancelled() throws {
        try Task.checkCancellation()
    }

    /// The worker's failures in words of this library; how the attempt ends is the worker's to know.
    private func telling<Value>(_ call: () async throws(JobFailure) -> Value) async throws -> Value {
        do { return try await call() } catch { throw WorkFailure(failure: error) }
    }
}

extension JobFailure {
    /// Errors that say nothing of trying again are tried again; a cancelled handler throws whatever it likes.
    init(_ error: any Error) {
        switch error {
        case let error as WorkFailure: self = error.failure
        case is CancellationError: self = .cancelled
        default: self = .retry("\(error)", type: "\(Swift.type(of: error))")
        }
    }
}

/// Values of other programs as JSON values.
enum JSON {
    static func decode<Value: Decodable>(_ type: Value.Type, from value: JSONValue) throws -> Value {
        try JSONDecoder().decode(type, from: Data(value.bytes))
    }

    static func encode(_ value: some Encodable) throws -> JSONValue {
        try JSONReader.read(Array(try JSONEncoder().encode(value)), depth: 256)
    }
}
