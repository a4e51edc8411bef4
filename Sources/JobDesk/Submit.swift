internal import JobLedger
package import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

package struct Submission: Sendable {
    package enum Novelty: Sendable {
        case new
        /// The same request was accepted before, under the same idempotency key.
        case replay
        /// The job is another one: it holds the unique key that was asked for.
        case duplicate
    }

    package let job: Job
    package let novelty: Novelty
}

extension JobDesk {
    /// Accepts a job: when this returns, the job will end exactly once, whatever crashes.
    package func submit(_ request: JobRequest) async throws(DeskError) -> Submission {
        await meet([request.kind])
        let job = try compose(request)
        let idempotency = request.idempotency?.of(Submitter.current)
        try await checkWebhooks(of: [job])
        try await admit()
        switch try await earlier(job, idempotency) {
        case .existing(let id)?: return Submission(job: try await read(id), novelty: .replay)
        case .conflict(let id)?: throw .idempotencyConflict(id)
        case .accepted?, .duplicate?, nil: break
        }
        if let id = try await holder(of: job) { return Submission(job: try await read(holder: id), novelty: .duplicate) }
        do throws(DeskError) { _ = try await charge([job], atLeast: 1) } catch {
            await letGo(job)
            throw error
        }
        return job.isRecorded ? try await acceptRecorded(job, idempotency) : try await acceptUnrecorded(job, idempotency)
    }

    func admit() async throws(DeskError) {
        try await gate.admit { () throws(DeskError) in
            try await asking(redis: { () throws(RedisError) in try await queue.probe() })
        }
    }

    func compose(_ request: JobRequest) throws(DeskError) -> Job {
        guard let kind = catalogue[request.kind] else {
            throw .unknownKind(String(request.kind.prefix(100)), known: catalogue.kinds.map(\.name))
        }
        let input: JSONValue
        switch kind.input.accept(request.input) {
        case .success(let accepted): input = accepted
        case .failure(let faults): throw .invalid(faults.list)
        }
        if let queue = request.queue {
            // Where nobody runs the kind its jobs would wait for ever.
            let queues = kind.isRegistered ? [kind.queue] : catalogue.builtInQueues
            guard queues.contains(queue) else {
                throw .invalid([InputShape.Fault(pointer: "#/queue", detail: "must be one of: \(queues.joined(separator: ", "))")])
            }
        }
        if let refusal = request.webhook.flatMap({ refusalOfReceiver($0.url) }) {
            throw .invalid([InputShape.Fault(pointer: "#/webhook/url", detail: refusal)])
        }
        if let session = request.sessionID, let other = input["session_id"]?.string, session != other {
            throw .invalid([
                InputShape.Fault(pointer: "#/input/session_id", detail: "must be the session_id of the submission, or left out")
            ])
        }
        return job(request, of: kind, input: input)
    }

    private func job(_ request: JobRequest, of kind: JobKind, input: JSONValue) -> Job {
        var job = Job(
            id: JobID(), kind: kind.name, queue: request.queue ?? kind.queue, priority: request.priority, input: input,
            metadata: request.metadata, isRecorded: kind.isRecorded, maxAttempts: request.maxAttempts ?? kind.retry.maxAttempts,
            timeoutMilliseconds: request.timeoutMilliseconds ?? kind.timeoutMilliseconds,
            estimatedMilliseconds: durations.typical(kind, input))
        let label = kind.label(of: input)
        job.title = request.title ?? label?.title
        job.subject = request.subject
        job.sessionID = request.sessionID ?? input["session_id"]?.string
        job.tags = request.tags
        job.description = request.description ?? label?.description
        job.backoff = request.backoff
        job.concurrencyKey = request.concurrencyKey ?? (kind.isConversational ? job.sessionID.map(Conversation.turnKey) : nil)
        job.uniqueness = request.uniqueness
        job.flow = request.flow
        job.webhook = request.webhook
        job.traceparent = request.traceparent
        job.submittedBy = Submitter.current?.key.id
        if let runAt = request.runAt, runAt > job.createdAt {
            job.scheduledAt = runAt
            job.state = .scheduled
        }
        return job
    }

    /// The row is the promise. A Redis that is away from here on delays the job, and the reconciler queues it later.
    private func acceptRecorded(_ job: Job, _ idempotency: IdempotencyKey?) async throws(DeskError) -> Submission {
        switch try await asking(postgres: { () throws(PostgresError) in try await ledger.accept(job, idempotency: idempotency) }) {
        case .accepted:
            looks.note(job)
            await enqueueOrLeaveToReconciler(job)
            return Submission(job: job, novelty: .new)
        case .existing(let id):
            await letGo(job)
            return Submission(job: try await read(id), novelty: .replay)
        case .conflict(let id):
            await letGo(job)
            throw .idempotencyConflict(id)
        case .duplicate(let id):
            await letGo(job)
            return Submission(job: try await read(holder: id), novelty: .duplicate)
        }
    }

    private func enqueueOrLeaveToReconciler(_ job: Job) async {
        do {
            _ = try await queue.enqueue(job)
        } catch {
            logger.warning(
                "An accepted job could not be queued yet; the reconciler will queue it",
                metadata: ["job_id": "\(job.id)", "error": "\(error)"])
            gate.close(because: DeskError(error))
        }
    }

    private func acceptUnrecorded(_ job: Job, _ idempotency: IdempotencyKey?) async throws(DeskError) -> Submission {
        switch try await asking(redis: { () throws(RedisError) in try await queue.enqueue(job, idempotency: idempotency) }) {
        case .accepted, .exists:
            looks.note(job)
            return Submission(job: job, novelty: .new)
        case .repeated(let id): return Submission(job: try await read(id), novelty: .replay)
        case .duplicate(let id): return Submission(job: try await read(holder: id), novelty: .duplicate)
        case .conflict(let id): throw .idempotencyConflict(id)
        }
    }
}
