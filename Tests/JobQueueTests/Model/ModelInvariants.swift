import JobModel
import JobQueue
import RedisWire

/// What must hold of Redis after every operation; where a script was cut or a key was lost, again after the next sweep.
extension ModelWorld {
    @discardableResult
    func check() async throws -> ModelSnapshot {
        let snapshot = try await ModelSnapshot.read(redis)
        for job in jobs.values { try checkHash(job, snapshot) }
        for job in jobs.values { try checkMark(job, snapshot) }
        guard !isDisturbed else { return snapshot }
        for job in jobs.values { try checkPlace(job, snapshot) }
        for job in jobs.values { try checkLifetime(job, snapshot) }
        try checkLists(snapshot)
        try checkLimits(snapshot)
        if !wasDisturbed {
            try checkEntries(snapshot)
            try checkUniqueness(snapshot)
            for job in jobs.values { try checkEvents(job, snapshot) }
            try checkCounters(snapshot)
        }
        return snapshot
    }

    private func checkHash(_ job: ModelJob, _ snapshot: ModelSnapshot) throws {
        let hash = snapshot.hashes[queue.keys.job(job.id)]
        guard let found = ModelJob(id: job.id, number: job.number, priority: job.priority, options: job.options, hash: hash) else {
            throw ModelViolation(description: "j\(job.number) has no hash")
        }
        let differences = job.differences(from: found)
        try require(differences.isEmpty, "j\(job.number) \(differences)")
    }

    /// The mark stands in front of a place if and only if a claim needs nothing but the entry there: the job waits, never ran, has no more to it,
    /// and the entry has its content.
    private func checkMark(_ job: ModelJob, _ snapshot: ModelSnapshot) throws {
        let hash = snapshot.hashes[queue.keys.job(job.id)] ?? [:]
        let place = hash["entry"] ?? ""
        let isPlain = job.state == .queued && hash["more"] == nil && hash["attempt"] == nil && (hash["lease"] ?? "").isEmpty
        let entry = entryPlace(place).flatMap { (stream, id) in snapshot.streams[stream]?.first { $0.id == id } }
        let content = "\(hash["policy"] ?? "") \(hash["input"] ?? "")"
        let carries = ["job_id", "kind"].allSatisfy { entry?.fields[$0] == hash[$0] } && entry?.fields["job"] == content
        if place.hasPrefix("+") {
            try require(isPlain, "j\(job.number) is marked at \(place), and is \(hash)")
            try require(carries || isDisturbed, "j\(job.number) is marked, its entry says \(entry?.fields ?? [:])")
        } else {
            try require(!isPlain || !carries, "j\(job.number) waits with its content at \(place) and is not marked")
        }
    }

    /// A live job can be reached in exactly one way.
    private func checkPlace(_ job: ModelJob, _ snapshot: ModelSnapshot) throws {
        let hash = snapshot.hashes[queue.keys.job(job.id)] ?? [:]
        let place = hash["entry"] ?? ""
        let isScheduled = snapshot.sortedSets[queue.keys.scheduled]?[job.id.description] != nil
        // After a cut a name may stay on the schedule: when it comes up, it is taken off.
        let isExpected = isScheduled == (job.state == .scheduled) || isScheduled && wasDisturbed
        try require(isExpected, "j\(job.number) is \(job.state), on the schedule: \(isScheduled)")
        if job.state == .queued { try checkQueued(job, at: place, snapshot) }
        if job.state == .processing { try checkHolder(job, at: place, snapshot) }
    }

    /// Recovery begins at the entry: it is pending for the worker that runs the job. Where its group was lost it may be unread.
    private func checkHolder(_ job: ModelJob, at place: String, _ snapshot: ModelSnapshot) throws {
        let worker = String((job.lease ?? "").split(separator: ":").first ?? "")
        let entry = entryPlace(place)
        let holder = entry.flatMap { snapshot.pending[$0.stream]?[$0.entry] }
        let isUnread = holder == nil && entry.map { entry in snapshot.streams[entry.stream]?.contains { $0.id == entry.entry } } == true
        try require(
            holder == worker || wasDisturbed && isUnread,
            "j\(job.number) runs on \(worker), but its entry is pending for \(holder ?? "nobody")")
    }

