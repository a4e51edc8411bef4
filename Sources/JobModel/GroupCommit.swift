public import DequeModule
public import Synchronization

/// What a batch may hold once for each job.
public protocol BatchedRequest: Sendable {
    associatedtype BatchedJob: Hashable
    var jobID: BatchedJob { get }
    /// Roughly what it adds to the statement, in bytes.
    var size: Int { get }
    /// Whether a second request for a job must wait for the next batch.
    static var mustBeAlone: Bool { get }
}

extension BatchedRequest {
    /// A second request for a job sees what the first one left.
    public static var mustBeAlone: Bool { true }
}

/// Many callers, few commits: while one batch is on its way, later callers queue up and go together in the next one. No timer: a caller that
/// comes alone goes at once. A cancelled caller still waits for its batch: what it asked for may be in the row already.
///
/// Public and inlinable, so that each use is compiled for its own types: generic code would look them up at run time for every request, and the
/// compiler does not do so for `package`.
public final class GroupCommit<Request: BatchedRequest, Answer: Sendable, Failure: Error>: Sendable {
    /// Called once.
    @usableFromInline typealias Waiter = @Sendable (Result<Answer, Failure>) -> Void
    @usableFromInline typealias Batch = [(request: Request, waiter: Waiter)]

    @usableFromInline struct State {
        @usableFromInline var queue = Deque<(request: Request, waiter: Waiter)>()
        /// Batches under way.
        @usableFromInline var running = 0

        @inlinable init() {}
    }
    @usableFromInline let state = Mutex(State())
    @usableFromInline let limit: Int
    /// Results may be megabytes each: a batch of them must fit into memory several times.
    @inlinable static var sizeLimit: Int { 8 << 20 }
    @usableFromInline let atOnce: Int
    @usableFromInline let executor: (any TaskExecutor)?
    @usableFromInline let commit: @Sendable ([Request]) async throws(Failure) -> [Answer]
    @usableFromInline let isolates: @Sendable (Failure) -> Bool

    /// `commit` answers every request of the batch, one answer each, in order, or throws for all of them. A failure that `isolates` may be the
    /// fault of one request. `atOnce` batches may be under way where a request
    /// need not be alone. `executor`: where batches are sent and their callers called.
    @inlinable public init(
        limit: Int, atOnce: Int = 1, executor: (any TaskExecutor)? = nil, isolates: @escaping @Sendable (Failure) -> Bool,
        commit: @escaping @Sendable ([Request]) async throws(Failure) -> [Answer]
    ) {
        self.limit = max(1, limit)
        self.atOnce = Request.mustBeAlone ? 1 : max(1, atOnce)
        self.executor = executor
        self.isolates = isolates
        self.commit = commit
    }

    /// Returns when its batch was committed.
    @inlinable public func submit(_ request: Request) async throws(Failure) -> Answer {
        let result = await withCheckedContinuation { waiter in add([(request, { @Sendable in waiter.resume(returning: $0) })]) }
        return try result.get()
    }

    /// Without waiting: `answered` is called once, where batches are sent, and must be quick.
    @inlinable public func submit(_ request: Request, answered: @escaping @Sendable (Result<Answer, Failure>) -> Void) {
        add([(request, answered)])
    }

    /// Many requests of one caller, answered in their order when the last one is.
    @inlinable public func submit(_ requests: [Request]) async -> [Result<Answer, Failure>] {
        guard !requests.isEmpty else { return [] }
        return await withCheckedContinuation { waiter in
            let answers = Answers<Answer, Failure>(count: requests.count) { waiter.resume(returning: $0) }
            add(requests.enumerated().map { place, request in (request, { @Sendable in answers.set($0, at: place) }) })
        }
    }

    @inlinable func add(_ entries: some Collection<(request: Request, waiter: Waiter)>) {
        let isIdle = state.withLock { state in
            state.queue.append(contentsOf: entries)
            guard state.running < atOnce else { return false }
            state.running += 1
            return true
        }
        // A task of its own: the batch belongs to all its callers, and none of them can cancel it.
        if isIdle { Task.detached(executorPreference: executor) { await self.drain() } }
    }

    @inlinable func drain() async {
        while let batch = nextBatch() { await send(batch) }
    }

    /// The oldest requests, at most one for each job: a second one for the same job sees what the first one left.
    @inlinable func nextBatch() -> Batch? {
        state.withLock { state in
            let batch = Request.mustBeAlone ? oldestAlone(&state) : oldest(&state)
            if batch.isEmpty { state.running -= 1 }
            return batch.isEmpty ? nil : batch
        }
    }

    /// Under the lock.
    @inlinable func oldestAlone(_ state: inout State) -> Batch {
        var batch: Batch = []
        var later = Deque<(request: Request, waiter: Waiter)>()
        var seen: Set<Request.BatchedJob> = []
        var size = 0
        while let entry = state.queue.first {
            size += entry.request.size
            if batch.count == limit || (!batch.isEmpty && size > Self.sizeLimit) { break }
            state.queue.removeFirst()
            if seen.insert(entry.request.jobID).inserted { batch.append(entry) } else { later.append(entry) }
        }
        later.append(contentsOf: state.queue)
        state.queue = later
        return batch
    }

    /// Under the lock.
    @inlinable func oldest(_ state: inout State) -> Batch {
        var batch: Batch = []
        batch.reserveCapacity(min(limit, state.queue.count))
        var size = 0
        while batch.count < limit, let entry = state.queue.first {
            size += entry.request.size
            if !batch.isEmpty, size > Self.sizeLimit { break }
            batch.append(entry)
            state.queue.removeFirst()
        }
        return batch
    }

    /// One request that the store refuses must not fail its neighbours: the batch is halved until it stands alone.
    @inlinable func send(_ batch: Batch) async {
        do throws(Failure) {
            let answers = try await commit(batch.map { $0.request })
            precondition(answers.count == batch.count, "a commit answers every request")
            for (entry, answer) in zip(batch, answers) { entry.waiter(.success(answer)) }
        } catch {
            guard batch.count > 1, isolates(error) else {
                for entry in batch { entry.waiter(.failure(error)) }
                return
            }
            await send(Array(batch.prefix(batch.count / 2)))
            await send(Array(batch.suffix(batch.count - batch.count / 2)))
        }
    }
}

/// Collects the answers to many requests, and hands them over when the last one came.
@usableFromInline final class Answers<Answer: Sendable, Failure: Error>: Sendable {
    private let state: Mutex<(answers: [Result<Answer, Failure>?], missing: Int)>
    private let whole: @Sendable ([Result<Answer, Failure>]) -> Void

    @usableFromInline init(count: Int, whole: @escaping @Sendable ([Result<Answer, Failure>]) -> Void) {
        state = Mutex((Array(repeating: nil, count: count), count))
        self.whole = whole
    }

    @usableFromInline func set(_ answer: Result<Answer, Failure>, at place: Int) {
        let all: [Result<Answer, Failure>]? = state.withLock { state in
            state.answers[place] = answer
            state.missing -= 1
            return state.missing == 0 ? state.answers.compactMap(\.self) : nil
        }
        if let all { whole(all) }
    }
}
