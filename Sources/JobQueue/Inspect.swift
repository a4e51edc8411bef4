package import JobModel
package import RedisWire

package struct WorkerInfo: Sendable, Hashable {
    package let name: String
    package let host: String
    package let processID: Int
    package let version: String
    package let queues: [String]
    package let slots: Int
    package let running: Int
    /// Handlers that ignored their cancellation or timeout.
    package let leftBehind: Int
    package let startedAt: Timestamp?
    package let beat: Int64
    package let isDead: Bool
    /// A one-slot process that only runs suspects.
    package let isForSuspects: Bool
    /// It was asked to leave, and has not left yet.
    package let isDraining: Bool
    /// Since its last beat, by Redis's clock.
    package let silentMilliseconds: Int64
    /// Since its last claim round trip, by the worker's own clock.
    package let idleMilliseconds: Int64
    /// A program that takes its jobs over HTTP; for a lease, the one that holds it.
    package var http: String?

    /// What operators are told; recovery does not ask it.
    package var health: WorkerHealth {
        if isDead { return .dead }
        if silentMilliseconds > 10_000 { return .silent }
        return running < slots && idleMilliseconds > 15_000 ? .stalled : .alive
    }
}

package enum WorkerHealth: String, Sendable {
    case alive
    /// Beats, has free slots, and does not claim.
    case stalled
    /// No beat for a while: its process or its connection is gone, and nobody has recovered its jobs yet.
    case silent
    case dead
}

package struct QueueCounts: Sendable, Hashable {
    package let queue: String
    /// Entries on its streams that no worker has taken.
    package let waiting: Int
    /// Entries that workers hold.
    package let running: Int
    /// Since Redis began.
    package let completed: Int64
    package let failed: Int64
    package let cancelled: Int64
}

extension WorkerInfo {
    fileprivate init(_ name: String, _ fields: [String: String], _ now: Int64) {
        self.init(
            name: name, host: fields["host"] ?? "", processID: fields["pid"].flatMap { Int($0) } ?? 0, version: fields["version"] ?? "",
            queues: fields["queues"]?.split(separator: ",").map(String.init) ?? [], slots: fields["slots"].flatMap { Int($0) } ?? 0,
            running: fields["running"].flatMap { Int($0) } ?? 0, leftBehind: fields["left_behind"].flatMap { Int($0) } ?? 0,
            startedAt: fields["started_at"].flatMap { Int64($0) }.map(Timestamp.init(milliseconds:)),
            beat: fields["beat"].flatMap { Int64($0) } ?? 0, isDead: fields["dead"] == "1",
            isForSuspects: fields["suspects"] == "1", isDraining: fields["draining"] == "1",
            silentMilliseconds: max(0, now - (fields["beat_at"].flatMap { Int64($0) } ?? 0)),
            idleMilliseconds: fields["idle_ms"].flatMap { Int64($0) } ?? 0, http: fields["http"])
    }
}

extension JobQueue {
    /// The job as Redis has it; nil when it does not know it, or not any more.
    package func job(_ id: JobID) async throws(RedisError) -> Job? {
        try await redis.command(["HGETALL", .string(keys.job(id))]).fields.flatMap(JobHash.job)
    }

    /// Those of the jobs that Redis knows, by one round trip.
    package func jobs(_ ids: [JobID]) async throws(RedisError) -> [JobID: Job] {
        let replies = try await redis.pipeline(ids.map { ["HGETALL", .string(keys.job($0))] })
        let jobs = replies.compactMap { $0.fields.flatMap(JobHash.job) }
        return Dictionary(jobs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Which of these jobs Redis knows.
    package func known(_ ids: [JobID]) async throws(RedisError) -> Set<JobID> {
        let replies = try await redis.pipeline(ids.map { ["EXISTS", .string(keys.job($0))] })
        return Set(zip(ids, replies).filter { $0.1.integer == 1 }.map(\.0))
    }

    /// Processes as they are; the leases of an HTTP worker as the one worker that holds them.
    package func workers() async throws(RedisError) -> [WorkerInfo] {
        let (all, said, now) = try await everyName()
        return all.filter { $0.http == nil } + HTTPWorkers.of(said, holding: all.filter { $0.http != nil }, now)
    }

    /// Every name that an entry may be held under: processes, and each lease of an HTTP worker by itself.
    package func holders() async throws(RedisError) -> [WorkerInfo] { try await everyName().all }

    private func everyName() async throws(RedisError) -> (all: [WorkerInfo], said: [String: String], now: Int64) {
        let names = try await redis.command(["SMEMBERS", .string(keys.workers)]).array?.compactMap(\.string).sorted() ?? []
        let replies = try await redis.pipeline(
            [["TIME"], ["HGETALL", .string(keys.httpWorkers)]] + names.map { ["HGETALL", .string(keys.worker($0))] })
        let now = (replies.first?.array?.first?.integer ?? 0) * 1000
        let all = zip(names, replies.dropFirst(2)).compactMap { name, reply in
            reply.fields.flatMap { $0.isEmpty ? nil : WorkerInfo(name, $0, now) }
        }
        return (all, replies[1].fields ?? [:], now)
    }

    package func counts(of queues: [String]) async throws(RedisError) -> [QueueCounts] {
        var counts: [QueueCounts] = []
        for queue in queues {
            let entries = try await waitingAndHeld(StreamLevel.allCases.map { keys.stream(queue, $0) })
            let stats = try await redis.command(["HMGET", .string(keys.stats(queue)), "completed", "failed", "cancelled"]).array ?? []
            let ended = stats.map { $0.integer ?? 0 } + [0, 0, 0]
            counts.append(
                QueueCounts(
                    queue: queue, waiting: entries.waiting, running: entries.held, completed: ended[0], failed: ended[1],
                    cancelled: ended[2]))
        }
        return counts
    }

    /// Waiting is length less pending: work streams are deleted from as they are acknowledged. A stream without a group holds nothing.
    func waitingAndHeld(_ streams: [String]) async throws(RedisError) -> (waiting: Int, held: Int) {
        let lengths = try await redis.pipeline(streams.map { ["XLEN", .string($0)] })
        let pending = try await redis.pipeline(streams.map { ["XPENDING", .string($0), "workers"] })
        let total = lengths.reduce(0) { $0 + Int(clamping: $1.integer ?? 0) }
        let held = pending.reduce(0) { $0 + Int(clamping: $1.array?.first?.integer ?? 0) }
        return (max(0, total - held), held)
    }

    /// The mark that says which Redis data this is; made when there is none, as after a loss.
    package func generation() async throws(RedisError) -> String {
        let key = RedisArgument.string(keys.generation)
        if let mark = try await redis.command(["GET", key]).string { return mark }
        let fresh = Digest.hexadecimal(Digest.randomBytes(16))
        _ = try await redis.command(["SET", key, .string(fresh), "NX"])
        return try await redis.command(["GET", key]).string ?? fresh
    }
}
