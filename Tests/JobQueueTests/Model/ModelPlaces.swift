import JobModel
import JobQueue

/// Where jobs wait, read from what Redis holds: entries, lanes of concurrency keys, behind limits.
extension ModelWorld {
    /// As the field `entry` has it, without the mark of a plain job that waits.
    func place(_ stream: String, _ entry: String) -> String {
        let level = StreamLevel.allCases.first { queue.keys.stream(ModelWorld.queueName, $0) == stream } ?? .medium
        return level == .medium ? entry : "\(level.rawValue):\(entry)"
    }

    /// The stream entry that a place names; nil for a lane, behind a limit, and nowhere.
    func entryPlace(_ place: String) -> (stream: String, entry: String)? {
        Keys.entry(at: place).map { (queue.keys.stream(ModelWorld.queueName, $0.level), $0.entry) }
    }

    /// Whether a job's hash names this stream entry, with the mark of a plain job that waits or without.
    func isAt(_ stream: String, _ entry: String, _ hash: [String: String]?) -> Bool {
        guard let found = entryPlace(hash?["entry"] ?? "") else { return false }
        return found == (stream, entry)
    }

    /// The names of the limits that a job must respect, with how many may run.
    func limits(of job: ModelJob) -> [(name: String, most: Int)] {
        var found: [(String, Int)] = []
        if let most = limits.queue { found.append(("queue:\(ModelWorld.queueName)", most)) }
        if job.options.unique == nil, job.number.isMultiple(of: 2), let most = limit(named: "kind:k0") { found.append(("kind:k0", most)) }
        if let key = job.options.concurrencyKey { found.append(("key:\(key)", limits.key ?? Limit.standardKeyConcurrency)) }
        return found
    }

    /// How many may run under the limit of the queue or of a kind; nil without one.
    func limit(named name: String) -> Int? {
        name == "kind:k0"
            ? limits.kind ?? limits.kindRate.map { _ in Int.max } : name == "queue:\(ModelWorld.queueName)" ? limits.queue : nil
    }

    func room(_ limit: (name: String, most: Int), _ snapshot: ModelSnapshot) -> Int {
        let free = limit.most - (snapshot.sortedSets[queue.keys.permits(limit.name)]?.count ?? 0)
        guard limit.name == "kind:k0", let burst = limits.kindRate else { return free }
        // What a day gives in our time is less than one.
        let tokens = snapshot.hashes["rate:kind:k0"]?["tokens"].flatMap(Double.init) ?? Double(burst)
        return min(free, Int(min(Double(burst), tokens)))
    }

    /// Queued jobs of a stream that no limit keeps from running, and whose entry or ticket lies unread.
    func claimable(_ snapshot: ModelSnapshot, _ stream: String) -> [JobID] {
        let unread = (snapshot.streams[stream] ?? []).filter { snapshot.pending[stream]?[$0.id] == nil }
        return jobs.values.filter { job in
            guard job.state == .queued, let hash = snapshot.hashes[queue.keys.job(job.id)] else { return false }
            let held = Set((hash["permits"] ?? "").split(separator: " ").map(String.init))
            let isFree = limits(of: job).allSatisfy { held.contains($0.name) || room($0, snapshot) > 0 }
            let isInLane = snapshot.sortedSets[queue.keys.lane(stream, job.options.concurrencyKey ?? "")]?[job.id.description] != nil
            return isFree && (unread.contains { isAt(stream, $0.id, hash) } || isInLane && !unread.isEmpty)
        }.map(\.id)
    }
}
