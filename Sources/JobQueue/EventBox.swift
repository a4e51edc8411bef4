internal import JobModel
internal import Synchronization

/// What a watcher is told, in order, with the mark that it gave to the watch.
package enum WatchSignal: Sendable {
    case event(Int, WatchedEvent)
    /// The watcher was slower than its box holds, and hears nothing more of this job: it watches again after the last number that it has read.
    case behind(Int)
    /// Nothing more will come of this job: its end was told, or nobody knows it any more.
    case ended(Int)
}

/// Signals on their way to one watcher of any number of jobs. Bounded: what finds no room is read from the job's log again, later.
package final class EventBox: Sendable {
    /// Invariant: a reader waits only while there are no signals.
    private struct State {
        var signals: [WatchSignal] = []
        var reader: UnsafeContinuation<Bool, Never>?
    }

    private let limit: Int
    private let state = Mutex(State())
    private let wake: (@Sendable () -> Void)?

    /// `wake` is called when the box is not empty any more, under locks: it must only pass the word on. It must hold a whole log.
    package init(limit: Int = 1000, wake: (@Sendable () -> Void)? = nil) {
        self.limit = limit
        self.wake = wake
    }

    /// Never waits. False when there was no room: then the watcher has been told that it is behind.
    package func post(_ event: WatchedEvent, _ mark: Int) -> Bool {
        put { signals in
            guard signals.count < limit else {
                // What is repeated by nobody may be lost, the rest may not.
                if event.name == JobEvent.Name.token.rawValue { return true }
                signals.append(.behind(mark))
                return false
            }
            signals.append(.event(mark, event))
            return true
        }
    }

    package func postEnd(_ mark: Int) {
        _ = put { signals in
            signals.append(.ended(mark))
            return true
        }
    }

    private func put(_ change: (inout [WatchSignal]) -> Bool) -> Bool {
        let (result, reader, isFirst) = state.withLock { state in
            let wasEmpty = state.signals.isEmpty
            let result = change(&state.signals)
            return (result, state.reader.take(), wasEmpty)
        }
        if let reader { reader.resume(returning: true) } else if isFirst { wake?() }
        return result
    }

    /// Everything that has come; empties the box.
    package func take() -> [WatchSignal] {
        state.withLock { state in
            defer { state.signals = [] }
            return state.signals
        }
    }

    /// Waits for something to come; empty when the task was cancelled. One reader at a time.
    package func next() async -> [WatchSignal] {
        let hasCome = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let ready = state.withLock { state -> Bool? in
                    if !state.signals.isEmpty { return true }
                    if Task.isCancelled { return false }
                    state.reader = continuation
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            let reader = state.withLock { $0.reader.take() }
            reader?.resume(returning: false)
        }
        return hasCome ? take() : []
    }

    /// Everything that comes, until the task is cancelled. One reader at a time.
    package var signals: Signals { Signals(box: self) }

    package struct Signals: AsyncSequence, AsyncIteratorProtocol, Sendable {
        fileprivate let box: EventBox

        package func makeAsyncIterator() -> Signals { self }

        package func next() async -> [WatchSignal]? {
            await next(isolation: nil)
        }

        package func next(isolation actor: isolated (any Actor)?) async -> [WatchSignal]? {
            let signals = await box.next()
            return signals.isEmpty ? nil : signals
        }
    }
}
