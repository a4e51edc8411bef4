internal import Synchronization

/// Closed for a moment after Redis refused or missed a new job: the next ones are refused before a row is written for them,
/// because an accepted row is a promise.
final class IntakeGate: Sendable {
    private struct State {
        var closedUntil: ContinuousClock.Instant?
        var reason: DeskError?
    }

    private let state = Mutex(State())

    func check() throws(DeskError) {
        let reason = state.withLock { state in
            state.closedUntil.map { $0 > .now } == true ? state.reason : nil
        }
        if let reason { throw reason }
    }

    func close(for duration: Duration, because reason: DeskError) {
        state.withLock { $0 = State(closedUntil: .now + duration, reason: reason) }
    }

    func open() {
        state.withLock { $0 = State() }
    }
}
