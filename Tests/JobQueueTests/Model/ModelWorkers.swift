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
        let isForeign = held.fields["source_type"] != nil
        let isCurrent = try await isAt(held.stream, held.entry, redis.command(["HGETALL", .string(job)]).fields)
        let reply = try await queue.release(held, of: name, crashed: crashed)
        try require(reply == (isForeign ? .foreign : .released), "releasing an entry that \(name) holds answered \(reply)")
        if isForeign { try await queue.discard(stream: held.stream, entry: held.entry) }
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

    func names(_ ids: [JobID]) -> String {
        "[" + ids.map { id in jobs[id].map { "j\($0.number)" } ?? "?" }.joined(separator: " ") + "]"
    }
}
