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
}

/// Jobs for workers that speak HTTP, under the rules of all workers. The API keeps nothing of them: any process may answer any call.
extension JobDesk {
    /// Jobs as soon as there are some, or none after the order's patience. Each is started under a lease of its own. When the caller is
    /// cancelled meanwhile, what was taken is given back.
    package func takeWork(_ order: WorkOrder) async throws(DeskError) -> [Claim] {
        let deadline = ContinuousClock.now + order.patience
        let streams = queue.keys.streams(order.queues, StreamLevel.allCases)
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
            if taken.count == order.most { ear.passOn() }
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

    private func undo(_ taken: [Claim]) async {
        for claim in taken {
            _ = try? await undisturbed { () throws(DeskError) in try await self.finish(claim, as: .handBack) }
            await closeLease(claim)
        }
    }

    private func takeNow(_ order: WorkOrder) async throws(DeskError) -> [Claim] {
        var taken: [Claim] = []
        let ordinary = queue.keys.streams(order.queues, StreamLevel.ordinary)
        if order.running == 0, let suspect = try await take(order, from: queue.keys.streams(order.queues, [.suspect])) { return [suspect] }
        while taken.count < order.most {
            // What was taken before is not lost to a store that goes away now.
            do throws(DeskError) {
                guard let claim = try await take(order, from: ordinary) else { break }
                taken.append(claim)
            } catch {
                if taken.isEmpty { throw error }
                break
            }
        }
        return taken
    }

    /// One job that may run, started; nil where none waits.
    private func take(_ order: WorkOrder, from streams: [String]) async throws(DeskError) -> Claim? {
        let name = "http-\(Digest.hexadecimal(Digest.randomBytes(16)))"
        let card = WorkerCard(name: name, host: order.host, processID: 0, version: "", queues: order.queues, slots: 1, http: order.worker)
        while true {
            try await asking(redis: { () throws(RedisError) in try await queue.openLease(card) })
            let reply = try await asking(redis: { () throws(RedisError) in try await queue.claim(for: name, from: streams, count: 1) })
            guard case .claimed(let claimed) = reply else { return nil }
            for foreign in claimed.foreign { try await adopt(foreign) }
            guard let claim = claimed.claims.first else {
                if !claimed.foreign.isEmpty { continue }
                await leave(name, streams)
                return nil
            }
            guard try await isGood(claim, for: order) else {
                await leave(name, streams)
                if claim.job.isForStrangers(order, catalogue) { return nil }
                continue
            }
            return claim
        }
    }

    /// Begins the attempt; false where it has ended already, because it cannot run here.
    private func isGood(_ claim: Claim, for order: WorkOrder) async throws(DeskError) -> Bool {
        let life = try await asking(redis: { () throws(RedisError) in try await queue.beginLease(claim) })
        guard life != .lost else { return false }
        await meet([claim.job.kind])
        if claim.job.isForStrangers(order, catalogue) {
            _ = try await asking(redis: { () throws(RedisError) in try await queue.settle(claim, as: .handBack) })
            return false
        }
        do throws(DeskError) {
            guard case .go = try await start(claim) else { return false }
        } catch {
            // Nobody ran it: without a start in SQL there is nothing to fence off.
            _ = try? await queue.settle(claim, as: .handBack)
            throw error
        }
        guard let failure = claim.job.refusal(catalogue) else { return true }
        _ = try await finish(claim, as: failure)
        return false
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

    /// Why it ends without having run.
    fileprivate func refusal(_ catalogue: JobCatalogue) -> JobOutcome? {
        if cancelRequested { return .cancelled(.cancelled) }
        guard let kind = catalogue[kind] else {
            return .failed(.permanent("There is no kind '\(kind)' any more", type: "unknown_kind"))
        }
        guard case .failure(let faults) = kind.input.accept(input) else { return nil }
        let details = faults.list.prefix(5).map { "\($0.pointer) \($0.detail)" }.joined(separator: "; ")
        return .failed(.permanent("The input does not fit the kind: \(details)", type: "invalid_input"))
    }
}
