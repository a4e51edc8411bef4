import JobModel
import JobQueue
import RedisWire

/// What workers take, by all the ways there are: reads of the script, entries that were delivered before, a read beside the script.
extension ModelWorld {
    func claim(_ index: Int, _ count: Int, lowestFirst: Int = 0, _ levels: [StreamLevel], isHeard: Bool = true) async throws {
        let streams = queue.keys.streams([ModelWorld.queueName], levels)
        try await claim(index, ClaimRequest(streams, count: count, lowestFirst: lowestFirst), isHeard: isHeard)
    }

    func claimDelivered(_ index: Int) async throws {
        guard let delivered = workers[index].delivered.last else { return }
        var request = ClaimRequest([delivered.stream])
        request.delivered = [delivered]
        try await claim(index, request)
    }

    func claimBeside(_ index: Int, _ count: Int, lowestFirst: Int, _ aside: StreamLevel?, again: Bool) async throws {
        let worker = workers[index]
        var request = ClaimRequest(queue.keys.streams([ModelWorld.queueName]), count: count, lowestFirst: lowestFirst)
        let entries = again ? worker.everDelivered : worker.delivered
        request.delivered = entries.filter { $0.stream == entries.last?.stream }
        request.aside = aside.map { (queue.keys.stream(ModelWorld.queueName, $0), 3) }
        try await claim(index, request)
    }

    private func claim(_ index: Int, _ request: ClaimRequest, isHeard: Bool = true) async throws {
        let before = try await ModelSnapshot.read(redis)
        let answer = try await queue.ask(request, for: workers[index].name)
        if isHeard {
            workers[index].delivered.removeAll { request.delivered.contains($0) }
            workers[index].delivered += answer.delivered
            workers[index].everDelivered += answer.delivered
        }
        let reply = try queue.read(answer, of: request, for: workers[index].name)
        guard let claimed = try claimed(in: reply, to: index) else { return }
        let count = claimed.claims.count + claimed.foreign.count
        try require(count <= request.count + request.delivered.count, "a claim brought \(count)")
        if !isDisturbed, !hasTurns { try checkOrder(claimed, answer.delivered, request, index, before) }
        if !isDisturbed, hasTurns, count == 0, request.count > 0, request.delivered.isEmpty, request.aside == nil {
            let free = request.streams.flatMap { claimable(before, $0) }
            try require(isPaused || free.isEmpty, "a claim brought nothing, \(names(free)) could run")
        }
        for claim in claimed.claims { try take(claim, by: index, isHeard: isHeard, from: before) }
        for foreign in claimed.foreign where isHeard { try await adopt(foreign, by: index) }
    }

    /// Without limits and keys: what was delivered, then from the last stream up, then from the first one down, each in its order. The read
    /// aside gets what comes first on its stream.
    private func checkOrder(
        _ claimed: Claimed, _ aside: [DeliveredEntry], _ request: ClaimRequest, _ index: Int, _ before: ModelSnapshot
    ) throws {
        let handed = request.delivered.filter { isPending($0, for: workers[index].name, before) && isWanted($0.stream, $0.entry, before) }
        let levels = request.streams.map { $0 == request.aside?.stream ? [] : unread(before, $0).filter { isWanted($0, before) } }
        let lowest = levels.reversed().joined().prefix(request.lowestFirst)
        let above = zip(request.streams, levels).prefix { $0.0 != request.aside?.stream }.flatMap(\.1)
        let rest = above.filter { !lowest.contains($0) }.prefix(request.count - lowest.count)
        let expected = isPaused ? [] : handed.map { Place($0.stream, $0.entry) } + lowest + rest
        let (foreign, ours) = (expected.filter { isForeign($0, before) }, expected.filter { !isForeign($0, before) })
        let brought = claimed.claims.map { Place($0.stream, $0.entry) }
        try require(brought == ours, "a claim brought \(names(claimed.claims.map(\.job.id))), should bring \(names(ours, before))")
        try require(claimed.foreign.map { Place($0.stream, $0.entry) } == foreign, "a claim brought other programs' entries \(foreign)")
        guard let asked = request.aside, !isPaused else { return }
        let first = before.pending[asked.stream] == nil ? [] : unread(before, asked.stream).prefix(asked.count)
        try require(aside.map { Place($0.stream, $0.entry) } == Array(first), "\(aside.map(\.entry)) were read aside, should be \(first)")
    }

    private struct Place: Hashable {
        let stream: String
        let entry: String

        init(_ stream: String, _ entry: String) {
            self.stream = stream
            self.entry = entry
        }
    }

    private func unread(_ snapshot: ModelSnapshot, _ stream: String) -> [Place] {
        (snapshot.streams[stream] ?? []).filter { snapshot.pending[stream]?[$0.id] == nil }.map { Place(stream, $0.id) }
    }

    private func entry(_ place: Place, _ snapshot: ModelSnapshot) -> ModelSnapshot.Entry? {
        snapshot.streams[place.stream]?.first { $0.id == place.entry }
    }

