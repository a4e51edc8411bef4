internal import JobModel
internal import Synchronization

/// What a watcher is told, in order, with the mark that it gave to the watch.
package enum WatchSignal: Sendable {
    case event(Int, WatchedEvent)
    /// The watcher was slower than its box holds, and hears nothing more of this job: it watches again after the last number that it has read.
    case behind(Int)
    /// Nothing more will come of this job: its end was told, or nobody knows it any more.
    case ended(Int)
    /// Redis is not listened to any more: how the job goes on is told elsewhere.
    case lost(Int)
}

/// Signals on their way to one watcher of any number of jobs. Bounded: what finds no room is read from the job's log again, later.
package final class EventBox: Sendable {
    /// Invariant: a reader waits only while there are no signals.
    private struct State {
        var signals: [WatchSignal] = []
        /// Of the events' JSON.
        var bytes = 0
        var reader: UnsafeContinuation<Bool, Never>?
    }

    private let limit: Int
    private let byteLimit: Int
    private let state = Mutex(State())
    private let wake: (@Sendable () -> Void)?

    /// `wake` is called when the box is not empty any more, under locks: it must only pass the word on. A log of more than `bytes` is read
    /// in several goes.
    package init(limit: Int = 1000, bytes: Int = 1 << 20, wake: (@Sendable () -> Void)? = nil) {
        self.limit = limit
        byteLimit = bytes
        self.wake = wake
    }

    /// Never waits. False when there was no room: then the watcher has been told that it is behind.
    package func post(_ event: WatchedEvent, _ mark: Int) -> Bool {
        put { state in
            guard state.signals.count < limit, state.bytes < byteLimit else {
                // What is repeated by nobody may be lost, the rest may not.
                if event.name == JobEvent.Name.token.rawValue { return true }
                state.signals.append(.behind(mark))
                return false
            }
            state.signals.append(.event(mark, event))
            state.bytes += event.json.utf8.count
            return true
        }
    }

    package func postEnd(_ mark: Int) {
        _ = put { state in
            state.signals.append(.ended(mark))
            return true
        }
    }

    func postLoss(_ mark: Int) {
        _ = put { state in
            state.signals.append(.lost(mark))
            return true
        }
    }

    private func put(_ change: (inout State) -> Bool) -> Bool {
        let (result, reader, isFirst) = state.withLock { state in
            let wasEmpty = state.signals.isEmpty
            let result = change(&state)
            return (result, state.reader.take(), wasEmpty)
        }
        if let reader { reader.resume(returning: true) } else if isFirst { wake?() }
        return result
    }

    /// Everything that has come; empties the box.
    package func take() -> [WatchSignal] {
        state.withLock { state in
            defer { (state.signals, state.bytes) = ([], 0) }
            return state.signals
        }
    }

    /// What has come first, up to the event that makes it `bytes` of JSON; whether more is left. For that nobody is woken again.
    package func take(bytes: Int) -> (signals: [WatchSignal], isMore: Bool) {
        state.withLock { state in
            var taken = 0
            let end = state.signals.firstIndex { signal in
                guard taken < bytes else { return true }
                if case .event(_, let event) = signal { taken += event.json.utf8.count }
                return false
            }
            state.bytes -= taken
            guard let end else {
                defer { state.signals = [] }
                return (state.signals, false)
            }
            defer { state.signals.removeFirst(end) }
            return (Array(state.signals[..<end]), true)
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
