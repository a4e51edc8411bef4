import JobModel
import PostgresWire
import TestServers

/// A schedule that fires every second while things break. Its jobs are known only when it has ended: then they are entered into the book.
extension Load {
    func beginSchedule() async throws {
        let body: JSONValue = [
            "name": .string(name), "expression": "@every 1s", "kind": "effect", "input": ["ms": 20], "missed": "run_once",
        ]
        do {
            try await door.insist("POST", "/schedules", body)
        } catch let refused as Door.Refused where refused.answer.problem == "schedule-exists" {
            // The answer to the first request was lost.
            return
        }
    }

    /// Waits until nothing is overdue, then ends it.
    func endSchedule() async throws {
        let database = fleet.database
        let find = "SELECT id::text AS id FROM schedules WHERE name = $1"
        guard let id = try await database.query(find, [.text(name)]).first?.string("id") else { return }
        let isAhead = "SELECT 1 FROM schedules WHERE id = $1::uuid AND next_run_at > now()"
        do {
            try await eventually(within: fleet.lease * 4 + .seconds(10)) { try await !database.query(isAhead, [.text(id)]).isEmpty }
        } catch {
            book.note(wrong: "nobody fires the schedule any more: \(error)")
        }
        while let answer = await door.send("DELETE", "/schedules/\(id)"), answer.status >= 500 { book.count(refusal: "schedule") }
        for job in try await fires() { book.accept(job.id, Self.fired) }
    }

    /// Every second from the first to the last, each once; where runs were missed, one gap.
    func checkFires() async throws -> [String] {
        let fires = try await fires()
        let gaps = zip(fires, fires.dropFirst()).filter { $1.time != $0.time + 1000 }
        return gaps.filter { book.mayMissRuns ? gaps.count > 1 || $1.time <= $0.time : true }.map { before, after in
            "the schedule fired for \(before.time) and then for \(after.time)"
        }
    }

    private func fires() async throws -> [(id: String, time: Int64)] {
        let sql = """
            SELECT id::text AS id, (extract(epoch FROM (metadata ->> 'scheduled_for')::timestamptz) * 1000)::bigint AS ms
            FROM jobs WHERE metadata ->> 'schedule' = $1 ORDER BY 2, 1
            """
        return try await fleet.database.query(sql, [.text(name)]).map { (try $0.string("id"), try $0.int("ms")) }
    }

    private static let fired = Order(kind: "effect", milliseconds: 20, steps: 1, priority: "medium")
}
