internal import Synchronization

/// What a batch may hold once for each job.
package protocol BatchedRequest: Sendable {
    var jobID: JobID { get }
    /// Roughly what it adds to the statement, in bytes.
    var size: Int { get }
}

/// Many callers, few commits: while one batch is on its way, later callers queue up and go together in the next one. No timer: a caller that
/// comes alone goes at once. A cancelled caller still waits for its batch: what it asked for may be in the row already.
package final class GroupCommit<Request: BatchedRequest, Answer: Sendable, Failure: Error>: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Answer, Failure>, Never>
    private typealias Batch = [(request: Request, waiter: Waiter)]

    private struct State {
        var queue: Batch = []
        var isRunning = false
    }
    private let state = Mutex(State())
    private let limit: Int
    /// Results may be megabytes each: a batch of them must fit into memory several times.
    private static var sizeLimit: Int { 8 << 20 }
    private let commit: @Sendable ([Request]) async throws(Failure) -> [Answer]
    private let isolates: @Sendable (Failure) -> Bool

    /// `commit` answers every request of the batch, one answer each, in order, or throws for all of them. A failure that `isolates` may be the
    /// fault of one request.
    package init(
        limit: Int, isolates: @escaping @Sendable (Failure) -> Bool,
        commit: @escaping @Sendable ([Request]) async throws(Failure) -> [Answer]
    ) {
        self.limit = max(1, limit)
        self.isolates = isolates
        self.commit = commit
    }

    package func submit(_ request: Request) async throws(Failure) -> Answer {
        let result = await withCheckedContinuation { waiter in
            let isIdle = state.withLock { state in
                state.queue.append((request, waiter))
                defer { state.isRunning = true }
                return !state.isRunning
            }
            // A task of its own: the batch belongs to all its callers, and none of them can cancel it.
            if isIdle { Task.detached { await self.drain() } }
        }
        return try result.get()
    }

    private func drain() async {
        while let batch = nextBatch() { await send(batch) }
    }

    /// The oldest requests, at most one for each job: a second one for the same job sees what the first one left.
    private func nextBatch() -> Batch? {
        state.withLock { state in
            var batch: Batch = []
            var later: Batch = []
            var seen: Set<JobID> = []
            var size = 0
            for (index, entry) in state.queue.enumerated() {
                size += entry.request.size
                if batch.count == limit || (!batch.isEmpty && size > Self.sizeLimit) {
                    later += state.queue[index...]
                    break
                }
                if seen.insert(entry.request.jobID).inserted { batch.append(entry) } else { later.append(entry) }
            }
            state.queue = later
            state.isRunning = !batch.isEmpty
            return batch.isEmpty ? nil : batch
        }
    }

    /// One request that the store refuses must not fail its neighbours: the batch is halved until it stands alone.
    private func send(_ batch: Batch) async {
        do throws(Failure) {
            let answers = try await commit(batch.map(\.request))
            precondition(answers.count == batch.count, "a commit answers every request")
            for (entry, answer) in zip(batch, answers) { entry.waiter.resume(returning: .success(answer)) }
        } catch {
            guard batch.count > 1, isolates(error) else {
                for entry in batch { entry.waiter.resume(returning: .failure(error)) }
                return
            }
            await send(Array(batch.prefix(batch.count / 2)))
            await send(Array(batch.suffix(batch.count - batch.count / 2)))
        }
    }
}
