internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire
internal import Synchronization

/// How long jobs take, learnt from those that completed. Workers note each duration here and flush once a second; whoever estimates reads
/// a copy that is some seconds old. A kind that Redis knows nothing of begins with what SQL has.
package final class Durations: Sendable {
    private struct State {
        /// What this process noted and has not flushed yet: at most one small table a kind.
        var noted: [String: DurationHistory] = [:]
        var known: [String: DurationHistory] = [:]
        var refreshed: ContinuousClock.Instant?
        var seeded: ContinuousClock.Instant?
    }

    private static let freshness = Duration.seconds(5)
    /// Kinds without any history are looked for in SQL this often.
    private static let seedInterval = Duration.seconds(60)

    private let queue: JobQueue
    private let ledger: JobLedger
    private let catalogue: JobCatalogue
    private let state = Mutex(State())

    init(queue: JobQueue, ledger: JobLedger, catalogue: JobCatalogue) {
        self.queue = queue
        self.ledger = ledger
        self.catalogue = catalogue
    }

    /// An attempt completed. Kept as it were of an input of weight 1. Cost: a lock and an increment.
    package func note(kind: String, milliseconds: Int64, input: JSONValue = [:]) {
        let weight = weight(kind, input) ?? 1
        state.withLock { $0.noted[kind, default: DurationHistory()].note(Durations.scaled(milliseconds, by: 1 / weight)) }
    }

    private func weight(_ kind: String, _ input: JSONValue) -> Double? {
        guard let kind = catalogue[kind] else { return 1 }
        return kind.weight(of: input)
    }

    private static func scaled(_ milliseconds: Int64, by factor: Double) -> Int64 {
        factor == 1 ? milliseconds : Int64(exactly: (Double(milliseconds) * factor).rounded()) ?? milliseconds
    }

    /// Brings what was noted to Redis; what could not be brought waits for the next time.
    package func flush() async throws(DeskError) {
        var noted = state.withLock { state in
            defer { state.noted = [:] }
            return state.noted
        }
        do {
            while let (kind, history) = noted.first {
                try await asking(redis: { () throws(RedisError) in try await queue.addDurations(history, of: kind) })
                noted[kind] = nil
            }
        } catch {
            state.withLock { state in
                for (kind, history) in noted { state.noted[kind, default: DurationHistory()].add(history) }
            }
            throw error
        }
    }

    /// Flushes once a second until it is cancelled, and once more then: for a process whose jobs run elsewhere.
    package func keepFlushed() async {
        while !Task.isCancelled {
            try? await flush()
            try? await Task.sleep(for: .seconds(1))
        }
        // A cancelled task would not be answered.
        await Task { try? await self.flush() }.value
    }

    /// What is known of a kind, without waiting: a copy that is too old is renewed beside the caller.
    package func history(of kind: String) -> DurationHistory {
        let (history, isOld) = state.withLock { state in
            let isOld = state.refreshed.map { $0 + Durations.freshness < .now } ?? true
            if isOld { state.refreshed = .now }
            return (state.known[kind] ?? DurationHistory(), isOld)
        }
        if isOld { Task.detached { try? await self.refresh() } }
        return history
    }

    /// Reads every kind's history. A store that is away leaves the copy as it was.
    package func refresh() async throws(DeskError) {
        state.withLock { $0.refreshed = .now }
        let kinds = catalogue.kinds.map(\.name)
        let found = try await asking(redis: { () throws(RedisError) in try await queue.durations(of: kinds) })
        var known: [String: DurationHistory] = [:]
        for (kind, history) in zip(kinds, found) { known[kind] = history }
        let missing = kinds.filter { known[$0] == nil }
        if !missing.isEmpty, isTimeToSeed { known.merge(try await seed(missing)) { _, seeded in seeded } }
        state.withLock { [known] in $0.known = known }
    }

    private var isTimeToSeed: Bool {
        state.withLock { state in
            guard state.seeded.map({ $0 + Durations.seedInterval < .now }) ?? true else { return false }
            state.seeded = .now
            return true
        }
    }

    /// Several processes may do so at once: the first one's history stands.
    private func seed(_ kinds: [String]) async throws(DeskError) -> [String: DurationHistory] {
        let named = kinds.compactMap { catalogue[$0] }
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.lastDurations(of: named) })
        for (kind, history) in found {
            _ = try await asking(redis: { () throws(RedisError) in try await queue.seedDurations(history, of: kind) })
        }
        return found
    }
}

extension Durations {
    /// How long a new job probably takes.
    package func typical(_ kind: JobKind, _ input: JSONValue) -> Int64 {
        let history = history(of: kind.name)
        let known = history.total >= DurationHistory.enough ? history.milliseconds(at: 0.5) : nil
        return Durations.scaled(known ?? kind.estimatedMilliseconds, by: kind.weight(of: input) ?? 1)
    }

    /// What is probably left of a job that has run for so long; never negative.
    package func remaining(of job: Job, elapsed: Int64, percent: Double) -> Int64 {
        // A list does not read inputs: then what was expected at first is all there is to go by.
        guard let weight = weight(job.kind, job.input) else {
            return DurationHistory().remaining(elapsed: elapsed, percent: percent, standard: job.estimatedMilliseconds)
        }
        let left = history(of: job.kind).remaining(
            elapsed: Durations.scaled(elapsed, by: 1 / weight), percent: percent,
            standard: Durations.scaled(job.estimatedMilliseconds, by: 1 / weight))
        return Durations.scaled(left, by: weight)
    }
}
