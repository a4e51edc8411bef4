import JobModel
import JobQueue
import RedisWire

/// What callers and attempts do with one job.
extension ModelWorld {
    /// Jobs with the unique key are of one kind, the others of two by turns.
    private func job(_ number: Int, _ priority: JobPriority) -> Job {
        let options = options[number] ?? ModelOptions()
        let kind = options.unique == nil ? "k\(number % 2)" : "k"
        var job = Job(
            id: id(of: number), kind: kind, queue: ModelWorld.queueName, priority: priority, input: ModelWorld.input(of: number),
            isRecorded: false)
        job.concurrencyKey = options.concurrencyKey
        job.uniqueness = options.unique.map { Uniqueness(key: ModelOptions.uniqueKey, span: $0) }
        return job
    }

    /// One job's is too large to be carried by its entry.
    static func input(of number: Int) -> JSONValue {
        ["n": number == 6 ? .string(String(repeating: "n", count: 1500)) : .integer(Int64(number))]
    }

    func enqueue(_ number: Int, _ priority: JobPriority, _ due: ModelOperation.Due, _ given: ModelOptions) async throws {
        try await enqueue([number], priority, due, given)
    }

    /// Jobs of one call, none of them twice: each is answered as if it came alone, after those before it.
    func enqueue(_ numbers: [Int], _ priority: JobPriority, _ due: ModelOperation.Due, _ given: ModelOptions) async throws {
        let requests = numbers.map { request($0, priority, due, given) }
        let before = (jobs, keys, uniqueHolder, counters)
        let expected = numbers.map { accept($0, priority, due) }
        let after = (jobs, keys, uniqueHolder, counters)
        (jobs, keys, uniqueHolder, counters) = before  // a script that is cut accepts nothing
        let replies = try await queue.enqueue(requests)
        (jobs, keys, uniqueHolder, counters) = after
        try require(replies == expected, "enqueue of \(numbers) answered \(replies), should answer \(expected)")
    }

    private func request(_ number: Int, _ priority: JobPriority, _ due: ModelOperation.Due, _ given: ModelOptions) -> EnqueueRequest {
        let options = jobs[id(of: number)]?.options ?? given
        self.options[number] = options
        hasTurns = hasTurns || options.concurrencyKey != nil
        var job = job(number, priority)
        if due != .now { job.scheduledAt = Timestamp.now.advanced(byMilliseconds: due == .past ? -1000 : 3_600_000) }
        if options.waits { job.state = .waiting }
        let idempotency = options.idempotency.map { IdempotencyKey(scope: "s", key: "k\($0)", fingerprint: "f") }
        return EnqueueRequest(job, idempotency: idempotency)
    }

    private func accept(_ number: Int, _ priority: JobPriority, _ due: ModelOperation.Due) -> Enqueued {
        let id = id(of: number)
        let options = options[number] ?? ModelOptions()
        let answer = answer(to: id, options)
        guard answer == .accepted else { return answer }
        let state: JobState = options.waits ? .waiting : due == .future ? .scheduled : .queued
        jobs[id] = ModelJob(id: id, number: number, priority: priority, options: options, state: state)
        if let key = options.idempotency { keys[key] = id }
        if options.unique != nil { uniqueHolder = id }
        counters["accepted", default: 0] += 1
        return .accepted
    }

    private func answer(to id: JobID, _ options: ModelOptions) -> Enqueued {
        if let job = jobs[id] { return .exists(job.state) }
        if let before = options.idempotency.flatMap({ keys[$0] }) { return .repeated(before) }
        if options.unique != nil, let uniqueHolder, jobs[uniqueHolder].map({ holdsUniqueKey($0, for: options) }) == true {
            return .duplicate(uniqueHolder)
        }
        return .accepted
    }

    /// A window ends by itself, and not in our time.
    private func holdsUniqueKey(_ job: ModelJob, for other: ModelOptions) -> Bool {
        if job.options.isUniqueForAWindow || other.isUniqueForAWindow { return true }
        return job.options.unique == .whileQueued ? [.waiting, .scheduled, .queued].contains(job.state) : !job.state.isTerminal
    }

    func ready(_ number: Int) async throws {
        guard let id = ids[number], let before = jobs[id] else { return }
        let reply = try await queue.ready(job(number, before.priority))
        try require(reply == (before.state == .waiting), "making j\(number) ready answered \(reply) while it was \(before.state)")
        if reply { jobs[id]?.state = .queued }
    }

    func retry(_ number: Int) async throws {
        guard let id = ids[number], let before = jobs[id] else { return }
        let reply = try await queue.retry(job(number, before.priority))
        let expected = before.state == .failed || before.state == .cancelled
        try require(reply == expected, "retry of j\(number) answered \(reply) while it was \(before.state)")
        guard reply else { return }
        jobs[id]?.state = .queued
        jobs[id]?.lease = nil
        jobs[id]?.cancelRequested = false
        jobs[id]?.uncharged = before.attempt
        if before.options.unique != nil, !before.options.isUniqueForAWindow, uniqueHolder == nil { uniqueHolder = id }
        counters["retried", default: 0] += 1
    }

    func promoteOne(_ number: Int) async throws {
        let id = id(of: number)
        let before = jobs[id]?.state
        let reply = try await queue.promote(id)
        try require(reply == before, "promotion of j\(number) answered \(reply?.rawValue ?? "nothing")")
        guard before == .scheduled else { return }
        jobs[id]?.state = .queued
        jobs[id]?.isDue = false
    }

