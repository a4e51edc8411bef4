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
    /// Jobs of this kind have not ended, and wait in the queue that it would leave.
    case moves(String)
}

/// Kinds of other programs: SQL keeps them, and every process looks there once a second, and before it says that there is no such kind.
extension JobDesk {
    /// Looks again for kinds that nobody here has heard of: they may have been registered a moment ago. An SQL that is away is no answer.
    package func meet(_ names: [String]) async {
        if names.contains(where: { catalogue[$0] == nil }) { await kindLooks.look(since: .now) }
    }

    /// Looks at what is registered now. False: SQL did not answer, and all is as it was.
    @discardableResult
    package func refreshKinds() async -> Bool {
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
    /// Costs nothing where they are known as they are: then they pass, whatever else is in their queues by now.
    package func register(_ kinds: [JobKind], running others: [String] = []) async throws(DeskError) {
        guard !areKnown(kinds) else { return }
        await refreshKinds()
        guard !areKnown(kinds) else { return }
        for kind in kinds where catalogue[kind.name].map({ $0.isRegistered && $0.queue != kind.queue }) ?? false {
            if try await hasLiveJobs(kind.name) { throw .kindRefused(.moves(kind.name)) }
        }
        switch try await asking(postgres: { () throws(PostgresError) in try await ledger.register(kinds, running: others) }) {
        case .done: await refreshKinds()
        case .nameTaken(let name): throw .kindRefused(.nameTaken(name))
        case .queueTaken(let queue, let by): throw .kindRefused(.queueTaken(queue: queue, by: by))
        case .tooMany: throw .kindRefused(.tooMany)
        case .moves(let name): throw .kindRefused(.moves(name))
        }
    }

    private func areKnown(_ kinds: [JobKind]) -> Bool {
        kinds.allSatisfy { kind in catalogue[kind.name].map { $0.isRegistered && $0.registration == kind.registration } ?? false }
    }

    /// In either store: jobs of unrecorded kinds are in Redis only.
    private func hasLiveJobs(_ kind: String) async throws(DeskError) -> Bool {
        var filter = JobFilter()
        filter.kinds = [kind]
        filter.states = [.waiting, .scheduled, .queued, .processing]
        return try await !list(filter, below: nil, limit: 1).jobs.isEmpty
    }

    /// Forgets a kind without live jobs. Those of unrecorded kinds are looked for in Redis.
    package func forgetKind(_ name: String) async throws(DeskError) {
        if try await hasLiveJobs(name) { throw .kindInUse(name) }
        guard try await asking(postgres: { () throws(PostgresError) in try await ledger.forgetKind(name) }) else { throw .kindInUse(name) }
        await refreshKinds()
    }
}

/// Reads the registered kinds, one reader at a time, for everybody who asks.
final class KindLooks: Sendable {
    private struct State {
        /// When the last look began.
        var tried: ContinuousClock.Instant?
        var look: Task<Bool, Never>?
        /// Whether the last look that ended saw what is registered.
        var hasSeen = false
    }

    private let catalogue: JobCatalogue
    private let ledger: JobLedger
    private let state = Mutex(State())

    init(_ catalogue: JobCatalogue, ledger: JobLedger) {
        self.catalogue = catalogue
        self.ledger = ledger
    }

    /// Returns after a look that began at `moment` or later: an older one may have missed what is asked for. False: it saw nothing.
    @discardableResult
    func look(since moment: ContinuousClock.Instant) async -> Bool {
        while true {
            let (look, isEnough, hasSeen) = state.withLock { state -> (Task<Bool, Never>?, Bool, Bool) in
                if let tried = state.tried, tried >= moment { return (state.look, true, state.hasSeen) }
                if let running = state.look { return (running, false, false) }
                state.tried = .now
                let look = Task { await self.read() }
                state.look = look
                return (look, true, false)
            }
            let saw = await look?.value ?? hasSeen
            if isEnough { return saw }
        }
    }

    /// What cannot be read leaves the kinds as they were.
    private func read() async -> Bool {
        let kinds = try? await ledger.registeredKinds()
        if let kinds { catalogue.know(kinds) }
        state.withLock { state in
            state.look = nil
            state.hasSeen = kinds != nil
        }
        return kinds != nil
    }
}
