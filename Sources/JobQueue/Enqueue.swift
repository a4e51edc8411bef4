package import JobModel
package import RedisWire

package enum Enqueued: Sendable, Hashable {
    case accepted
    /// The id is taken: the same job, submitted or queued again.
    case exists(JobState)
    /// Unrecorded kinds: the same key and request before.
    case repeated(JobID)
    case conflict(JobID)
    /// Another job holds this one's unique key.
    case duplicate(JobID)
}

/// A job to put on its stream, and under which key it was asked for.
package struct EnqueueRequest: Sendable {
    package let job: Job
    package let idempotency: IdempotencyKey?

    package init(_ job: Job, idempotency: IdempotencyKey? = nil) {
        self.job = job
        self.idempotency = idempotency
    }
}

extension JobQueue {
    /// How long an idempotency key of an unrecorded kind is remembered.
    static let idempotencyMilliseconds: Int64 = 86_400_000
    /// Jobs in one script call: bounds the time Redis is held to a millisecond or two.
    static let enqueueBatch = 200
    /// And so many bytes of inputs, more or less: a connection refuses what would make 64 MiB wait, however often it is repeated.
    private static let enqueueBytes = 4 << 20

    /// Puts a job on its stream, or on the schedule when `scheduledAt` lies ahead; a job that is `waiting` is kept until `ready`.
    /// Create-if-absent by id: may be repeated.
    package func enqueue(_ job: Job, idempotency: IdempotencyKey? = nil) async throws(RedisError) -> Enqueued {
        try await enqueue([EnqueueRequest(job, idempotency: idempotency)])[0]
    }

    package func enqueue(_ jobs: [Job]) async throws(RedisError) -> [Enqueued] {
        try await enqueue(jobs.map { EnqueueRequest($0) })
    }

    /// Each as if it came alone, in order. An error says nothing of the others: repeat all of them.
    package func enqueue(_ requests: [EnqueueRequest]) async throws(RedisError) -> [Enqueued] {
        var answers: [Enqueued] = []
        var rest = requests[...]
        while !rest.isEmpty {
            let part = try await send(rest, isReady: false)
            answers += part
            rest = rest.dropFirst(part.count)
        }
        return answers
    }

    /// Queues a job that waited for others; one that Redis has lost is made anew. False: it does not wait any more.
    package func ready(_ job: Job) async throws(RedisError) -> Bool {
        try await send([EnqueueRequest(job)], isReady: true)[0] == .accepted
    }

    /// Each as if it came alone, in order; returns how many waited or were made anew.
    package func ready(_ jobs: [Job]) async throws(RedisError) -> Int {
        var count = 0
        var rest = jobs.map { EnqueueRequest($0) }[...]
        while !rest.isEmpty {
            let part = try await send(rest, isReady: true)
            count += part.count { $0 == .accepted }
            rest = rest.dropFirst(part.count)
        }
        return count
    }

    /// As many of them, from the first on, as one call takes: one at least.
    private func send(_ all: ArraySlice<EnqueueRequest>, isReady: Bool) async throws(RedisError) -> [Enqueued] {
        let now = Timestamp.now
        let requests = all.prefix(JobQueue.enqueueBatch)
        var arguments: [RedisArgument] = [.string(now.description)]
        arguments.reserveCapacity(10 + requests.count * 3)
        var (count, bytes) = (0, 0)
        var run = Run()
        for request in requests where bytes < JobQueue.enqueueBytes {
            bytes += append(request, isReady, now, &run, to: &arguments)
            count += 1
        }
        let reply = try await self.run(Scripts.enqueue, keys: [keys.active], arguments: arguments)
        if reply.integer == Int64(count) { return Array(repeating: .accepted, count: count) }
        guard let parts = reply.array, parts.count == count else { throw unexpected(Scripts.enqueue, reply) }
        var answers: [Enqueued] = []
        for part in parts { answers.append(try read(part)) }
        return answers
    }

