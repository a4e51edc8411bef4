import JobModel
import JobQueue
import RedisWire

/// What runs in the background of a fleet, and the end of every sequence.
extension ModelWorld {
    /// Every duty of a fleet once around, until all was looked at by everybody.
    func sweep() async throws {
        for _ in 0..<(wasDisturbed ? 2 : 1) {
            for index in workers.indices { try await handBackUnknown(index) }
            for name in dying.sorted() { try await recover(name) }
            try await recoverUnseen()
            _ = try await queue.repair()
            if isPaused { try await noteSleepers() }
            try await sweepLimits()
            _ = try await queue.promote()
            try await believe(ModelSnapshot.read(redis))
        }
        isDisturbed = false
    }

    private func sweepLimits() async throws {
        var cursor = "0"
        repeat { cursor = try await queue.sweepLimits(from: cursor).cursor } while cursor != "0"
    }

    /// Consumers that hold entries, have no hash, and are nobody's name.
    private func recoverUnseen() async throws {
        let alive = Set(workers.filter { !$0.isMarkedDead }.map(\.name))
        for seen in try await queue.observe(streams) where !alive.contains(seen.worker) && !dying.contains(seen.worker) {
            guard seen.isMarkedDead || seen.entriesHeld > 0 else { continue }
            try require(try await queue.markDead(seen), "\(seen.worker) has no process and was not marked dead")
            dying.insert(seen.worker)
            try await recover(seen.worker)
        }
    }

    /// All processes die and a new one comes: every accepted job must reach an end, and nothing may be left behind.
    func drain() async throws {
        for index in workers.indices {
            if !workers[index].isMarkedDead {
                if !workers[index].isRegistered { try await beat(index) }
                try await markDead(index, stale: false)
            }
            workers[index] = ModelWorker(name: freshName())
        }
        try await beat(0)
        if isPaused { try await apply(.resume) }
        if limits.kindRate != nil {
            // No time goes by here that would fill the bucket.
            var without = limits
            without.kindRate = nil
            try await apply(.setLimits(without))
        }
        try await sweep()
        var rounds = 0
        while try await isBusy(), rounds < 10 {
            rounds += 1
            try await sweep()
            try await everythingBecomesDue()
            try await promote()
            for job in jobs.values where job.state == .waiting { try await ready(job.number) }
            isDisturbed = wasDisturbed
            while try await runEverything() {}
        }
        try await checkEmpty()
    }

    /// Claims what there is and completes it; false when there was nothing.
    private func runEverything() async throws -> Bool {
        try await claim(0, 100, StreamLevel.allCases)
        let running = jobs.values.filter { workers[0].running.contains($0.id) }
        for job in running { try await settle(job.number, 0, .completed) }
        return !running.isEmpty
    }

    /// Something is left: a live job, an entry, or a name in a list.
    private func isBusy() async throws -> Bool {
        let snapshot = try await ModelSnapshot.read(redis)
        return [queue.keys.active, queue.keys.scheduled].contains { snapshot.sortedSets[$0]?.isEmpty == false }
            || snapshot.streams.values.contains { !$0.isEmpty } || jobs.values.contains { !$0.state.isTerminal }
    }

    private func everythingBecomesDue() async throws {
        for member in (try await ModelSnapshot.read(redis).sortedSets[queue.keys.scheduled] ?? [:]).keys {
            _ = try await redis.command(["ZADD", .string(queue.keys.scheduled), "1", .string(member)])
        }
        for id in jobs.keys where jobs[id]?.state == .scheduled { jobs[id]?.isDue = true }
    }

    private func checkEmpty() async throws {
        isDisturbed = false
        let snapshot = try await check()
        for job in jobs.values { try require(job.state.isTerminal, "j\(job.number) is \(job.state) for ever") }
        for (stream, entries) in snapshot.streams { try require(entries.isEmpty, "\(stream) keeps \(entries.count) entries for ever") }
        for (key, left) in snapshot.timeToLive where key.hasPrefix("job:") { try require(left > 0, "\(key) stays for ever") }
        for (key, members) in snapshot.sortedSets where key != queue.keys.dead {
            // A cut leaves names in lanes and keys in turns: the next turn of the key takes them out.
            if wasDisturbed, key.contains(":lane:") || key.hasSuffix(":turns") { continue }
            try require(members.isEmpty, "\(key) keeps \(members.count) members for ever")
        }
        let permitted = snapshot.sets[queue.keys.permitted] ?? []
        try require(permitted.isEmpty, "permits of \(permitted) are out for ever")
        for (key, fields) in snapshot.hashes where key.hasSuffix(":served") {
            try require(fields.isEmpty, "\(key) keeps \(fields.count) entries for ever")
        }
        let isKept = snapshot.strings.keys.contains { $0.hasPrefix("unique:") && snapshot.timeToLive[$0] == -1 }
        try require(!isKept || wasDisturbed, "a unique key is held for ever")
    }
}
