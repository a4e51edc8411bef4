internal import Synchronization

/// One call that waits for a thread of the pool: answered exactly once, by the thread or by its cancellation, whichever comes first.
final class PendingCall<Value: Sendable>: Sendable {
    typealias Waiter = CheckedContinuation<Result<Value, PostgresError>, Never>

    private enum State {
        case new
        case waiting(Waiter)
        case done
    }
    private let state = Mutex(State.new)
    let stop = StopSignal()

    /// False when the call was cancelled before it began; the waiter has been answered then.
    func wait(_ waiter: Waiter) -> Bool {
        let isCancelled = state.withLock { state in
            if case .done = state { return true }
            state = .waiting(waiter)
            return false
        }
        if isCancelled { waiter.resume(returning: .failure(Self.cancelled)) }
        return !isCancelled
    }

    func answer(_ result: Result<Value, PostgresError>) {
        let waiter: Waiter? = state.withLock { state in
            defer { state = .done }
            if case .waiting(let waiter) = state { return waiter }
            return nil
        }
        waiter?.resume(returning: result)
    }

    func cancel() {
        stop.raise()
        answer(.failure(Self.cancelled))
    }

    private static var cancelled: PostgresError { PostgresError(.cancelled, "The task that waited for PostgreSQL was cancelled") }
}
