internal import JobLedger
internal import Logging
internal import Synchronization

/// Whether this worker leads, and the token that its writes carry. `Candidate` decides, PostgreSQL's one row is the referee.
/// Without PostgreSQL nobody leads for longer than a term.
final class Leadership: Sendable {
    private let ledger: JobLedger
    private let name: String
    private let logger: Logger
    private let candidate: Mutex<Candidate>
    private let hasLeft = Atomic(false)

    init(ledger: JobLedger, name: String, settings: RunnerSettings, logger: Logger) {
        self.ledger = ledger
        self.name = name
        self.logger = logger
        candidate = Mutex(Candidate(name: name, term: settings.leaderTerm, interval: settings.leadInterval))
    }

    /// Nil while another worker leads.
    var token: LeaderToken? { candidate.withLock { $0.token(now: .now) } }

    /// One statement: renews, looks, or takes over.
    func campaign() async throws {
        if hasLeft.load(ordering: .acquiring) { return }
        let before = token
        let sent = ContinuousClock.now
        let call = candidate.withLock { $0.nextCall(now: sent) }
        do {
            let seat = try await make(call)
            candidate.withLock { $0.received(seat, sent: sent, now: .now) }
        } catch {
            candidate.withLock { $0.startAnew() }
            throw error
        }
        if before == nil, let token { logger.info("This worker leads", metadata: ["token": "\(token.number)"]) }
    }

    /// For good: lets the next worker take over at once.
    func resign() async {
        hasLeft.store(true, ordering: .releasing)
        guard let token else { return }
        candidate.withLock { $0.received(nil, sent: .now, now: .now) }
        try? await ledger.resignLeadership(as: name, token)
    }

    private func make(_ call: Candidate.Call) async throws -> LeaderSeat? {
        switch call {
        case .observe: try await ledger.leaderSeat()
        case .renew(let token): try await ledger.renewLeadership(as: name, token)
        case .take(let seat): try await ledger.takeLeadership(as: name, from: seat)
        }
    }
}