    private func checkQueued(_ job: ModelJob, at place: String, _ snapshot: ModelSnapshot) throws {
        let id = job.id.description
        let parts = place.split(separator: ":", maxSplits: 1).map(String.init)
        if parts.first == "lane" {
            let level = parts.count == 2 ? StreamLevel(rawValue: parts[1]) : .medium
            let stream = queue.keys.stream(ModelWorld.queueName, level ?? .medium)
            let lane = queue.keys.lane(stream, job.options.concurrencyKey ?? "")
            try require(snapshot.sortedSets[lane]?[id] != nil, "j\(job.number) should wait in \(lane)")
        } else if parts.first == "parked", parts.count == 2 {
            try require(snapshot.sortedSets[queue.keys.parked(parts[1])]?[id] != nil, "j\(job.number) should wait behind \(parts[1])")
        } else {
            let found = entryPlace(place).map { (stream, entry) in
                (snapshot.streams[stream] ?? []).filter { $0.id == entry && $0.job == id }
            }
            try require(found?.count == 1, "j\(job.number) is queued without its entry")
        }
    }

    /// Every entry is another program's, or has a live job, or one that was cancelled or put to sleep before anybody read it. Tickets of concurrency keys may be
    /// too many.
    private func checkEntries(_ snapshot: ModelSnapshot) throws {
        for (stream, entries) in snapshot.streams {
            for entry in entries where !entry.isForeign {
                guard let id = JobID(entry.job), let job = jobs[id] else {
                    throw ModelViolation(description: "an entry of \(stream) belongs to no job")
                }
                let isCurrent = isAt(stream, entry.id, snapshot.hashes[queue.keys.job(id)])
                let isWanted = isCurrent && (job.state == .queued || job.state == .processing)
                let isSkipped = job.wasCancelled || job.wasPutToSleep || job.options.concurrencyKey != nil
                try require(isWanted || isSkipped, "\(stream) keeps an entry of j\(job.number), which is \(job.state)")
            }
        }
    }

    /// Who holds permits, and whether somebody waits though there is room.
    private func checkLimits(_ snapshot: ModelSnapshot) throws {
        for (key, members) in snapshot.sortedSets where key.hasPrefix("limit:") {
            let name = String(key.dropFirst("limit:".count))
            for member in members.keys {
                let hash = snapshot.hashes["job:" + member] ?? [:]
                let isHeld = (hash["permits"] ?? "").split(separator: " ").contains { $0 == name }
                let isLive = hash["status"] == "processing" || hash["status"] == "queued"
                try require(isHeld && isLive, "\(name) has a permit out that nobody holds")
            }
        }
        for job in jobs.values {
            for name in (snapshot.hashes[queue.keys.job(job.id)]?["permits"] ?? "").split(separator: " ") where !job.state.isTerminal {
                let isOut = snapshot.sortedSets[queue.keys.permits(String(name))]?[job.id.description] != nil
                try require(isOut, "j\(job.number) believes to hold a permit of \(name)")
            }
            for limit in limits(of: job) where limit.name.hasPrefix("key:") { try checkLanes(limit, snapshot) }
        }
        for (key, fields) in snapshot.hashes where key.hasPrefix("rate:") {
            try require((fields["tokens"].flatMap(Double.init) ?? 0) >= 0, "\(key) let more start than its rate")
        }
        for (key, members) in snapshot.sortedSets where key.hasPrefix("parked:") {
            try checkPlace(String(key.dropFirst("parked:".count)), members.count, snapshot)
        }
    }

    /// Parked jobs wait for a limit that has no room or for the end of a pause; both limits know of them, and one of them is looked at again.
    private func checkPlace(_ place: String, _ count: Int, _ snapshot: ModelSnapshot) throws {
        let names = ["queue:\(ModelWorld.queueName)", "kind:\(place.split(separator: ":").last ?? "")"]
        let hasRoom = names.allSatisfy { name in limit(named: name).map { room((name, $0), snapshot) > 0 } ?? true }
        try require(!hasRoom || isPaused, "\(count) jobs are parked at \(place), whose limits have room")
        for name in names {
            try require(snapshot.sets[queue.keys.behind(name)]?.contains(place) == true, "\(name) does not know of \(place)")
        }
        let isListed = names.contains { snapshot.sortedSets[queue.keys.parked]?[$0] != nil }
        try require(isListed, "nobody looks again at \(place)")
    }

