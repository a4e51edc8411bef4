package import JobModel
package import RedisWire

/// A worker as a reaper sees it once: only a change between two looks says that it lives.
package struct Observation: Sendable, Hashable {
    package let worker: String
    /// Empty when the worker has no hash.
    package let beat: String
    package let isMarkedDead: Bool
    package let entriesHeld: Int
    /// How long reapers have seen this beat stand still, at least: those that are gone too.
    package let stillness: Duration

    package init(worker: String, beat: String, isMarkedDead: Bool, entriesHeld: Int, stillness: Duration = .zero) {
        self.worker = worker
        self.beat = beat
        self.isMarkedDead = isMarkedDead
        self.entriesHeld = entriesHeld
        self.stillness = stillness
    }
}

/// An entry that a worker holds, and what is known of its job.
package struct HeldEntry: Sendable, Hashable {
    package let stream: String
    package let entry: String
    package let jobID: JobID?
    package let state: JobState?
    package let attempt: Int
    package let lease: String
    package let isRecorded: Bool
    package let crashes: Int
    package let fields: [String: String]

    /// The entry as something to adopt.
    package var asForeign: ForeignEntry {
        ForeignEntry(stream: stream, entry: entry, fields: fields)
    }

    /// The worker runs it, as far as Redis knows.
    package func isRunning(under worker: String) -> Bool {
        state == .processing && lease == "\(worker):\(attempt)"
    }
}

package enum Released: Sendable, Hashable {
    case released
    /// The entry is not this worker's any more.
    case notHeld
    /// Another program's entry: adopt it.
    case foreign
}

/// Recovery in three repeatable stages: mark the worker dead, fence its attempts in SQL (the desk's), release its entries.
extension JobQueue {
    package func observe(_ streams: [String]) async throws(RedisError) -> [Observation] {
        let reply = try await run(Scripts.observe, keys: [keys.workers] + streams, arguments: [])
        guard let rows = reply.array else { throw unexpected(Scripts.observe, reply) }
        return rows.compactMap { row in
            guard let parts = row.array, parts.count == 5, let name = parts[0].string else { return nil }
            return Observation(
                worker: name, beat: parts[1].string ?? "", isMarkedDead: parts[2].string == "1",
                entriesHeld: Int(clamping: parts[3].integer ?? 0), stillness: .milliseconds(parts[4].integer ?? 0))
        }
    }

    /// A reaper that begins to watch later goes on from here, or nobody would notice a death while no reaper lives for a whole lease.
    package func noteStillness(_ seen: Observation, _ stillness: Duration) async throws(RedisError) {
        _ = try await run(
            Scripts.silence, keys: [keys.worker(seen.worker)],
            arguments: [.string(seen.beat), .integer(Int64(stillness / .milliseconds(1)))])
    }

    /// False: it beat again since it was observed.
    package func markDead(_ seen: Observation) async throws(RedisError) -> Bool {
        let reply = try await run(
            Scripts.reclaim, keys: [keys.worker(seen.worker)], arguments: [.string(seen.beat), .integer(3_600_000)])
        return reply.integer == 1
    }

    package func held(by worker: String, on streams: [String], limit: Int64 = 100) async throws(RedisError) -> [HeldEntry] {
        let reply = try await run(
            Scripts.held, keys: [keys.worker(worker)] + streams, arguments: [.string(worker), .integer(limit)])
        guard let rows = reply.array else { throw unexpected(Scripts.held, reply) }
        return rows.compactMap { row in
            guard let parts = row.array, parts.count == 9, let stream = parts[0].string, let entry = parts[1].string else { return nil }
            return HeldEntry(
                stream: stream, entry: entry, jobID: parts[2].string.flatMap(JobID.init), state: parts[3].string.flatMap(JobState.init),
                attempt: parts[4].string.flatMap { Int($0) } ?? 0, lease: parts[5].string ?? "", isRecorded: parts[6].string == "1",
                crashes: parts[7].string.flatMap { Int($0) } ?? 0, fields: parts[8].fields ?? [:])
        }
    }

    /// Gives an entry back: a dead worker's running job goes to the suspects, a suspect stays one, everything else goes in front of its queue.
    package func release(
        _ held: HeldEntry, of worker: String, crashed: Bool, addCrash: Bool = false
    ) async throws(RedisError) -> Released {
        let base = queueName(of: held.stream)
        let isSuspect = crashed && held.isRunning(under: worker) || held.stream == keys.stream(base, .suspect)
        let event = JobEvent(.reclaimed, ["attempt": .integer(Int64(held.attempt)), "status": "queued", "worker": .string(worker)])
        let job = held.jobID.map(keys.job) ?? keys.prefix + "job:"
        let reply = try await run(
            Scripts.release, keys: [job, held.stream],
            arguments: [
                .string(worker), .string(held.entry), .string(held.jobID?.description ?? ""), crashed ? "crashed" : "handed-back",
                addCrash ? 1 : 0, isSuspect ? "suspect" : "urgent", .string(event.unnumbered),
            ])
        switch reply.integer {
        case 1: return .released
        case 0: return .notHeld
        case 2: return .foreign
        default: throw unexpected(Scripts.release, reply)
        }
    }

    /// Removes a worker that holds nothing; false when it still holds entries.
    package func remove(_ worker: String, streams: [String], isDead: Bool) async throws(RedisError) -> Bool {
        let reply = try await run(
            Scripts.leave, keys: [keys.worker(worker), keys.workers] + streams, arguments: [.string(worker), isDead ? "dead" : "left"])
        return reply.integer == 1
    }

    /// How many suspects of these queues wait, those of paused queues not counted, and how many run. One that was cancelled counts until somebody
    /// comes for it.
    package func suspects(_ queues: [String]) async throws(RedisError) -> (waiting: Int, running: Int) {
        let all = try await waitingAndHeld(queues.map { keys.stream($0, .suspect) })
        guard all.waiting > 0 else { return (0, all.held) }
        let paused = try await pausedQueues()
        guard queues.contains(where: paused.contains) else { return (all.waiting, all.held) }
        let waiting = try await waitingAndHeld(queues.filter { !paused.contains($0) }.map { keys.stream($0, .suspect) }).waiting
        return (waiting, all.held)
    }

    /// `<prefix><queue>_jobs[:level]` back to the queue.
    package func queueName(of stream: String) -> String {
        let bare = stream.dropFirst(keys.prefix.count)
        let base =
            StreamLevel.allCases.first { bare.hasSuffix("_jobs:\($0.rawValue)") }.map { bare.dropLast($0.rawValue.count + 1) } ?? bare
        return String(base.dropLast("_jobs".count))
    }
}
