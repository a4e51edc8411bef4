package import JobModel
package import RedisWire

/// What a sign of life of a lease is answered.
package enum LeaseLife: String, Sendable {
    case going, cancel, deaf, late, lost
}

/// Leases of workers that speak HTTP. Each is a worker of its own with one slot: it lives by its own beat, and is recovered like any other
/// worker. Whose it is stands in its hash under `http`.
extension JobQueue {
    /// How long a job whose worker was told of a cancel may go on.
    static let stopGraceMilliseconds: Int64 = 10_000

    /// A worker of one slot, which has claimed nothing yet.
    package func openLease(_ card: WorkerCard) async throws(RedisError) {
        _ = try await beat(card, running: 0)
    }

    /// The time of the attempt begins, and with it the beat.
    package func beginLease(_ claim: Claim) async throws(RedisError) -> LeaseLife {
        let isAlone = claim.stream == keys.stream(queueName(of: claim.stream), .suspect)
        return try await lease(claim.job.id, claim.worker, claim.attempt, "\(claim.job.timeoutMilliseconds)\(isAlone ? " alone" : "")")
    }

    package func beatLease(_ id: JobID, _ worker: String, _ attempt: Int) async throws(RedisError) -> LeaseLife {
        try await lease(id, worker, attempt, "")
    }

    private func lease(_ id: JobID, _ worker: String, _ attempt: Int, _ begin: String) async throws(RedisError) -> LeaseLife {
        let reply = try await run(
            Scripts.lease, keys: [keys.worker(worker), keys.job(id)],
            arguments: [.string("\(worker):\(attempt)"), .string(begin), .integer(JobQueue.stopGraceMilliseconds)])
        guard let life = reply.string.flatMap(LeaseLife.init) else { throw unexpected(Scripts.lease, reply) }
        return life
    }

    /// The attempt as its claim was, from what Redis knows of its job; nil where it does not know the job, or another attempt was the last.
    /// Without an entry where the attempt has ended and its job is scheduled, or waits for its turn.
    package func claim(of id: JobID, _ worker: String, _ attempt: Int) async throws(RedisError) -> Claim? {
        let key = RedisArgument.string(keys.job(id))
        guard let fields = try await redis.command(["HGETALL", key]).fields, let job = JobHash.job(from: fields),
            fields["lease"] == "\(worker):\(attempt)", let place = fields["entry"]
        else { return nil }
        guard job.state == .processing || job.state.isTerminal, let (level, entry) = Keys.entry(at: place) else {
            return Claim(job: job, attempt: attempt, worker: worker, stream: keys.stream(job.queue, .medium), entry: "")
        }
        return Claim(job: job, attempt: attempt, worker: worker, stream: keys.stream(job.queue, level), entry: entry)
    }
}
