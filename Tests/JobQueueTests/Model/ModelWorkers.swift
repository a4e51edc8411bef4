import JobModel
import JobQueue
import RedisWire

/// What workers and reapers do.
extension ModelWorld {
    private func card(_ name: String) -> WorkerCard {
        WorkerCard(name: name, host: "h", processID: 1, version: "1", queues: [ModelWorld.queueName], slots: 4)
    }

    /// A worker that is told it was declared dead starts over under a new name; its old claims become those of a zombie.
    func beat(_ index: Int) async throws {
        let worker = workers[index]
        let expected: BeatReply = worker.isMarkedDead ? .dead : worker.isRegistered ? .beating : .registered
        let reply = try await queue.beat(card(worker.name), running: 0)
        try require(reply == expected, "beat of \(worker.name) answered \(reply), should answer \(expected)")
        if reply == .dead { workers[index] = ModelWorker(name: freshName()) } else { workers[index].isRegistered = true }
    }

    func claim(_ index: Int, _ count: Int, lowestFirst: Int = 0, _ levels: [StreamLevel], isHeard: Bool = true) async throws {
        let streams = queue.keys.streams([ModelWorld.queueName], levels)
        let before = try await ModelSnapshot.read(redis)
        let reply = try await queue.claim(for: workers[index].name, from: streams, count: count, lowestFirst: lowestFirst)
        guard let claims = try claims(in: reply, to: index) else { return }
        try require(claims.count <= count, "a claim of \(count) brought \(claims.count)")
        if !isDisturbed, !hasTurns { try checkOrder(claims, count, lowestFirst, streams, before) }
        if !isDisturbed, hasTurns, claims.isEmpty {
            let free = streams.flatMap { claimable(before, $0) }
            try require(isPaused || free.isEmpty, "a claim brought nothing, \(names(free)) could run")
        }
        for claim in claims { try take(claim, by: index, isHeard: isHeard, from: before) }
    }

    /// Without limits and keys: from the last stream up, then from the first one down, each in its order.
    private func checkOrder(_ claims: [Claim], _ count: Int, _ lowestFirst: Int, _ streams: [String], _ before: ModelSnapshot) throws {
        let levels = isPaused ? [] : streams.map { unread(before, $0) }
        let lowest = Array(levels.reversed().joined().prefix(min(lowestFirst, count)))
        let rest = levels.joined().filter { !lowest.contains($0) }
        let expected = lowest + rest.prefix(count - lowest.count)
        try require(claims.map(\.job.id) == expected, "a claim brought \(names(claims.map(\.job.id))), should bring \(names(expected))")
    }

    /// Queued jobs whose entry nobody was given, in the order in which they must be claimed.
    private func unread(_ snapshot: ModelSnapshot, _ stream: String) -> [JobID] {
        (snapshot.streams[stream] ?? []).compactMap { entry in
            guard let id = JobID(entry.job), jobs[id]?.state == .queued, snapshot.pending[stream]?[entry.id] == nil,
                isAt(stream, entry.id, snapshot.hashes[queue.keys.job(id)])
            else { return nil }
            return id
        }
    }

    private func claims(in reply: ClaimReply, to index: Int) throws -> [Claim]? {
        let worker = workers[index]
        switch reply {
        case .dead: try require(worker.isMarkedDead, "\(worker.name) was told it is dead")
        case .unregistered: try require(!worker.isRegistered && !worker.isMarkedDead, "\(worker.name) was told it is unregistered")
        case .claimed(let claimed):
            try require(worker.isRegistered && !worker.isMarkedDead, "\(worker.name) could claim")
            try require(claimed.paused.isEmpty == !isPaused, "a claim was told that \(claimed.paused) are paused")
            try require(claimed.claims.isEmpty || !isPaused, "a claim brought a job of a paused queue")
            try require(claimed.foreign.isEmpty, "a claim brought an entry of another program")
            return claimed.claims
        }
        return nil
    }

    private func take(_ claim: Claim, by index: Int, isHeard: Bool, from before: ModelSnapshot) throws {
        let name = workers[index].name
        guard var job = jobs[claim.job.id] else { throw ModelViolation(description: "a claim brought a job that nobody enqueued") }
        try require(job.state == .queued, "j\(job.number) was claimed while it was \(job.state)")
        try require(claim.attempt == job.attempt + 1, "j\(job.number) was claimed as attempt \(claim.attempt) after \(job.attempt)")
        job.attempt = claim.attempt
        job.state = .processing
        job.lease = "\(name):\(claim.attempt)"
        if job.options.unique == .whileQueued { freeUniqueKey(job.id) }
        jobs[job.id] = job
        guard isHeard else { return }
        claims[job.number, default: []].append(claim)
        workers[index].running.insert(job.id)
    }

