internal import JobDesk
internal import JobLedger
internal import JobModel
internal import Logging
internal import Synchronization

extension Duty {
    /// Queues at once what `tidewheel.enqueue()` announces. Only the leader listens: an announcement wakes one worker, not a herd.
    static func listen(_ life: WorkerLife) -> Duty {
        Duty(leading: "listen", every: life.settings.listenInterval) { _ in await Listening(life: life).run() }
    }
}

/// One turn at listening, for as long as this worker leads.
private struct Listening: Sendable {
    let life: WorkerLife
    private let inbox = AnnouncedJobs()

    init(life: WorkerLife) {
        self.life = life
    }

    func run() async {
        let announcements = life.desk.ledger.announcements()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await announcements.forEach { inbox.add($0) } }
            group.addTask { for await _ in inbox.pokes { await queue() } }
            group.addTask { await waitUntilAnotherLeads() }
            _ = await group.next()
            group.cancelAll()
        }
        await announcements.close()
    }

    /// What came together goes together. What fails here stands in the rows, and the reconciler finds it.
    private func queue() async {
        let began = Timestamp.now
        let start = ContinuousClock.now
        let (ids, isBehind) = inbox.take()
        var failure: (any Error)?
        do {
            if isBehind {
                // As after a loss: a paused queue stays so.
                _ = try await life.desk.applyControls()
                _ = try await life.desk.reconcileRecent()
            }
            _ = try await life.desk.enqueueAnnounced(ids)
        } catch { failure = error }
        let isNews = life.dutyBook.note("listen", began: began, took: .now - start, error: failure)
        if let failure, isNews {
            life.logger.warning("Announced jobs could not be queued at once", metadata: ["error": "\(failure)", "jobs": "\(ids.count)"])
        }
    }

    private func waitUntilAnotherLeads() async {
        while !Task.isCancelled, life.leadership.token != nil { try? await Task.sleep(for: life.settings.leadInterval) }
    }
}

/// What was announced and is not queued yet. Bounded: beyond that the rows are read instead.
private final class AnnouncedJobs: Sendable {
    private static let limit = 10_000
    private let state = Mutex((ids: [JobID](), isBehind: false))
    let pokes: AsyncStream<Void>
    private let poke: AsyncStream<Void>.Continuation

    init() {
        (pokes, poke) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ announcement: Announcements.Announcement) {
        state.withLock { state in
            switch announcement {
            case .job(let id) where state.ids.count < AnnouncedJobs.limit: state.ids.append(id)
            case .job, .behind: state.isBehind = true
            }
        }
        poke.yield()
    }

    func take() -> (ids: [JobID], isBehind: Bool) {
        state.withLock { state in
            defer { state = ([], false) }
            return state
        }
    }
}
