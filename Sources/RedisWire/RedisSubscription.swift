import DequeModule
import Synchronization

/// What a listener gets from its channel.
package enum RedisSignal: Sendable, Equatable {
    case message([UInt8])
    /// Messages may have been missed, by a reconnect or because this listener was slow: read the state again.
    case gap
}

/// One local listener of a channel. Ends when the subscriber closes or the reading task is cancelled; the last listener that is let go of
/// unsubscribes. Read by one task at a time.
package struct RedisSubscription: AsyncSequence, Sendable {
    package typealias Element = RedisSignal
    package typealias Failure = Never

    let lease: Lease

    package func makeAsyncIterator() -> Iterator {
        Iterator(lease: lease)
    }

    package struct Iterator: AsyncIteratorProtocol {
        let lease: Lease

        package mutating func next() async -> RedisSignal? {
            await lease.mailbox.next()
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async -> RedisSignal? {
            await lease.mailbox.next()
        }
    }

    /// Held by the sequence and its iterators; letting the last one go ends the listening.
    final class Lease: Sendable {
        let mailbox: Mailbox
        private let end: @Sendable () -> Void

        init(_ mailbox: Mailbox, end: @escaping @Sendable () -> Void) {
            self.mailbox = mailbox
            self.end = end
        }

        deinit {
            end()
        }
    }
}

/// Signals on their way to one reader. What does not fit is replaced by one `gap`, so a slow reader never holds memory or others.
final class Mailbox: Sendable {
    /// Invariant: a reader waits only while there are no signals, and after the end none does.
    private struct State {
        var signals = Deque<RedisSignal>()
        var reader: UnsafeContinuation<RedisSignal?, Never>?
        var hasEnded = false
        var isConfirmed = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = Swift.max(1, limit)
    }

    /// Until the server confirmed, nothing can have been missed; from then on a reconnect is a gap.
    func confirm() {
        state.withLock { $0.isConfirmed = true }
    }

    var isConfirmed: Bool { state.withLock { $0.isConfirmed } }

    /// From any thread; never waits. At the limit everything kept is dropped for one `gap`, because the reader must read the state anyway.
    func post(_ signal: RedisSignal) {
        let reader = state.withLock { state -> UnsafeContinuation<RedisSignal?, Never>? in
            guard !state.hasEnded else { return nil }
            if let reader = state.reader.take() { return reader }
            if signal == .gap || state.signals.count >= limit {
                state.signals.removeAll(keepingCapacity: true)
                state.signals.append(.gap)
            } else {
                state.signals.append(signal)
            }
            return nil
        }
        reader?.resume(returning: signal)
    }

    /// What was posted before may still be read; then comes nil, for ever.
    func end() {
        let reader = state.withLock { state in
            state.hasEnded = true
            return state.reader.take()
        }
        reader?.resume(returning: nil)
    }

    /// Nil at the end, and for a task that was cancelled. Two readers at once would take each other's place.
    func next() async -> RedisSignal? {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let ready = state.withLock { state -> RedisSignal?? in
                    if let signal = state.signals.popFirst() { return signal }
                    if state.hasEnded || Task.isCancelled { return .some(nil) }
                    state.reader = continuation
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            let reader = state.withLock { $0.reader.take() }
            reader?.resume(returning: nil)
        }
    }
}
