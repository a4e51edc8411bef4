internal import JobLedger
internal import Synchronization

/// One periodic duty of a worker: a name, an interval, and what is done. `DutyLoop` runs it, `DutyBook` remembers how it went.
/// A new one is a file with a static maker beside this one, and a line in `Duties.swift`.
struct Duty: Sendable {
    /// As /health shows it: lower case with underscores.
    let name: String
    let interval: Duration
    /// One worker of the fleet does it at a time; its SQL writes carry the token.
    let isForLeader: Bool
    /// Says when it is worth running again, if that is before the interval is over.
    let run: @Sendable (LeaderToken?) async throws -> Duration?

    /// A duty of every worker.
    init(_ name: String, every interval: Duration, _ run: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.interval = interval
        isForLeader = false
        self.run = { _ in
            try await run()
            return nil
        }
    }

    /// A duty of every worker that knows when there is something to do.
    init(_ name: String, atMostEvery interval: Duration, _ run: @escaping @Sendable () async throws -> Duration?) {
        self.name = name
        self.interval = interval
        isForLeader = false
        self.run = { _ in try await run() }
    }

    /// A duty of the leader.
    init(leading name: String, every interval: Duration, _ run: @escaping @Sendable (LeaderToken) async throws -> Void) {
        self.init(leading: name, atMostEvery: interval) { token in
            try await run(token)
            return nil
        }
    }

    /// A duty of the leader that knows when there is something to do.
    init(leading name: String, atMostEvery interval: Duration, _ run: @escaping @Sendable (LeaderToken) async throws -> Duration?) {
        self.name = name
        self.interval = interval
        isForLeader = true
        self.run = { token in
            guard let token else { return nil }
            return try await run(token)
        }
    }
}

/// What a duty remembers from one run to the next.
final class DutyMemory<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) {
        state = Mutex(value)
    }

    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
