internal import JobModel

/// One job of an API, by its id. It holds no state of the job: each call asks.
public struct JobHandle: Sendable {
    /// A UUID.
    public let id: String
    /// What the API answered to the submission; nil for a handle made of an id.
    public let acceptance: JSON?
    let client: TidewheelClient

    init(client: TidewheelClient, acceptance: JSON) throws(TidewheelError) {
        guard let id = acceptance["job_id"]?.string else { throw .invalidAnswer("a submission was answered without job_id") }
        self.client = client
        self.acceptance = acceptance
        self.id = id
    }

    init(client: TidewheelClient, id: String) {
        self.client = client
        self.id = id
        acceptance = nil
    }

    /// As it stands now.
    public func status() async throws(TidewheelError) -> JobStatus {
        try JobStatus(try await call("GET").json())
    }

    /// Everything that happens to the job, from its beginning (or after update `number`) to its end. Reconnects by itself.
    /// - Parameter tokens: with what models say as they say it: `token` updates, which nobody keeps for those who were not there.
    public func watch(after number: Int? = nil, tokens: Bool = false) -> JobWatch {
        JobWatch(client: client, id: id, after: number, withTokens: tokens)
    }

    /// The job once it has ended, however it ended: look at `state`.
    /// - Parameter timeout: then `TidewheelError.timedOut`; the job goes on.
    public func wait(timeout: Duration? = nil) async throws(TidewheelError) -> JobStatus {
        guard let timeout else { return try await end() }
        let first = await withTaskGroup(of: Result<JobStatus, TidewheelError>?.self) { group in
            group.addTask { await Result { () async throws(TidewheelError) in try await end() } }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return Task.isCancelled ? .failure(.cancelled) : nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let first else { throw .timedOut("job \(id) has not ended after \(timeout)") }
        return try first.get()
    }

    /// What the completed job has made. Until then, and for one that failed or was cancelled, `TidewheelError.problem`: `not-finished`,
    /// `job-failed`, `job-cancelled`.
    public func result<Value: Decodable>(as type: Value.Type = JSON.self) async throws(TidewheelError) -> Value {
        let json = try await call("GET", "/result").json()
        do {
            return try json.decoded(as: type)
        } catch { throw .invalidAnswer("the result is no \(Value.self): \(error)") }
    }

    /// The job once it is cancelled, or while its worker is being told: within a second. One that ended otherwise is `already-ended`.
    @discardableResult
    public func cancel() async throws(TidewheelError) -> JobStatus {
        try JobStatus(try await call("POST", "/cancel").json())
    }

    /// A job that failed or was cancelled is queued again. One that lives is answered as it is; a completed one is `not-retryable`.
    @discardableResult
    public func retry() async throws(TidewheelError) -> JobStatus {
        try JobStatus(try await call("POST", "/retry").json())
    }

    /// A job that waits for its time is queued now.
    @discardableResult
    public func promote() async throws(TidewheelError) -> JobStatus {
        try JobStatus(try await call("POST", "/promote").json())
    }

    /// An old failure of a job that was retried is not its end.
    private func end() async throws(TidewheelError) -> JobStatus {
        var seen: Int?
        while true {
            for try await update in watch(after: seen) { seen = update.number ?? seen }
            let status = try await status()
            if status.state.isEnd { return status }
        }
    }

    /// Each of these may be repeated: it changes nothing the second time.
    private func call(_ method: String, _ part: String = "") async throws(TidewheelError) -> APIAnswer {
        try await client.call(APIRequest(method: method, path: "/jobs/\(percentEncoded(id))\(part)", isRepeatable: true))
    }
}

extension TidewheelClient {
    /// A job by its id; nothing is asked yet.
    public func job(_ id: String) -> JobHandle { JobHandle(client: self, id: id) }
}

extension Result {
    init(_ body: () async throws(Failure) -> Success) async {
        do {
            self = .success(try await body())
        } catch { self = .failure(error) }
    }
}