    /// A job that ended gives its unique key away.
    func freeUniqueKey(_ id: JobID) {
        if uniqueHolder == id, jobs[id]?.options.isUniqueForAWindow != true { uniqueHolder = nil }
    }

    private func claimed(_ number: Int, _ back: Int) -> Claim? {
        let known = claims[number] ?? []
        return back < known.count ? known[known.count - 1 - back] : nil
    }

    private func holds(_ claim: Claim) -> Bool {
        jobs[claim.job.id]?.state == .processing && jobs[claim.job.id]?.lease == claim.lease
    }

    func report(_ number: Int, _ back: Int) async throws {
        guard let claim = claimed(number, back), let job = jobs[claim.job.id] else { return }
        let expected: Reported = holds(claim) ? job.cancelRequested ? .cancelRequested : .told : .lost
        let reply = try await queue.report(JobEvent(.log), progress: nil, of: claim)
        try require(reply == expected, "report of j\(number) by \(claim.lease) answered \(reply), should answer \(expected)")
    }

    func storeStep(_ number: Int, _ back: Int) async throws {
        guard let claim = claimed(number, back) else { return }
        let expected: StepStored = holds(claim) ? .stored : .lost
        let reply = try await queue.storeStep("s\(back)", .integer(Int64(claim.attempt)), of: claim)
        try require(reply == expected, "step of j\(number) by \(claim.lease) answered \(reply), should answer \(expected)")
    }

    func settle(_ number: Int, _ back: Int, _ ending: ModelOperation.Ending) async throws {
        guard let claim = claimed(number, back), var job = jobs[claim.job.id] else { return }
        let held = holds(claim)
        // A lease on a job that does not run is that of the attempt which settled it.
        let expected: Settled = job.lease == claim.lease ? .settled : .lost
        let outcome = ModelWorld.outcome(ending)
        let reply = try await queue.settle(claim, as: outcome, at: Timestamp.now.advanced(byMilliseconds: -1000))
        try require(reply == expected, "settle of j\(number) by \(claim.lease) answered \(reply), should answer \(expected)")
        for index in workers.indices where workers[index].name == claim.worker { workers[index].running.remove(job.id) }
        guard held else { return }
        job.state = outcome.state
        if job.state.isTerminal { freeUniqueKey(job.id) }
        if job.state == .cancelled { job.wasCancelled = true }
        job.isDue = ending == .retryAtOnce
        if ending == .handBack { job.uncharged = claim.job.uncharged + 1 }
        jobs[job.id] = job
        counters[ModelWorld.counter(ending), default: 0] += 1
    }

    private static func outcome(_ ending: ModelOperation.Ending) -> JobOutcome {
        switch ending {
        case .completed: .completed([:])
        case .failed: .failed(.permanent("no", type: "no"))
        case .cancelled: .cancelled(.cancelled)
        case .retryAtOnce: .retry(.retry("busy", type: "busy"), afterMilliseconds: 0)
        case .retryLater: .retry(.retry("busy", type: "busy"), afterMilliseconds: 3_600_000)
        case .handBack: .handBack
        }
    }

    private static func counter(_ ending: ModelOperation.Ending) -> String {
        switch ending {
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .retryAtOnce, .retryLater: "retried"
        case .handBack: "handed_back"
        }
    }

    func requestCancel(_ number: Int) async throws {
        let id = id(of: number)
        let expected = jobs[id]?.state
        let reply = try await queue.requestCancel(id)
        try require(reply == expected, "cancel of j\(number) answered \(reply?.rawValue ?? "nothing")")
        if expected?.isTerminal == false { jobs[id]?.cancelRequested = true }
    }

    func endUnclaimed(_ number: Int) async throws {
        let id = id(of: number)
        let expected = jobs[id]?.state
        let reply = try await queue.endUnclaimed(id, because: .cancelled)
        try require(reply == expected, "end of j\(number) answered \(reply?.rawValue ?? "nothing")")
        guard let expected, !expected.isTerminal, expected != .processing else { return }
        jobs[id]?.state = .cancelled
        jobs[id]?.wasCancelled = true
        freeUniqueKey(id)
        counters["cancelled", default: 0] += 1
    }

    func setSubject(_ number: Int) async throws {
        let id = id(of: number)
        try await queue.setSubject("s", of: [id])
        jobs[id]?.hasSubject = true
    }

    func becomeDue(_ number: Int) async throws {
        guard let id = ids[number], jobs[id]?.state == .scheduled else { return }
        _ = try await redis.command(["ZADD", .string(queue.keys.scheduled), "XX", "1", .string(id.description)])
        jobs[id]?.isDue = true
    }

    func promote() async throws {
        let due = jobs.values.filter { $0.state == .scheduled && $0.isDue }.map(\.id)
        let reply = try await queue.promote().queued
        try require(isDisturbed || reply == due.count, "promote queued \(reply) jobs, \(due.count) were due")
        if isDisturbed { return try await believe(ModelSnapshot.read(redis)) }
        for id in due {
            jobs[id]?.state = .queued
            jobs[id]?.isDue = false
        }
    }

    /// Entry gone, as a torn log or a strange hand leaves it.
    func loseEntry(_ number: Int) async throws {
        guard let id = ids[number], let hash = try await redis.command(["HGETALL", .string(queue.keys.job(id))]).fields else { return }
        guard let (stream, entry) = entryPlace(hash["entry"] ?? "") else { return }
        disturb()
        _ = try await redis.pipeline([
            ["XACK", .string(stream), "workers", .string(entry)], ["XDEL", .string(stream), .string(entry)],
        ])
    }
}
