internal import JobLedger
package import JobModel
package import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

/// What a worker that speaks HTTP asks for.
package struct WorkOrder: Sendable {
    /// As it calls itself, for people.
    package let worker: String
    /// Kinds that it runs; all of one queue's, or it may be handed a job that it has to give back.
    package let kinds: [JobKind]
    package let most: Int
    package let patience: Duration
    /// Jobs that it runs beside: a suspect is given only to a worker that runs nothing else.
    package let running: Int
    package let host: String

    package init(worker: String, kinds: [JobKind], most: Int, patience: Duration, running: Int, host: String) {
        self.worker = worker
        self.kinds = kinds
        self.most = most
        self.patience = patience
        self.running = running
        self.host = host
    }

    /// The same for somebody who does not wait.
    package var impatient: WorkOrder {
        WorkOrder(worker: worker, kinds: kinds, most: most, patience: .zero, running: running, host: host)
    }

    var queues: [String] { Set(kinds.map(\.queue)).sorted() }

    /// Suspects are for those who run nothing else.
    var levels: [StreamLevel] { running == 0 ? StreamLevel.allCases : StreamLevel.ordinary }
}

/// What an HTTP worker was given.
package struct WorkTaken: Sendable {
    package var jobs: [(claim: Claim, lease: WorkLease)] = []
    /// There are suspects, and this worker gets none of them while it runs something.
    package var suspectsWait = false

    package init() {}
}

/// Jobs for workers that speak HTTP, under the rules of all workers. The API keeps nothing of them: any process may answer any call.
extension JobDesk {
    /// Entries without a job for the worker that one call looks at.
    private static let mostPassedOver = 100

    /// Jobs as soon as there are some, or none after the order's patience. Each is started under a lease of its own. When the caller is
    /// cancelled meanwhile, what was taken is given back.
    package func takeWork(_ order: WorkOrder) async throws(DeskError) -> WorkTaken {
        var taken = WorkTaken()
        taken.jobs = try await takeJobs(order)
        guard order.running > 0 else { return taken }
        // What was taken is not lost to a Redis that goes away now.
        taken.suspectsWait = (try? await queue.suspects(order.queues).waiting).map { $0 > 0 } ?? false
        return taken
    }

    private func takeJobs(_ order: WorkOrder) async throws(DeskError) -> [(claim: Claim, lease: WorkLease)] {
        let deadline = ContinuousClock.now + order.patience
        let streams = queue.keys.streams(order.queues, order.levels)
        let ear = try await asking(redis: { () throws(RedisError) in try await queue.bell.listen(to: streams) })
        defer { ear.leave() }
        while !Task.isCancelled {
            try await asking(redis: { () throws(RedisError) in
                try await queue.noteHTTPWorker(order.worker, host: order.host, queues: order.queues, slots: order.running + order.most)
            })
            let taken = try await undisturbed { () throws(DeskError) in try await self.takeNow(order) }
            if Task.isCancelled {
                await undo(taken)
                return []
            }
            if !taken.isEmpty { ear.passOn() }
            guard taken.isEmpty, .now < deadline else { return taken }
            await ear.wait(until: deadline)
        }
        return []
    }

    /// In a task of its own: who goes away half way would leave jobs that nobody runs.
    private func undisturbed<Value: Sendable>(
        _ work: @escaping @Sendable () async throws(DeskError) -> Value
    ) async throws(DeskError) -> Value {
        let task = Task { () async -> Result<Value, DeskError> in
            do throws(DeskError) { return .success(try await work()) } catch { return .failure(error) }
        }
        return try await task.value.get()
    }

    private func undo(_ taken: [(claim: Claim, lease: WorkLease)]) async {
        for (claim, _) in taken {
            _ = try? await undisturbed { () throws(DeskError) in try await self.finish(claim, as: .handBack) }
            await closeLease(claim)
        }
    }

    private func takeNow(_ order: WorkOrder) async throws(DeskError) -> [(claim: Claim, lease: WorkLease)] {
        var taken: [(claim: Claim, lease: WorkLease)] = []
        let ordinary = queue.keys.streams(order.queues, StreamLevel.ordinary)
        if order.running == 0, let suspect = try await take(order, from: queue.keys.streams(order.queues, [.suspect])) { return [suspect] }
        while taken.count < order.most {
            // What was taken before is not lost to a store that goes away now.
            do throws(DeskError) {
                guard let job = try await take(order, from: ordinary) else { break }
                taken.append(job)
            } catch {
                if taken.isEmpty { throw error }
                break
            }
        }
        return taken
    }