    private func isForeign(_ place: Place, _ snapshot: ModelSnapshot) -> Bool {
        entry(place, snapshot)?.isForeign == true
    }

    private func isPending(_ delivered: DeliveredEntry, for name: String, _ snapshot: ModelSnapshot) -> Bool {
        snapshot.pending[delivered.stream]?[delivered.entry] == name
    }

    private func isWanted(_ stream: String, _ entry: String, _ snapshot: ModelSnapshot) -> Bool {
        isWanted(Place(stream, entry), snapshot)
    }

    /// Whether a claim brings something for the entry: a queued job that names it, or something to adopt.
    private func isWanted(_ place: Place, _ snapshot: ModelSnapshot) -> Bool {
        guard let entry = entry(place, snapshot) else { return false }
        guard let id = JobID(entry.job), jobs[id]?.state == .queued else { return entry.isForeign }
        return isAt(place.stream, place.entry, snapshot.hashes[queue.keys.job(id)])
    }

    private func claimed(in reply: ClaimReply, to index: Int) throws -> Claimed? {
        let worker = workers[index]
        switch reply {
        case .dead: try require(worker.isMarkedDead, "\(worker.name) was told it is dead")
        case .unregistered: try require(!worker.isRegistered && !worker.isMarkedDead, "\(worker.name) was told it is unregistered")
        case .claimed(let claimed):
            try require(worker.isRegistered && !worker.isMarkedDead, "\(worker.name) could claim")
            try require(claimed.paused.isEmpty == !isPaused, "a claim was told that \(claimed.paused) are paused")
            try require(claimed.claims.isEmpty || !isPaused, "a claim brought a job of a paused queue")
            return claimed
        }
        return nil
    }

    private func take(_ claim: Claim, by index: Int, isHeard: Bool, from before: ModelSnapshot) throws {
        let name = workers[index].name
        guard var job = jobs[claim.job.id] else { throw ModelViolation(description: "a claim brought a job that nobody enqueued") }
        try require(job.state == .queued, "j\(job.number) was claimed while it was \(job.state)")
        try require(claim.attempt == job.attempt + 1, "j\(job.number) was claimed as attempt \(claim.attempt) after \(job.attempt)")
        let holder = before.pending[claim.stream]?[claim.entry]
        try require(
            isDisturbed || holder == nil || holder == name, "j\(job.number) was claimed by \(name), its entry was \(holder ?? "")'s")
        try checkContent(of: claim.job, job)
        job.attempt = claim.attempt
        job.state = .processing
        job.lease = "\(name):\(claim.attempt)"
        if job.options.unique == .whileQueued { freeUniqueKey(job.id) }
        jobs[job.id] = job
        guard isHeard else { return }
        claims[job.number, default: []].append(claim)
        workers[index].running.insert(job.id)
    }

    /// What a handler is given, wherever it was read from.
    private func checkContent(of found: Job, _ job: ModelJob) throws {
        try require(found.input == ModelWorld.input(of: job.number), "j\(job.number) was claimed with another input")
        try require(found.priority == job.priority, "j\(job.number) was claimed as \(found.priority), it is \(job.priority)")
        try require(found.subject == (job.hasSubject ? "s" : nil), "j\(job.number) was claimed with subject \(found.subject ?? "none")")
        try require(found.queue == ModelWorld.queueName && found.state == .processing, "j\(job.number) was claimed as \(found)")
    }

    /// Waits as an idle worker does, where there is something to be handed.
    func deliver(_ index: Int) async throws {
        guard workers[index].delivered.isEmpty, !workers[index].isMarkedDead, !isPaused else { return }
        let streams = queue.keys.streams([ModelWorld.queueName])
        let before = try await ModelSnapshot.read(redis)
        guard streams.contains(where: { !unread(before, $0).isEmpty }) else { return }
        try await waiter.createGroups(streams)
        workers[index].delivered = try await waiter.wait(as: workers[index].name, on: streams)
        workers[index].everDelivered += workers[index].delivered
    }

    func addForeign(_ level: StreamLevel) async throws {
        _ = try await redis.command([
            "XADD", .string(queue.keys.stream(ModelWorld.queueName, level)), "*", "job_id", "theirs", "source_type", "html", "source_uri",
            "http://h/",
        ])
    }

    /// As far as the queue is concerned: the job that it becomes is not one of the model's.
    private func adopt(_ foreign: ForeignEntry, by index: Int) async throws {
        let holder = try await ModelSnapshot.read(redis).pending[foreign.stream]?[foreign.entry]
        try require(
            holder == workers[index].name, "an entry of another program was given to \(workers[index].name), it is \(holder ?? "nobody")'s")
        try await queue.discard(stream: foreign.stream, entry: foreign.entry)
    }

    private func names(_ places: [Place], _ snapshot: ModelSnapshot) -> String {
        names(places.compactMap { JobID(entry($0, snapshot)?.job ?? "") })
    }
}
