package import JobLedger
package import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire

/// Makes the jobs of the schedules that are due. The leader's duty; SQL refuses what an earlier leader still tries.
extension JobDesk {
    /// A fire time that passed longer ago is missed, and the schedule's rule decides. Until then it fires late: the leader was replaced.
    package static let lateness: Int64 = 60_000
    private static let batch = 200

    /// Fires whatever is due by PostgreSQL's clock (or at `given`), and says how long the next one takes; nil where nothing is to come,
    /// or another worker leads.
    /// Cost while nothing is due: one statement.
    package func fireSchedules(leader: LeaderToken, at given: Timestamp? = nil) async throws(DeskError) -> Duration? {
        // Bounded, so that schedules of every second cannot keep the duty for ever.
        for _ in 0..<100 {
            let (clock, next) = try await asking(postgres: { () throws(PostgresError) in try await ledger.nextDueSchedule() })
            let now = given ?? clock
            guard let next else { return nil }
            guard next <= now else { return .milliseconds(next.milliseconds - now.milliseconds) }
            let due = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.schedulesDue(at: now, limit: JobDesk.batch)
            })
            var runs: [ScheduleRun] = []
            for schedule in due { runs.append(await unique(plan(schedule, at: now))) }
            guard try await fire(runs, leader: leader) > 0 else { return nil }
        }
        return .zero
    }

    /// Whether a due schedule makes a job, and when it is due again.
    func plan(_ schedule: Schedule, at now: Timestamp) -> ScheduleRun {
        let fireTime = schedule.nextRunAt ?? now
        let clock: ScheduleClock
        do { clock = try schedule.clock() } catch {
            // Asked again, by a worker that may have the time zone.
            let later = now.advanced(byMilliseconds: JobDesk.lateness)
            return ScheduleRun(schedule, at: fireTime, next: later, job: nil, reason: "\(error)")
        }
        let nextFromNow = clock.next(after: max(now, fireTime))
        // The rules of the zone have changed since, or this is such a question: no time of the schedule.
        guard clock.isFireTime(fireTime) else { return ScheduleRun(schedule, at: fireTime, next: nextFromNow, job: nil) }
        let isMissed = now.milliseconds - fireTime.milliseconds > JobDesk.lateness
        if isMissed, schedule.missed == .skip {
            return ScheduleRun(schedule, at: fireTime, next: nextFromNow, job: nil, reason: "Runs from \(fireTime) on were missed")
        }
        let next = isMissed ? nextFromNow : clock.next(after: fireTime)
        do {
            return ScheduleRun(schedule, at: fireTime, next: next, job: try job(of: schedule, at: fireTime))
        } catch { return ScheduleRun(schedule, at: fireTime, next: next, job: nil, reason: error.reason) }
    }

    /// Recorded whatever its kind says: its row is what makes a fire time happen once.
    private func job(of schedule: Schedule, at fireTime: Timestamp) throws(DeskError) -> Job {
        var job = try compose(schedule.request)
        job.isRecorded = true
        var metadata = job.metadata.object ?? [:]
        metadata["schedule"] = .string(schedule.name)
        metadata["schedule_id"] = .string(schedule.id.description)
        metadata["scheduled_for"] = .string(fireTime.description)
        job.metadata = .object(metadata)
        return job
    }

    /// A job whose unique key another one holds is not made. Without Redis nobody knows: then it is made, and Redis decides when it is queued.
    private func unique(_ run: ScheduleRun) async -> ScheduleRun {
        guard let job = run.job, job.uniqueness != nil, let holder = try? await queue.reserveUnique(job) else { return run }
        return run.without("The run of \(run.fireTime) was left out: job \(holder) has its unique key")
    }

    /// How many went on. One run that PostgreSQL refuses must not hold up its neighbours: the batch is halved until it stands alone.
    private func fire(_ runs: [ScheduleRun], leader: LeaderToken) async throws(DeskError) -> Int {
        do throws(PostgresError) {
            guard case .done(let moved, let jobs) = try await ledger.run(runs, leader: leader) else { return 0 }
            await enqueueFired(runs.compactMap(\.job).filter { jobs.contains($0.id) })
            return moved
        } catch {
            guard !error.isRetryable, error.kind == .statement, runs.contains(where: { $0.job != nil }) else { throw DeskError(error) }
            guard runs.count > 1 else { return try await fire([runs[0].without("\(error)")], leader: leader) }
            let half = runs.count / 2
            return try await fire(Array(runs[..<half]), leader: leader) + fire(Array(runs[half...]), leader: leader)
        }
    }

    /// Their rows are written: what Redis does not take now the reconciler queues.
    private func enqueueFired(_ jobs: [Job]) async {
        guard !jobs.isEmpty else { return }
        do {
            _ = try await queue.enqueue(jobs)
            logger.debug("Schedules fired", metadata: ["jobs": "\(jobs.count)"])
        } catch {
            logger.warning(
                "Jobs of schedules could not be queued yet; the reconciler will queue them",
                metadata: ["jobs": "\(jobs.count)", "error": "\(error)"])
        }
    }
}

extension ScheduleRun {
    fileprivate func without(_ reason: String) -> ScheduleRun {
        ScheduleRun(schedule: schedule, version: version, fireTime: fireTime, next: next, job: nil, reason: reason)
    }
}

extension DeskError {
    /// One sentence for the owner of a schedule whose job is refused.
    fileprivate var reason: String {
        switch self {
        case .unknownKind(let kind, _): "There is no kind \(kind) any more"
        case .invalid(let faults): faults.map { "\($0.pointer) \($0.detail)" }.joined(separator: "; ")
        default: "\(self)"
        }
    }
}
