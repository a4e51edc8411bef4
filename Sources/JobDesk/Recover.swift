internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// Deaths of a one-slot process with a job in it that make the job a dead letter.
    package static let poisonousCrashes = 3

    /// Recovers everything a dead worker held: its attempts are fenced in SQL, then its entries are released. Every stage can be repeated
    /// by anybody; returns how many entries were given back. Cost: by what the worker held, not by what there is.
    package func recover(_ worker: String, streams: [String]) async throws(DeskError) -> Int {
        let wasForSuspects = try await asking(redis: { () throws(RedisError) in try await queue.wasForSuspects(worker) })
        var released = 0
        var before: [HeldEntry] = []
        while true {
            let held = try await asking(redis: { () throws(RedisError) in try await queue.held(by: worker, on: streams) })
            // What no round can give back (a hash that cannot be read) waits for the next look at the worker: nobody asks in a circle.
            if held.isEmpty || held == before { break }
            before = held
            let running = held.filter { $0.isRecorded && $0.isRunning(under: worker) }
            let attempts = running.compactMap { entry in entry.jobID.map { ($0, entry.attempt) } }
            if !attempts.isEmpty { try await asking(postgres: { () throws(PostgresError) in try await ledger.fence(attempts) }) }
            // Our own jobs first: an entry of another program may be slow to adopt, or impossible.
            var foreign: [ForeignEntry] = []
            for entry in held {
                switch try await giveBack(entry, of: worker, wasForSuspects: wasForSuspects) {
                case .released: released += 1
                case .foreign: foreign.append(entry.asForeign)
                case .notHeld: break
                }
            }
            for entry in foreign { try await adopt(entry) }
        }
        _ = try await asking(redis: { () throws(RedisError) in try await queue.remove(worker, streams: streams, isDead: true) })
        return released
    }

    private func giveBack(_ entry: HeldEntry, of worker: String, wasForSuspects: Bool) async throws(DeskError) -> Released {
        let isCrash = wasForSuspects && entry.isRunning(under: worker)
        if isCrash, entry.crashes + 1 >= JobDesk.poisonousCrashes, let id = entry.jobID {
            try await bury(entry, id: id, worker: worker)
            return .notHeld
        }
        return try await asking(redis: { () throws(RedisError) in
            try await queue.release(entry, of: worker, crashed: true, addCrash: isCrash)
        })
    }

    /// The job kills every process it runs in: a dead letter, in SQL first.
    private func bury(_ entry: HeldEntry, id: JobID, worker: String) async throws(DeskError) {
        let failure = JobFailure.permanent(
            "The worker process died \(JobDesk.poisonousCrashes) times while it ran this job alone", type: "poisoned")
        guard let job = try await asking(redis: { () throws(RedisError) in try await queue.job(id) }) else { return }
        let claim = Claim(job: job, attempt: entry.attempt, worker: worker, stream: entry.stream, entry: entry.entry)
        var mayHaveChildren = false
        if job.isRecorded {
            let recorded = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.endUnclaimed(id, as: .failed(failure), at: .now, by: worker)
            })
            // It had ended before its process died: Redis must say what the row says.
            if case .refused(let row) = recorded { return try await follow(row, claim) }
            mayHaveChildren = recorded == .recordedInFlow
        }
        _ = try await asking(redis: { () throws(RedisError) in try await queue.settle(claim, as: .failed(failure)) })
        if mayHaveChildren { await releaseChildren(of: id) }
    }

    /// Hands back, uncharged, what Redis says this worker holds but it does not know of: the reply of a claim can be lost.
    package func handBackUnknown(of worker: String, streams: [String], running: Set<JobID>) async throws(DeskError) -> Int {
        var released = 0
        var foreign: [ForeignEntry] = []
        for entry in try await asking(redis: { () throws(RedisError) in try await queue.held(by: worker, on: streams, limit: 1000) }) {
            if let id = entry.jobID, running.contains(id) { continue }
            if entry.isRecorded, entry.isRunning(under: worker), let id = entry.jobID {
                try await asking(postgres: { () throws(PostgresError) in try await ledger.fence([(id, entry.attempt)]) })
            }
            let reply = try await asking(redis: { () throws(RedisError) in try await queue.release(entry, of: worker, crashed: false) })
            if reply == .foreign { foreign.append(entry.asForeign) }
            released += 1
        }
        for entry in foreign { try await adopt(entry) }
        return released
    }
}
