/// What Redis keeps of jobs and workers, beside what PostgreSQL says: streams, who works, who leads, and what nobody looks after.
/// Cost: a fixed number of reads, and at most `sample` live jobs.
import JobLedger
import JobModel
import JobQueue
import RedisWire

struct JobChecks: Sendable {
    let redis: RedisConnection
    let queue: JobQueue
    let ledger: JobLedger
    /// Those of kinds that are compiled in; what other programs registered is asked of PostgreSQL.
    let queues: [String]

    private static let sample = 500
    /// A job that changes hands is between two owners for about this long.
    private static let handover: Int64 = 30_000

    func run() async -> [Finding] {
        do {
            let workers = try await queue.workers()
            let live = Set(try await queue.holders().filter { !$0.isDead }.map(\.name))
            // Without PostgreSQL, which has a finding of its own, those of other programs are not known.
            let registered = Set((try? await ledger.registeredKinds().map(\.queue)) ?? []).subtracting(queues).sorted()
            return try await [
                groups(registered), Self.working(workers, queues, registered), leader(workers), generation(),
                abandoned(live, queues + registered), liveJobs(live),
            ]
        } catch {
            return [.fail("jobs", "cannot be looked at: \(error)", "Mend what is above first.")]
        }
    }

    /// Those of suspects come with the first suspect; those of other programs' queues with the first claim, so one that is missing is told
    /// only where jobs wait already.
    private func groups(_ registered: [String]) async throws(RedisError) -> Finding {
        let others = queue.keys.streams(registered)
        let there = try await redis.pipeline(others.map { ["EXISTS", .string($0)] })
        let streams = queue.keys.streams(queues) + zip(others, there).filter { $1.integer == 1 }.map(\.0)
        let replies = try await redis.pipeline(streams.map { ["XINFO", "GROUPS", .string($0)] })
        let missing = zip(streams, replies).filter { _, reply in
            !(reply.array ?? []).contains { $0.array?.contains { $0.string == "workers" } ?? false }
        }.map(\.0)
        guard missing.isEmpty else {
            return .warn(
                "streams", "\(missing.count) of \(streams.count) have no group yet: \(missing.prefix(3).joined(separator: ", "))",
                "Start a worker that takes from \(missing.count == streams.count ? "them" : "every queue"): it makes them.")
        }
        return .ok("streams", "\(streams.count) streams of \(queues.count + registered.count) queues, each with its group")
    }

    static func working(_ workers: [WorkerInfo], _ queues: [String], _ registered: [String] = []) -> Finding {
        let alive = workers.filter { $0.health == .alive }
        guard !alive.isEmpty else {
            return .fail("workers", "none lives", "Start one with `tidewheel worker`: jobs are accepted and wait.")
        }
        let bad = workers.filter { $0.health == .stalled || $0.health == .silent }
        if let first = bad.first {
            return .warn(
                "workers", "\(alive.count) live; \(bad.count) do not work well, such as \(first.name), which is \(first.health.rawValue)",
                "Look at its log on \(first.host) (process \(first.processID)); restart it if it stays so.")
        }
        let unserved = queues.filter { queue in !alive.contains { $0.queues.contains(queue) } }
        guard unserved.isEmpty else {
            return .warn(
                "workers", "nobody takes from \(unserved.joined(separator: ", "))", "Start a worker with that queue in TIDEWHEEL_QUEUES.")
        }
        let unclaimed = registered.filter { queue in !alive.contains { $0.queues.contains(queue) } }
        guard unclaimed.isEmpty else {
            return .warn(
                "workers", "nobody takes from \(unclaimed.joined(separator: ", ")), where kinds of other programs wait",
                "Start the program that runs them; `DELETE /kinds/{kind}` forgets a kind that nobody needs.")
        }
        if let ignored = alive.first(where: { $0.leftBehind > 0 }) {
            return .warn(
                "workers", "\(ignored.name) has \(ignored.leftBehind) handlers that did not stop when they were told to",
                "They keep memory and sockets: `tidewheel worker drain \(ignored.name)` when it suits.")
        }
        let dead = workers.count { $0.health == .dead }
        return .ok(
            "workers", "\(alive.count) live, \(alive.reduce(0) { $0 + $1.running }) jobs run" + (dead > 0 ? "; \(dead) died lately" : ""))
    }

