package import JobModel
package import JobQueue
internal import RedisWire
internal import Synchronization

/// What may be told of a job that has not begun: how many come first, and when it probably begins.
package struct Outlook: Sendable, Hashable {
    /// Nil for a job that is not queued.
    package var position: QueuePosition?
    /// Nil: nobody can tell, as no worker takes jobs of its queue now.
    package var start: Timestamp?

    package init(position: QueuePosition?, start: Timestamp?) {
        self.position = position
        self.start = start
    }
}

/// A look at a queue that many answers share: acceptances must not cost a round trip each.
final class QueueLooks: Sendable {
    struct Look: Sendable {
        var glance = QueueGlance()
        /// Accepted by this process since.
        var added: [StreamLevel: Int] = [:]
        var free = 0
        var slots = 0
        var at: ContinuousClock.Instant?
        var workersAt: ContinuousClock.Instant?
    }

    private static let freshness = Duration.milliseconds(250)
    private static let workersFreshness = Duration.seconds(5)
    private let looks = Mutex<[String: Look]>([:])

    func note(_ job: Job) {
        looks.withLock { $0[job.queue]?.added[StreamLevel(job.priority), default: 0] += 1 }
    }

    /// The look, and what of it is too old: whoever is told so renews it, and others go on with the old one meanwhile.
    func look(at queue: String) -> (look: Look, isOld: Bool, areWorkersOld: Bool) {
        looks.withLock { looks in
            var look = looks[queue] ?? Look()
            let found = look
            let isOld = look.at.map { $0 + QueueLooks.freshness < .now } ?? true
            let areWorkersOld = look.workersAt.map { $0 + QueueLooks.workersFreshness < .now } ?? true
            if isOld { look.at = .now }
            if areWorkersOld { look.workersAt = .now }
            looks[queue] = look
            return (found, isOld, areWorkersOld)
        }
    }

    func renew(_ queue: String, _ change: (inout Look) -> Void) -> Look {
        looks.withLock { looks in
            var look = looks[queue] ?? Look()
            change(&look)
            looks[queue] = look
            return look
        }
    }
}

extension JobDesk {
    /// Of a job that was just accepted: by a look at its queue that is at most a quarter of a second old, and what was accepted here since.
    /// Nil: Redis cannot be asked, or the job has begun.
    package func firstOutlook(of job: Job) async -> Outlook? {
        guard job.state == .queued else { return laterOutlook(of: job) }
        guard let look = try? await look(at: job.queue) else { return nil }
        let own = StreamLevel(job.priority)
        let levels = StreamLevel.ordinary.prefix { $0 != own } + [own]
        let number = levels.reduce(0) { $0 + (look.glance.waiting[$1] ?? 0) + (look.added[$1] ?? 0) }
        return outlook(QueuePosition(number: max(1, number), isEstimate: false), job, look)
    }

    /// Of a job that is asked for: its place is looked up. Nil: it has begun, or Redis cannot be asked.
    package func outlook(of job: Job) async -> Outlook? {
        guard job.state == .queued else { return laterOutlook(of: job) }
        guard let position = try? await queue.position(of: job.id), let look = try? await look(at: job.queue) else { return nil }
        return outlook(position, job, look)
    }

    private func laterOutlook(of job: Job) -> Outlook? {
        job.state == .scheduled ? Outlook(position: nil, start: job.scheduledAt) : nil
    }

    /// As many at a time as there are slots, each as long as jobs of this queue take on average.
    private func outlook(_ position: QueuePosition, _ job: Job, _ look: QueueLooks.Look) -> Outlook {
        guard look.slots > 0, !look.glance.isPaused else { return Outlook(position: position, start: nil) }
        let later = max(0, position.number - look.free)
        let wait = (Double(later) / Double(look.slots) * Double(meanDuration(of: job.queue))).rounded()
        return Outlook(position: position, start: Timestamp.now.advanced(byMilliseconds: Int64(exactly: min(wait, 1e12)) ?? 0))
    }

    private func look(at name: String) async throws(RedisError) -> QueueLooks.Look {
        var (look, isOld, areWorkersOld) = looks.look(at: name)
        if areWorkersOld {
            let workers = try await queue.workers().filter { $0.health == .alive && !$0.isForSuspects && $0.queues.contains(name) }
            look = looks.renew(name) {
                $0.slots = workers.reduce(0) { $0 + $1.slots }
                $0.free = workers.reduce(0) { $0 + max(0, $1.slots - $1.running) }
            }
        }
        if isOld {
            let glance = try await queue.glance(at: name)
            look = looks.renew(name) {
                $0.glance = glance
                $0.added = [:]
            }
        }
        return look
    }
}
