package import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

/// What operators say: limits and pauses. SQL keeps it, Redis is told; `applyControls` tells it again after a loss, or where telling failed.
extension JobDesk {
    /// All of them are one script call's arguments.
    package static let mostLimits = 2_000

    package func limits() async throws(DeskError) -> [Limit] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.limits() })
    }

    /// Replaces what was said of the same scope and name; jobs that have room now start.
    package func set(_ limit: Limit) async throws(DeskError) {
        switch limit.scope {
        case .queue: try check(limit.name)
        case .kind where catalogue[limit.name] == nil: throw .unknownKind(limit.name, known: catalogue.kinds.map(\.name))
        case .kind, .key: break
        }
        let others = try await limits().filter { $0.scope != limit.scope || $0.name != limit.name }
        guard others.count < JobDesk.mostLimits else { throw .tooManyLimits }
        try await asking(postgres: { () throws(PostgresError) in try await ledger.set(limit) })
        try await applyLimits()
    }

    /// False: there was none.
    package func removeLimit(_ scope: Limit.Scope, _ name: String) async throws(DeskError) -> Bool {
        let isRemoved = try await asking(postgres: { () throws(PostgresError) in try await ledger.removeLimit(scope, name) })
        try await applyLimits()
        return isRemoved
    }

    /// Queues that give no jobs, and since when.
    package func pausedQueues() async throws(DeskError) -> [PausedQueue] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.pausedQueues() })
    }

    /// May be repeated; the first pause keeps its time and name.
    package func pause(_ name: String, by who: String?) async throws(DeskError) {
        try check(name)
        try await asking(postgres: { () throws(PostgresError) in try await ledger.pause(name, by: who) })
        try await asking(redis: { () throws(RedisError) in try await queue.pause(name) })
    }

    package func resume(_ name: String) async throws(DeskError) {
        try check(name)
        try await asking(postgres: { () throws(PostgresError) in try await ledger.resume(name) })
        try await asking(redis: { () throws(RedisError) in try await queue.resume(name) })
    }

    /// Asks a worker to finish what it runs and to leave. False: no worker of this name lives.
    package func drain(worker: String) async throws(DeskError) -> Bool {
        try await asking(redis: { () throws(RedisError) in try await queue.drain(worker) })
    }

    /// Brings Redis in line with SQL; true when something differed. Cost while nothing does: two small reads of each store.
    package func applyControls() async throws(DeskError) -> Bool {
        let changedLimits = try await applyLimits()
        let changedPauses = try await untilNothingDiffers { () throws(DeskError) in try await applyPauses() }
        return changedLimits || changedPauses
    }

    /// Redis is asked first, because SQL is told first: what an operator says in between is found in SQL, and not undone.
    /// An answer that was long on its way may be overtaken: then no pause is taken back, until the next look.
    private func applyPauses() async throws(DeskError) -> Bool {
        let begin = ContinuousClock.now
        let found = try await asking(redis: { () throws(RedisError) in try await queue.pausedQueues() })
        let wanted = Set(try await pausedQueues().map(\.name))
        for name in wanted.subtracting(found) { try await asking(redis: { () throws(RedisError) in try await queue.pause(name) }) }
        guard begin.duration(to: .now) < .milliseconds(500) else { return wanted != found }
        for name in found.subtracting(wanted) { try await asking(redis: { () throws(RedisError) in try await queue.resume(name) }) }
        return wanted != found
    }

    @discardableResult
    private func applyLimits() async throws(DeskError) -> Bool {
        try await untilNothingDiffers { () throws(DeskError) in
            let found = try await asking(redis: { () throws(RedisError) in try await queue.limits() })
            let wanted = try await limits()
            guard Set(wanted) != Set(found) else { return false }
            try await asking(redis: { () throws(RedisError) in try await queue.setLimits(wanted) })
            return true
        }
    }

    /// What was brought in line is looked at again: somebody may have said something else before it arrived. The next round does what is left.
    private func untilNothingDiffers(_ bringInLine: () async throws(DeskError) -> Bool) async throws(DeskError) -> Bool {
        guard try await bringInLine() else { return false }
        for _ in 0..<3 where try await !bringInLine() { break }
        return true
    }

    private func check(_ name: String) throws(DeskError) {
        guard catalogue.queues.contains(name) else { throw .unknownQueue(String(name.prefix(100)), known: catalogue.queues) }
    }
}
