internal import JobDesk
internal import JobQueue

/// Every duty that a worker has beside its jobs, one line each; what it does stands in the file of its name.
struct Duties: Sendable {
    private let loops: [DutyLoop]
    /// Where Redis' replies arrive, which saves two wake-ups a command: for duties that mostly wait and compute little. The leader's may have to read
    /// and write thousands of jobs.
    private let executor: any TaskExecutor

    init(life: WorkerLife) {
        let all: [Duty] = [
            .lead(life), .knowKinds(life), .reap(life), .promote(life), .noticeCancels(life), .runSuspects(life), .noticeLoss(life),
            .listen(life), .reconcile(life), .applyControls(life), .sweep(life), .repair(life), .sweepFlows(life), .sweepLimits(life),
            .sweepPermits(life),
            .fireSchedules(life), .retain(life), .indexSearch(life), .flushDurations(life), .reportDuties(life), .reportModels(life),
        ]
        let guest: [Duty] = [
            .knowKinds(life), .noticeCancels(life), .runSuspects(life), .flushDurations(life), .reportDuties(life),
        ]
        let duties = life.settings.isCompanion ? [Duty.noticeCancels(life)] : life.settings.isGuest ? guest : all
        life.dutyBook.open(duties)
        executor = life.desk.queue.executor
        loops = duties.map { DutyLoop(duty: $0, leadership: life.leadership, book: life.dutyBook, logger: life.logger) }
    }

    func start(in group: inout TaskGroup<Void>) {
        for loop in loops { group.addTask(executorPreference: loop.duty.isForLeader ? nil : executor) { await loop.run() } }
    }
}
