internal import JobModel
internal import PostgresWire
internal import Synchronization

/// What a batch may hold once for each job.
protocol BatchedRequest: Sendable {
    var jobID: JobID { get }
    /// Roughly what it adds to the statement, in bytes.
    var size: Int { get }
}

/// Many callers, few commits: while one batch is on its way, later callers queue up and go together in the next one. No timer: a caller that
/// comes alone goes at once. A cancelled caller still waits for its batch: what it asked for may be in the row already.
final class GroupCommit<Request: BatchedRequest, Answer: Sendable>: Sendable {
    typealias Waiter = CheckedContinuation<Result<Answer, PostgresError>, Never>
    typealias Batch = [(request: Request, waiter: Waiter)]

    private struct State {
        var queue: Batch = []
        var isRunning = false
    }
    private let state = Mutex(State())
    private let limit: Int
    /// Results may be megabytes each: a batch of them must fit into memory several times.
    private static var sizeLimit: Int { 8 << 20 }
    private let commit: @Sendable ([Request]) async throws(PostgresError) -> [Answer]

    /// `commit` answers every request of the batch, in order, or throws for all of them.
    init(limit: Int, commit: @escaping @Sendable ([Request]) async throws(PostgresError) -> [Answer]) {
        self.limit = max(1, limit)
        self.commit = commit
    }

    func submit(_ request: Request) async throws(PostgresError) -> Answer {
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

    /// One request that PostgreSQL refuses must not fail its neighbours: the batch is halved until it stands alone.
    private func send(_ batch: Batch) async {
        do throws(PostgresError) {
            let answers = try await commit(batch.map(\.request))
            for (entry, answer) in zip(batch, answers) { entry.waiter.resume(returning: .success(answer)) }
            for entry in batch.dropFirst(answers.count) { entry.waiter.resume(returning: .failure(Self.unanswered)) }
        } catch {
            guard batch.count > 1, !error.isRetryable, error.kind != .closed else {
                for entry in batch { entry.waiter.resume(returning: .failure(error)) }
                return
            }
            await send(Array(batch.prefix(batch.count / 2)))
            await send(Array(batch.suffix(batch.count - batch.count / 2)))
        }
    }

    private static var unanswered: PostgresError { PostgresError(.decoding, "The batch's answer has too few rows") }
}