    /// One job that may run, started; nil where none waits, or too many came that this worker cannot run.
    private func take(_ order: WorkOrder, from streams: [String]) async throws(DeskError) -> (claim: Claim, lease: WorkLease)? {
        let secret = WorkLease.newSecret()
        let name = WorkLease.worker(of: secret)
        let card = WorkerCard(name: name, host: order.host, processID: 0, version: "", queues: order.queues, slots: 1, http: order.worker)
        for _ in 0..<JobDesk.mostPassedOver {
            try await asking(redis: { () throws(RedisError) in try await queue.openLease(card) })
            let reply = try await asking(redis: { () throws(RedisError) in try await queue.claim(for: name, from: streams, count: 1) })
            guard case .claimed(let claimed) = reply else { return nil }
            for foreign in claimed.foreign { try await adopt(foreign) }
            guard let claim = claimed.claims.first else {
                if !claimed.foreign.isEmpty { continue }
                await leave(name, streams)
                return nil
            }
            if try await isGood(claim, for: order) { return (claim, WorkLease(claim, secret: secret)) }
            await leave(name, streams)
        }
        return nil
    }

    /// Begins the attempt; false where it has ended already, because it cannot run here.
    private func isGood(_ claim: Claim, for order: WorkOrder) async throws(DeskError) -> Bool {
        let life = try await asking(redis: { () throws(RedisError) in try await queue.beginLease(claim) })
        guard life != .lost else { return false }
        await meet([claim.job.kind])
        if claim.job.isForStrangers(order, catalogue) {
            // Not at once to the front: it would come again and again, and nothing behind it.
            let later = JobOutcome.leaveToOthers(uncharged: claim.job.uncharged)
            _ = try await asking(redis: { () throws(RedisError) in try await queue.settle(claim, as: later) })
            return false
        }
        let refusal: JobOutcome?
        do throws(DeskError) {
            refusal = try await self.refusal(of: claim.job)
            guard case .go = try await start(claim) else { return false }
        } catch {
            // Nobody ran it: without a start in SQL there is nothing to fence off.
            _ = try? await queue.settle(claim, as: .handBack)
            throw error
        }
        guard let refusal else { return true }
        _ = try await finish(claim, as: refusal)
        return false
    }

    /// Why a job ends without having run. What this process knows of kinds may be old, so that it looks before a job fails for it.
    private func refusal(of job: Job) async throws(DeskError) -> JobOutcome? {
        if job.cancelRequested { return .cancelled(.cancelled) }
        guard job.misfit(catalogue) != nil else { return nil }
        guard await refreshKinds() else { throw .unavailable(service: "PostgreSQL", retryAfterSeconds: 2) }
        return job.misfit(catalogue).map { .failed($0) }
    }

    private func leave(_ name: String, _ streams: [String]) async {
        _ = try? await queue.remove(name, streams: streams, isDead: false)
    }

    /// The lease is over: its name is forgotten. What cannot be done now does a reaper.
    func closeLease(_ claim: Claim) async {
        await leave(claim.worker, queue.keys.streams([queue.queueName(of: claim.stream)], StreamLevel.allCases))
    }
}

extension Job {
    /// Of a kind that other workers run.
    fileprivate func isForStrangers(_ order: WorkOrder, _ catalogue: JobCatalogue) -> Bool {
        catalogue[kind] != nil && !order.kinds.contains { $0.name == kind }
    }

    /// Why it cannot run as its kind is known.
    fileprivate func misfit(_ catalogue: JobCatalogue) -> JobFailure? {
        guard let kind = catalogue[kind] else { return .permanent("There is no kind '\(kind)' any more", type: "unknown_kind") }
        guard case .failure(let faults) = kind.input.accept(input) else { return nil }
        let details = faults.list.prefix(5).map { "\($0.pointer) \($0.detail)" }.joined(separator: "; ")
        return .permanent("The input does not fit the kind: \(details)", type: "invalid_input")
    }
}