    /// Its seat is a row of PostgreSQL; that it works is told by its beat. Where workers live, a change of leader is waited for.
    private func leader(_ workers: [WorkerInfo]) async -> Finding {
        var holder = ""
        for look in 0..<4 {
            if look > 0 { try? await Task.sleep(for: .milliseconds(800)) }
            guard let seat = try? await ledger.leaderSeat() else {
                return .warn(
                    "leader", "cannot be read from PostgreSQL",
                    "Mend PostgreSQL: schedules, the queueing of lost jobs and clean-up wait for a leader.")
            }
            holder = seat.holder
            if workers.contains(where: { $0.name == holder && $0.health == .alive }) { return .ok("leader", holder) }
            if workers.isEmpty { break }
        }
        return .warn(
            "leader", holder.isEmpty ? "nobody leads" : "\(holder) leads and is not alive",
            workers.isEmpty
                ? "A worker takes over when one starts." : "Can the workers write to PostgreSQL? Their logs say why none takes over.")
    }

    private func generation() async throws -> Finding {
        let here = try await redis.command(["GET", .string(queue.keys.generation)]).string
        guard let there = try? await ledger.generation() else {
            return .ok("generation", here == nil ? "neither store has one yet" : "PostgreSQL has none yet")
        }
        if here == there { return .ok("generation", "Redis is the one that PostgreSQL knows") }
        return .warn(
            "generation", here == nil ? "Redis has lost what it knew, or is a new one" : "Redis is another one than PostgreSQL knows",
            "The leading worker queues recorded jobs again by itself. If this stays: is REDIS_URL (and TIDEWHEEL_KEY_PREFIX) the same everywhere?"
        )
    }

    /// Entries whose consumer is nobody that lives.
    private func abandoned(_ live: Set<String>, _ queues: [String]) async throws(RedisError) -> Finding {
        let streams = queue.keys.streams(queues, StreamLevel.allCases)
        let replies = try await redis.pipeline(streams.map { ["XPENDING", .string($0), "workers"] })
        var held = 0
        var owners: Set<String> = []
        for reply in replies {
            for consumer in reply.array?.last?.array ?? [] {
                guard let name = consumer.array?.first?.string, !live.contains(name) else { continue }
                owners.insert(name)
                held += Int(consumer.array?.last?.string ?? "") ?? 0
            }
        }
        guard held > 0 else { return .ok("orphans", "no job is held by a worker that is gone") }
        return .warn(
            "orphans", "\(held) jobs are held by \(owners.count) workers that are gone",
            live.isEmpty
                ? "Start a worker: it takes them over."
                : "A live worker takes them over within seconds; look again. If they stay, look at the workers' logs.")
    }

    /// The oldest live jobs: each must be on a stream, scheduled, parked, or wait for others; a running one must have a live worker.
    private func liveJobs(_ live: Set<String>) async throws(RedisError) -> Finding {
        let ids =
            try await redis.command(["ZRANGE", .string(queue.keys.active), 0, .integer(Int64(Self.sample - 1))]).array?.compactMap(\.string)
            ?? []
        let jobs = try await queue.jobs(ids.compactMap { JobID($0) })
        let old = Timestamp.now.milliseconds - Self.handover
        let stale = jobs.values.filter { $0.state == .processing && !live.contains($0.worker ?? "") && $0.updatedAt.milliseconds < old }
        let lost = try await withoutEntry(jobs.values.filter { $0.state == .queued && $0.updatedAt.milliseconds < old })
        let missing = ids.count - jobs.count
        guard stale.isEmpty, lost.isEmpty, missing == 0 else {
            let first = (stale + lost).first.map { ", such as \($0.id)" } ?? ""
            return .warn(
                "live jobs", "\(stale.count) run without a worker, \(lost.count) wait on no stream, \(missing) have no record\(first)",
                "The leading worker mends them every TIDEWHEEL_REPAIR_INTERVAL_MS. If they stay: `tidewheel job cancel ID`, then `job retry ID`."
            )
        }
        return .ok("live jobs", ids.count < Self.sample ? "\(ids.count), all in their place" : "the oldest \(ids.count) are in their place")
    }

    private func withoutEntry(_ jobs: [Job]) async throws(RedisError) -> [Job] {
        let entries = try await redis.pipeline(jobs.map { ["HGET", .string(queue.keys.job($0.id)), "entry"] })
        var lost: [Job] = []
        for (job, reply) in zip(jobs, entries) {
            let place = reply.string ?? ""
            // In a lane or parked: the sweep of the leader knows those.
            if place.hasPrefix("lane:") || place.hasPrefix("parked:") { continue }
            guard let (level, entry) = Keys.entry(at: place) else {
                lost.append(job)
                continue
            }
            let found = try await redis.command(["XRANGE", .string(queue.keys.stream(job.queue, level)), .string(entry), .string(entry)])
            if found.array?.isEmpty ?? true { lost.append(job) }
        }
        return lost
    }
}
