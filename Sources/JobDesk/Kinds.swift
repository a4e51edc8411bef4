internal import JobLedger
package import JobModel
internal import Logging
internal import PostgresWire
internal import Synchronization

/// Why a registration was refused.
package enum KindRefusal: Sendable, Hashable {
    case nameTaken(String)
    case queueTaken(queue: String, by: [String])
    case tooMany
}

/// Kinds of other programs: SQL keeps them, and every process looks there once a second, and before it says that there is no such kind.
extension JobDesk {
    /// Looks again for kinds that nobody here has heard of: they may have been registered a moment ago. An SQL that is away is no answer.
    package func meet(_ names: [String]) async {
        if names.contains(where: { catalogue[$0] == nil }) { await kindLooks.look(since: .now) }
    }

    /// Looks at what is registered now.
    package func refreshKinds() async {
        await kindLooks.look(since: .now)
    }

    /// Looks once a second, until it is cancelled.
    package func followKinds() async {
        while !Task.isCancelled {
            await refreshKinds()
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// False: `tidewheel migrate` has something to do.
    package func schemaIsCurrent() async throws(DeskError) -> Bool {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.pendingMigrations().isEmpty })
    }

    /// The kinds of one program, all or none. It may run `others` too: a queue belongs to a program that runs every kind of it.
    /// Costs nothing where they are known as they are.
    package func register(_ kinds: [JobKind], running others: [String] = []) async throws(DeskError) {
        let isNews = kinds.contains { catalogue[$0.name].map { $0.isRegistered ? $0.registration : .null } != $0.registration }
        guard isNews else { return }
        switch try await asking(postgres: { () throws(PostgresError) in try await ledger.register(kinds, running: others) }) {
        case .done: await refreshKinds()
        case .nameTaken(let name): throw .kindRefused(.nameTaken(name))
        case .queueTaken(let queue, let by): throw .kindRefused(.queueTaken(queue: queue, by: by))
        case .tooMany: throw .kindRefused(.tooMany)
        }
    }

    /// Forgets a kind without live jobs. Those of unrecorded kinds are looked for in Redis.
    package func forgetKind(_ name: String) async throws(DeskError) {
        var filter = JobFilter()
        filter.kinds = [name]
        filter.states = [.waiting, .scheduled, .queued, .processing]
        guard try await list(filter, below: nil, limit: 1).jobs.isEmpty else { throw .kindInUse(name) }
        guard try await asking(postgres: { () throws(PostgresError) in try await ledger.forgetKind(name) }) else { throw .kindInUse(name) }
        await refreshKinds()
    }
}

/// Reads the registered kinds, one reader at a time, for everybody who asks.
final class KindLooks: Sendable {
    private struct State {
        /// When the last look began.
        var tried: ContinuousClock.Instant?
        var look: Task<Void, Never>?
    }

    private let catalogue: JobCatalogue
    private let ledger: JobLedger
    private let state = Mutex(State())

    init(_ catalogue: JobCatalogue, ledger: JobLedger) {
        self.catalogue = catalogue
        self.ledger = ledger
    }

    /// Returns after a look that began at `moment` or later: an older one may have missed what is asked for.
    func look(since moment: ContinuousClock.Instant) async {
        while true {
            let (look, isEnough) = state.withLock { state -> (Task<Void, Never>?, Bool) in
                if let tried = state.tried, tried >= moment { return (state.look, true) }
                if let running = state.look { return (running, false) }
                state.tried = .now
                let look = Task { await self.read() }
                state.look = look
                return (look, true)
            }
            await look?.value
            if isEnough { return }
        }
    }

    /// What cannot be read leaves the kinds as they were.
    private func read() async {
        if let kinds = try? await ledger.registeredKinds() { catalogue.know(kinds) }
        state.withLock { $0.look = nil }
    }
}
