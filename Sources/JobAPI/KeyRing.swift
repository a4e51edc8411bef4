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
        var tried: ContinuousClock.Instant?
        var look: Task<Void, Never>?
    }

    private static let interval = Duration.seconds(2)
    /// An unknown key makes one look at most in this time, whoever asks and however often.
    private static let patience = Duration.seconds(1)
    /// While PostgreSQL is away nobody can revoke a key there; after this time none is believed any more.
    private static let believed = Duration.seconds(300)

    private let ledger: JobLedger
    private let logger: Logger
    private let state = Mutex(State())

    init(ledger: JobLedger, logger: Logger) {
        self.ledger = ledger
        self.logger = logger
    }

    func find(_ id: String) async -> Found {
        let found = known(id)
        if case .key = found { return found }
        let now = ContinuousClock.now
        let isDue = state.withLock { state in state.tried.map { now - $0 >= KeyRing.patience } ?? true }
        let isLooking = state.withLock { $0.look != nil }
        guard isDue || isLooking else { return found }
        await look(since: isDue ? now : nil)
        return known(id)
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
                    await self.look(since: nil)
                    try? await Task.sleep(for: KeyRing.interval)
                }
            }
            await group.waitForAll()
        }
        await changes.close()
    }

    /// Reads the keys, one reader at a time. With `moment` a look counts only if it began after it: an older one may have missed the change.
    private func look(since moment: ContinuousClock.Instant?) async {
        for _ in 0..<2 {
            let (look, isNew) = state.withLock { state -> (Task<Void, Never>, Bool) in
                if let running = state.look { return (running, false) }
                let look = Task { await self.read() }
                state.look = look
                return (look, true)
            }
            await look.value
            if isNew || moment == nil { return }
            if let moment, state.withLock({ $0.seen.map { $0 >= moment } ?? false }) { return }
        }
    }

    private func read() async {
        let began = ContinuousClock.now
        state.withLock { $0.tried = began }
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
