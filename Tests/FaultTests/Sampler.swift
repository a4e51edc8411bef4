import PostgresWire
import Synchronization

/// Looks again and again, while things break, at what must never change: rows that have ended, and ends that clients were shown.
final class Sampler: Sendable {
    private let load: Load
    private let database: PostgresPool
    private let looks = Mutex(0)
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(_ fleet: Fleet, _ load: Load) {
        self.load = load
        database = fleet.database
    }

    /// How often something that had ended was compared with what it was before.
    var comparisons: Int { looks.withLock { $0 } }

    func start() {
        tasks.withLock { $0 = [Task { await watchRows() }, Task { await watchAnswers() }] }
    }

    func stop() async {
        let tasks = tasks.withLock { $0 }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private func watchRows() async {
        var seen: [String: String] = [:]
        while !Task.isCancelled {
            await lookForTwins()
            // A database that is away now is asked again.
            for row in (try? await database.query(Self.endedRows, [.text(load.name)])) ?? [] {
                guard let id = try? row.string("id"), let now = try? row.string("row") else { continue }
                if let before = seen.updateValue(now, forKey: id) { compare(before, now, "the row of \(id), which had ended,") }
            }
            try? await Task.sleep(for: .milliseconds(300))
        }
    }

    /// One look of SQL, in which no two jobs of a unique key may live.
    private func lookForTwins() async {
        let begin = Effect.now()
        let sql = """
            SELECT unique_key AS key, string_agg(id::text || ' ' || status, ', ') AS jobs FROM jobs
            WHERE starts_with(unique_key, $1) AND status NOT IN ('completed', 'failed', 'cancelled') GROUP BY unique_key HAVING count(*) > 1
            """
        for row in (try? await database.query(sql, [.text(load.name)])) ?? [] {
            guard let key = try? row.string("key"), let jobs = try? row.string("jobs") else { continue }
            load.book.note(wrong: "jobs of the unique key \(key) live at once: \(jobs)", unlessLostDuring: begin...Effect.now())
        }
    }

    private static let endedRows = """
        SELECT id::text AS id, (status, attempt, ended_by, error_type, md5(result::text), finished_at, updated_at)::text AS row
        FROM jobs WHERE \(Row.belongs) AND kind <> 'mending' AND status IN ('completed', 'failed', 'cancelled')
        """

    private func watchAnswers() async {
        var shown: [String: String] = [:]
        while !Task.isCancelled {
            if let id = load.book.randomID(), let order = load.book.accepted[id], order.isRecorded, !order.isMended,
                let now = await load.door.state(of: id)
            {
                if now == "gone" { load.book.note(wrong: "the accepted job \(id) was answered with 404") }
                if let before = shown[id] { compare(before, now, "the state shown of \(id)") }
                if ["completed", "failed", "cancelled"].contains(now) { shown[id] = now }
            }
            try? await Task.sleep(for: .milliseconds(25))
        }
    }

    private func compare(_ before: String, _ now: String, _ what: String) {
        looks.withLock { $0 += 1 }
        if before != now { load.book.note(wrong: "\(what) changed from \(before) to \(now)") }
    }
}
