internal import Synchronization

/// Closed after Redis refused or missed a new job: the next ones are refused before a row is written for them, because an accepted row is a
/// promise. After a moment one request probes; the gate opens when Redis takes writes again.
final class IntakeGate: Sendable {
    private struct Closure {
        var until: ContinuousClock.Instant
        var reason: DeskError
    }

    private let closure = Mutex<Closure?>(nil)

    /// Throws the reason while the gate is closed. Cost while it is open: one lock.
    func admit(probe: () async throws(DeskError) -> Void) async throws(DeskError) {
        guard let closure = closure.withLock({ $0 }) else { return }
        guard closure.until <= .now else { throw closure.reason }
        do {
            try await probe()
            self.closure.withLock { $0 = nil }
        } catch {
            close(because: error)
            throw error
        }
    }

    func close(because reason: DeskError) {
        closure.withLock { $0 = Closure(until: .now + .seconds(1), reason: reason) }
    }
}