    private func checkLanes(_ limit: (name: String, most: Int), _ snapshot: ModelSnapshot) throws {
        let key = String(limit.name.dropFirst("key:".count))
        let queueLimit = "queue:\(ModelWorld.queueName)"
        for stream in streams {
            let level = place(stream, "").dropLast()
            if snapshot.sets[queue.keys.behind(queueLimit)]?.contains(" \(level)") == true {
                let hasRoom = limits.queue.map { room((queueLimit, $0), snapshot) > 0 } ?? true
                try require(!hasRoom || isPaused, "the lanes of \(stream) wait for their queue, which has room")
                let isListed = snapshot.sortedSets[queue.keys.parked]?[queueLimit] != nil
                try require(isListed, "nobody looks again at the lanes of \(stream)")
                continue
            }
            let lane = (snapshot.sortedSets[queue.keys.lane(stream, key)] ?? [:]).keys
            let waiting = lane.filter { isWaiting($0, in: stream, snapshot) }.count
            let mayRun = min(waiting, max(0, room(limit, snapshot)))
            // After a cut the next claim throws the tickets away, and then the repair wakes the key.
            guard mayRun > 0, !wasDisturbed else { continue }
            try require(snapshot.sortedSets[queue.keys.turns(stream)]?[key] != nil, "\(key) has room on \(stream), and no turn")
            let tickets = (snapshot.streams[stream] ?? []).filter { isTicket($0, stream, snapshot) }.count
            try require(tickets >= mayRun, "\(mayRun) jobs of \(key) may run on \(stream), there are \(tickets) tickets")
        }
    }

    /// A cut leaves names in lanes that wait elsewhere, or not at all: whoever comes upon them takes them out.
    private func isWaiting(_ member: String, in stream: String, _ snapshot: ModelSnapshot) -> Bool {
        let hash = snapshot.hashes["job:" + member] ?? [:]
        let level = place(stream, "").dropLast()
        return hash["status"] == "queued" && hash["entry"] == "lane:\(level)"
    }

    /// Unread, or handed out and not claimed yet.
    private func isTicket(_ entry: ModelSnapshot.Entry, _ stream: String, _ snapshot: ModelSnapshot) -> Bool {
        !jobs.values.contains { job in
            job.state == .processing && isAt(stream, entry.id, snapshot.hashes[queue.keys.job(job.id)])
        }
    }

    private func checkUniqueness(_ snapshot: ModelSnapshot) throws {
        let holder = snapshot.strings[queue.keys.unique("k", ModelOptions.uniqueKey)]
        try require(holder == uniqueHolder?.description, "the unique key is held by \(holder ?? "nobody")")
    }

    private func checkLists(_ snapshot: ModelSnapshot) throws {
        let active = Set((snapshot.sortedSets[queue.keys.active] ?? [:]).keys)
        let live = Set(jobs.values.filter { !$0.state.isTerminal }.map(\.id.description))
        try require(active == live, "\(active.count) jobs are listed as live, \(live.count) are")
        let dead = Set((snapshot.sortedSets[queue.keys.dead] ?? [:]).keys)
        let failed = Set(jobs.values.filter { $0.state == .failed }.map(\.id.description))
        try require(dead == failed, "\(dead.count) dead letters are listed, \(failed.count) jobs failed")
    }

    private func checkLifetime(_ job: ModelJob, _ snapshot: ModelSnapshot) throws {
        for key in [queue.keys.job(job.id), queue.keys.log(job.id), queue.keys.steps(job.id)] {
            guard let left = snapshot.timeToLive[key] else { continue }
            let isEnding = left > 0 && left <= queue.retentionMilliseconds
            try require(isEnding == job.state.isTerminal, "j\(job.number) is \(job.state), and \(key) has \(left) ms left")
        }
    }

    /// Numbered from 1 without gaps; the hash knows the last number.
    private func checkEvents(_ job: ModelJob, _ snapshot: ModelSnapshot) throws {
        let hash = snapshot.hashes[queue.keys.job(job.id)] ?? [:]
        let kept = (snapshot.lists[queue.keys.log(job.id)] ?? []) + [hash["event"]].compactMap(\.self)
        var numbers = kept.compactMap { Int64($0.dropFirst("{\"seq\":".count).prefix { $0.isNumber }) }
        // Number 1 is the acceptance, and the last one of an ended job is its end: the hash tells both without an event. A plain job's lease tells
        // its start too.
        let isLeased = hash["lease"].map { !$0.isEmpty } ?? false
        if isLeased, hash["attempt"] == nil { numbers = [2] }
        let last = hash["seq"].flatMap { Int64($0) }.map { $0 + 1 } ?? (isLeased ? (job.state.isTerminal ? 3 : 2) : 1)
        let expected = last < 2 ? [] : Array(2...last)
        let isWhole = job.state.isTerminal ? numbers == expected.dropLast() : numbers == expected
        try require(isWhole, "the events of j\(job.number) are numbered \(numbers), the last one is \(last)")
    }

    private func checkCounters(_ snapshot: ModelSnapshot) throws {
        let found = (snapshot.hashes[queue.keys.stats(ModelWorld.queueName)] ?? [:]).compactMapValues { Int($0) }
        try require(found == counters, "the counters are \(found), should be \(counters)")
    }
}
