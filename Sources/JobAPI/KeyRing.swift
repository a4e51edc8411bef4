internal import JobLedger
internal import JobModel
internal import Logging
internal import Synchronization

/// Every key that is not revoked, in memory: a flood of wrong keys costs no SQL. PostgreSQL announces changes; should an announcement be lost,
/// the next look is at most `interval` away.
final class KeyRing: Sendable {
    enum Found: Sendable {
        case key(StoredKey)
        case unknown
        /// The keys cannot be had, or are too old to be believed.
        case unavailable
    }

    private struct State {
        var keys: [String: StoredKey] = [:]
        /// When the look began that brought them; nil before the first.
        var seen: ContinuousClock.Instant?
        /// When the last look began.
        var tried: ContinuousClock.Instant?
        var look: Task<Void, Never>?
    }

    private static let interval = Duration.seconds(2)
    /// Unknown keys make one look at most in this time, whoever asks and however often.
    private static let patience = Duration.milliseconds(250)
    /// While PostgreSQL is away nobody can revoke a key there; after this time none is believed any more.
    private static let believed = Duration.seconds(300)

    private let ledger: JobLedger
    private let logger: Logger
    private let state = Mutex(State())

    init(ledger: JobLedger, logger: Logger) {
        self.ledger = ledger
        self.logger = logger
    }

    /// Patiently: a key that is not known may be new, and its announcement on the way, so the keys are looked at once more.
    func find(_ id: String, patiently: Bool) async -> Found {
        let found = known(id)
        if case .key = found { return found }
        guard patiently else { return found }
        let asked = ContinuousClock.now
        if let tried = state.withLock({ $0.tried }) { try? await Task.sleep(until: tried + KeyRing.patience, clock: .continuous) }
        await look(since: asked)
        return known(id)
    }

    /// Whether the key was there and is not any more. While the keys cannot be had, nobody knows.
    func isGone(_ id: String) -> Bool {
        if case .unknown = known(id) { true } else { false }
    }

    private func known(_ id: String) -> Found {
        state.withLock { state in
            guard let seen = state.seen, .now - seen < KeyRing.believed else { return .unavailable }
            return state.keys[id].map(Found.key) ?? .unknown
        }
    }

    /// Keeps the ring up to date until it is cancelled.
    func follow() async {
        let changes = ledger.keyChanges()
        let (pokes, poke) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await changes.forEach { poke.yield() } }
            group.addTask { for await _ in pokes { await self.look(since: .now) } }
            group.addTask {
                while !Task.isCancelled {
                    await self.look(since: .now)
                    try? await Task.sleep(for: KeyRing.interval)
                }
            }
            await group.waitForAll()
        }
        await changes.close()
    }

    /// Reads the keys, one reader at a time. Only a look that began after `moment` counts: an older one may have missed the change.
    private func look(since moment: ContinuousClock.Instant) async {
        while true {
            let (look, isEnough) = state.withLock { state -> (Task<Void, Never>?, Bool) in
                if let tried = state.tried, tried >= moment { return (state.look, true) }
                if let running = state.look { return (running, false) }
                state.tried = .now
                let look = Task { await self.read(since: .now) }
                state.look = look
                return (look, true)
            }
            await look?.value
            if isEnough { return }
        }
    }

    private func read(since began: ContinuousClock.Instant) async {
        let keys = try? await ledger.apiKeys()
        let isNews = state.withLock { state in
            state.look = nil
            guard let keys else { return state.seen.map { began - $0 < KeyRing.interval * 2 } ?? true }
            state.seen = began
            state.keys = Dictionary(keys.map { ($0.key.id, $0) }, uniquingKeysWith: { $1 })
            return false
        }
        if isNews { logger.warning("The API keys cannot be read; those that are known go on for five minutes") }
    }
}