    /// Waits as an idle worker does, where there is something to be handed.
    func deliver(_ index: Int) async throws {
        guard workers[index].delivered.isEmpty, !workers[index].isMarkedDead, !isPaused else { return }
        let streams = queue.keys.streams([ModelWorld.queueName])
        let before = try await ModelSnapshot.read(redis)
        let isThere = streams.contains { stream in
            (before.streams[stream] ?? []).contains { before.pending[stream]?[$0.id] == nil }
        }
        guard isThere else { return }
        try await waiter.createGroups(streams)
        workers[index].delivered = try await waiter.wait(as: workers[index].name, on: streams)
    }

    func claimDelivered(_ index: Int) async throws {
        guard let delivered = workers[index].delivered.popLast() else { return }
        let before = try await ModelSnapshot.read(redis)
        guard let pending = before.pending[delivered.stream], !pending.isEmpty else { return }
        let reply = try await queue.claim(delivered, for: workers[index].name)
        guard let claims = try claims(in: reply, to: index) else { return }
        let isMine = pending[delivered.entry] == workers[index].name
        try require(claims.isEmpty || isMine, "an entry that is not \(workers[index].name)'s was claimed")
        for claim in claims { try take(claim, by: index, isHeard: true, from: before) }
    }

    func markDead(_ index: Int, stale: Bool) async throws {
        let worker = workers[index]
        guard let seen = try await queue.observe(streams).first(where: { $0.worker == worker.name }) else { return }
        try require(seen.isMarkedDead == worker.isMarkedDead, "\(worker.name) is seen as \(seen.isMarkedDead ? "dead" : "alive")")
        let beatsAgain = stale && !worker.isMarkedDead
        if beatsAgain { try await beat(index) }
        let reply = try await queue.markDead(seen)
        try require(reply == !beatsAgain, "marking \(worker.name) dead answered \(reply)")
        if reply {
            workers[index].isMarkedDead = true
            dying.insert(worker.name)
        }
    }

    func recover(_ name: String) async throws {
        guard dying.contains(name) else { return }
        while try await releaseOne(name) {}
        let removed = try await queue.remove(name, streams: streams, isDead: true)
        try require(removed, "\(name) holds entries after all were released")
        dying.remove(name)
    }

    /// Whether there was one.
    @discardableResult
    func releaseOne(_ name: String) async throws -> Bool {
        guard dying.contains(name) else { return false }
        guard let held = try await queue.held(by: name, on: streams).first else { return false }
        try await release(held, of: name, crashed: true)
        return true
    }

    private func release(_ held: HeldEntry, of name: String, crashed: Bool) async throws {
        let job = queue.keys.job(held.jobID ?? JobID())
        let isCurrent = try await isAt(held.stream, held.entry, redis.command(["HGETALL", .string(job)]).fields)
        let reply = try await queue.release(held, of: name, crashed: crashed)
        try require(reply == .released, "releasing an entry that \(name) holds answered \(reply)")
        guard isCurrent, let id = held.jobID, let job = jobs[id], job.isHeld(by: name) else { return }
        jobs[id]?.state = .queued
        jobs[id]?.lease = nil
        jobs[id]?.uncharged += 1
        counters["reclaimed", default: 0] += 1
    }

    /// A live worker gives back what it holds without knowing it: a claim's reply was lost.
    func handBackUnknown(_ index: Int) async throws {
        let worker = workers[index]
        guard !worker.isMarkedDead else { return }
        for held in try await queue.held(by: worker.name, on: streams) where held.jobID.map(worker.running.contains) != true {
            try await release(held, of: worker.name, crashed: false)
        }
        workers[index].delivered = []
    }

    func leave(_ index: Int) async throws {
        let worker = workers[index]
        guard worker.isRegistered, !worker.isMarkedDead else { return }
        let holds = try await ModelSnapshot.read(redis).pending.values.contains { $0.values.contains(worker.name) }
        let reply = try await queue.remove(worker.name, streams: streams, isDead: false)
        try require(reply == !holds, "\(worker.name) left: \(reply), though it holds entries: \(holds)")
        if reply { workers[index] = ModelWorker(name: freshName()) }
    }

    func loseWorkerHash(_ index: Int) async throws {
        guard !workers[index].isMarkedDead else { return }
        _ = try await redis.command(["DEL", .string(queue.keys.worker(workers[index].name))])
        workers[index].isRegistered = false
    }

    func loseGroup(_ level: StreamLevel) async throws {
        disturb()
        _ = try? await redis.command(["XGROUP", "DESTROY", .string(queue.keys.stream(ModelWorld.queueName, level)), "workers"])
    }

    private func names(_ ids: [JobID]) -> String {
        "[" + ids.map { id in jobs[id].map { "j\($0.number)" } ?? "?" }.joined(separator: " ") + "]"
    }
}
