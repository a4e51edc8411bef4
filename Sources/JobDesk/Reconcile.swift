internal import JobLedger
package import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

/// How far the leader has looked through the live rows.
package struct ReconcilePlace: Sendable, Hashable {
    /// Rows up to here were looked at once they were old enough. Nil: from ten minutes back.
    var newest: JobID?
    /// The slow round over all of them, a page a call.
    var round: JobID?

    package init() {}
}

/// The rows are the outbox: every live row that Redis does not know is queued again, with its attempt number. After a loss of Redis, after a
/// crash between row and queue, and for jobs that SQL accepted. May run anywhere, any number of times.
extension JobDesk {
    private static let page = 1_000

    /// All rows older than `age` at once, for after a loss; returns how many were queued. Cost: a statement and a pipeline for 1,000 rows.
    package func reconcile(olderThan age: Int64 = 5_000) async throws(DeskError) -> Int {
        var queued = 0
        var after: JobID?
        repeat {
            let last = after
            let part = try await look(after: last, age: age, before: nil)
            queued += part.queued
            after = part.next
        } while after != nil
        return queued
    }

    /// One portion: rows that have just become old enough, and a page of the others. A backlog of a million costs no more than a small one.
    package func reconcile(from place: ReconcilePlace, age: Int64 = 5_000) async throws(DeskError) -> (queued: Int, place: ReconcilePlace) {
        var next = place
        let ripe = JobID(at: Timestamp.now.advanced(byMilliseconds: -age))
        var after: JobID? = place.newest ?? JobID(at: Timestamp.now.advanced(byMilliseconds: -600_000))
        var queued = 0
        for _ in 0..<20 where after != nil {
            let last = after
            let part = try await look(after: last, age: age, before: ripe)
            queued += part.queued
            after = part.next
        }
        // Ids of one millisecond have no order: the next look begins a little earlier.
        next.newest = after ?? JobID(at: Timestamp.now.advanced(byMilliseconds: -age - 1_000))
        let part = try await look(after: place.round, age: age, before: nil)
        next.round = part.next
        return (queued + part.queued, next)
    }

    /// Jobs that SQL has accepted by itself and told of.
    package func enqueueAnnounced(_ ids: [JobID]) async throws(DeskError) -> Int {
        try await enqueueUnknown(ids)
    }

    /// Jobs of the last minutes, whatever their age: what was announced while nobody listened.
    package func reconcileRecent() async throws(DeskError) -> Int {
        try await reconcile(from: ReconcilePlace(), age: 0).queued
    }

    private func look(after: JobID?, age: Int64, before: JobID?) async throws(DeskError) -> (queued: Int, next: JobID?) {
        let accepted = Timestamp.now.advanced(byMilliseconds: -age)
        let ids = try await asking(postgres: { () throws(PostgresError) in
            try await ledger.liveIDs(acceptedBefore: accepted, after: after, before: before, limit: JobDesk.page)
        })
        let queued = try await enqueueUnknown(ids)
        return (queued, ids.count == JobDesk.page ? ids.last : nil)
    }

    private func enqueueUnknown(_ ids: [JobID]) async throws(DeskError) -> Int {
        guard !ids.isEmpty else { return 0 }
        let states = try await asking(redis: { () throws(RedisError) in try await queue.states(of: ids) })
        var queued = try await resumeRetries(ids.filter { states[$0]?.isTerminal == true })
        let unknown = ids.filter { states[$0] == nil }
        for start in stride(from: 0, to: unknown.count, by: 200) {
            let part = Array(unknown[start..<min(start + 200, unknown.count)])
            let rows = try await asking(postgres: { () throws(PostgresError) in try await ledger.readableJobs(part) })
            let live = rows.filter { !$0.state.isTerminal && $0.state != .waiting }
            let answers = try await asking(redis: { () throws(RedisError) in try await queue.enqueue(live) })
            queued += answers.count { $0 == .accepted }
        }
        return queued
    }
}
