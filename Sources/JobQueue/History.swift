package import JobModel
package import RedisWire

/// The numbered events of a job that are still known, oldest first. Most are in few places: the first and the last one are told by the hash
/// itself, the latest before the end is a field of it, and only older ones fill the log.
package struct JobHistory: Sendable {
    package let job: Job
    package let events: [WatchedEvent]
}

extension JobQueue {
    /// Nil when Redis does not know the job. What happens between the two reads comes later, or twice: the hash is read first.
    package func history(of id: JobID) async throws(RedisError) -> JobHistory? {
        let replies = try await redis.pipeline([["HGETALL", .string(keys.job(id))], ["LRANGE", .string(keys.log(id)), 0, -1]])
        guard replies.count == 2, let fields = replies[0].fields, let job = JobHash.job(from: fields) else { return nil }
        let latest = fields["event"].map { [$0] } ?? firstStart(of: job, as: fields["lease"])
        let stored = (replies[1].array?.compactMap(\.string) ?? []) + latest
        var events: [WatchedEvent] = []
        let first = fields["first"].flatMap { Int64($0) } ?? 1
        let told = stored.compactMap(WatchedEvent.init).filter { $0.sequence != nil }
        // Trimmed from the front: then the acceptance is gone with what followed it.
        if (told.first?.sequence ?? job.sequence) <= first + 1 {
            events.append(WatchedEvent(acceptance(of: job, as: fields["accepted_as"]), first))
        }
        for event in told where event.sequence ?? 0 > events.last?.sequence ?? 0 { events.append(event) }
        // A torn file can bring back an event with the end's number, or a later one: the end comes last in any case. One that is kept was followed
        // by a retry since the hash was read.
        if let end = job.endEvent, !events.contains(where: { $0.isTerminal && $0.sequence ?? 0 >= job.sequence }) {
            events.append(WatchedEvent(end, max(job.sequence, (events.last?.sequence ?? 0) + 1)))
        }
        return JobHistory(job: job, events: events)
    }

    /// The start of a job that has told nothing since: its lease tells it.
    private func firstStart(of job: Job, as lease: String?) -> [String] {
        guard let worker = job.worker, lease?.isEmpty == false, let startedAt = job.startedAt else { return [] }
        let event = JobEvent(.started, at: startedAt, ["attempt": 1, "status": "processing", "worker": .string(worker)])
        return [event.numbered(2)]
    }

    /// How its acceptance looks to a watcher who was not there.
    private func acceptance(of job: Job, as word: String?) -> JobEvent {
        let name = word.flatMap(JobEvent.Name.init) ?? .queued
        return JobEvent(name, at: job.createdAt, ["status": .string(name.rawValue), "kind": .string(job.kind)])
    }
}

extension WatchedEvent {
    init(_ event: JobEvent, _ sequence: Int64) {
        self.init(sequence: sequence, name: event.name.rawValue, json: event.numbered(sequence))
    }
}