    /// Plain jobs that have all but id and input in common.
    private struct Run {
        var last: Job?
        /// Where in the arguments its length is.
        var place = 0
        var count = 0

        /// Whether the job would begin with the same words as the one before.
        func goes(on job: Job) -> Bool {
            guard let last else { return false }
            return last.createdAt == job.createdAt && last.kind == job.kind && last.queue == job.queue && last.priority == job.priority
                && last.maxAttempts == job.maxAttempts && last.timeoutMilliseconds == job.timeoutMilliseconds
                && last.estimatedMilliseconds == job.estimatedMilliseconds && last.isRecorded == job.isRecorded
                && last.submittedBy == job.submittedBy
        }
    }

    /// Returns how many bytes its input has.
    private func append(
        _ request: EnqueueRequest, _ isReady: Bool, _ now: Timestamp, _ run: inout Run, to arguments: inout [RedisArgument]
    ) -> Int {
        let job = request.job
        let input = job.input.bytes
        let due = job.scheduledAt.map { $0 > now ? $0.milliseconds : 0 } ?? 0
        let fields = JobHash.rareFields(of: job)
        let rare = rare(request, isReady)
        let isPlain = fields.isEmpty && rare.isEmpty && due == 0
        if !isPlain || !run.goes(on: job) {
            arguments += [
                .string(job.kind), .string(job.queue), .string(job.priority.rawValue), .string(JobHash.policy(of: job)),
                job.createdAt.argument, .string(job.submittedBy ?? ""), "rare",
            ]
            run = Run(last: isPlain ? job : nil, place: arguments.count - 1)
        }
        arguments.append(.string(job.id.description))
        arguments.append(.bytes(input))
        if isPlain {
            run.count += 1
            arguments[run.place] = .integer(Int64(run.count))
        } else {
            arguments += [.integer(due), .integer(Int64(fields.count))]
            arguments += fields
            arguments.append(.string(JSONValue.object(rare).serialized))
        }
        return input.count
    }

    /// What few jobs have, for the script.
    private func rare(_ request: EnqueueRequest, _ isReady: Bool) -> [String: JSONValue] {
        let job = request.job
        var rare: [String: JSONValue] = [:]
        if isReady { rare["ready"] = true }
        if job.state == .waiting, !isReady { rare["waiting"] = true }
        if job.attempt > 0 { rare["first"] = .integer(JobHash.firstSequence(of: job)) }
        if let key = job.concurrencyKey { rare["key"] = .string(key) }
        if let uniqueness = job.uniqueness {
            rare["unique"] = .string("\(job.kind):\(uniqueness.key)")
            rare["span"] = .string(uniqueness.span.word)
            rare["window_ms"] = uniqueness.span.milliseconds.map(JSONValue.integer)
            if job.isRecorded { rare["accepted"] = true }
        }
        if let key = request.idempotency {
            rare["idempotency"] = .string(Keys.tail(ofIdempotency: key))
            rare["fingerprint"] = .string(key.fingerprint)
            rare["ttl_ms"] = .integer(JobQueue.idempotencyMilliseconds)
        }
        return rare
    }

    private func read(_ reply: RedisReply) throws(RedisError) -> Enqueued {
        if case .integer(1) = reply { return .accepted }
        guard let parts = reply.array, parts.count == 2, let code = parts[0].integer, let text = parts[1].string else {
            throw unexpected(Scripts.enqueue, reply)
        }
        switch (code, JobState(rawValue: text), JobID(text)) {
        case (0, let state?, _): return .exists(state)
        case (2, _, let id?): return .repeated(id)
        case (3, _, let id?): return .conflict(id)
        case (4, _, let id?): return .duplicate(id)
        default: throw unexpected(Scripts.enqueue, reply)
        }
    }

    /// Removes an entry that another program added, after it was adopted under a job of our own.
    package func discard(stream: String, entry: String) async throws(RedisError) {
        _ = try await redis.pipeline([
            ["XDEL", .string(stream), .string(entry)], ["XACK", .string(stream), "workers", .string(entry)],
        ])
    }
}
