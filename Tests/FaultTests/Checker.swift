import JobModel
import PostgresWire
import RedisWire
import TestServers

/// What must hold when the faults are over: every accepted job has ended exactly once, in SQL, in Redis and in its events; what it reports
/// was done; nothing of it is left behind. Collects everything that is wrong instead of stopping at the first.
struct Checker {
    let fleet: Fleet
    let load: Load
    /// Redis was made to forget: jobs that only it knew may be gone.
    var redisForgot = false
    /// Event streams that are read; all when there are fewer jobs.
    var eventSamples = 60

    private var accepted: [String: Order] { load.book.accepted }

    func check(calmWithin limit: Duration) async throws -> Report {
        var report = Report(name: load.name, jobs: accepted.count, refusals: load.book.refusals)
        report.calm = await ContinuousClock().measure { report.wrongs += await waitForCalm(limit) }
        let rows = try await Row.all(of: load.name, in: fleet.database)
        let effects = fleet.effects.filter { accepted[$0.job] != nil }
        report.wrongs +=
            load.book.wrongs + checkRows(rows) + checkEffects(rows, effects) + checkLimits(rows, effects) + checkParents(rows, effects)
        report.wrongs += try await checkClients(rows)
        report.wrongs += try await settled { try await checkRedis(rows) }
        report.wrongs += await checkEvents(rows)
        report.wrongs += try await settled { try await Leftovers.find(in: fleet.redis) }
        report.count(rows, effects)
        return report
    }

    /// Nothing may be stuck: all rows end, and so do jobs that have none.
    private func waitForCalm(_ limit: Duration) async -> [String] {
        do {
            try await eventually(within: limit) {
                guard try await Row.live(of: load.name, in: fleet.database) == 0 else { return false }
                return try await unrecordedStates().values.allSatisfy { $0.map(Self.isTerminal) ?? redisForgot }
            }
            return []
        } catch {
            let stuck = (try? await Row.all(of: load.name, in: fleet.database).filter { !$0.isTerminal }) ?? []
            var some: [String] = []
            for row in stuck.prefix(3) {
                some.append("\(row.id) is \(row.status) after \(row.outcomes), in Redis \(await Leftovers.place(of: row.id, fleet.redis))")
            }
            return ["\(stuck.count) recorded jobs are stuck \(limit) after the last fault: \(some.joined(separator: "; ")) (\(error))"]
        }
    }

    private static func isTerminal(_ state: String) -> Bool { ["completed", "failed", "cancelled"].contains(state) }

    private func unrecordedStates() async throws -> [String: String?] {
        try await statesInRedis(accepted.filter { !$0.value.isRecorded }.map(\.key))
    }

    /// One row for each accepted job, no other, ended as its kind ends, by exactly one attempt.
    private func checkRows(_ rows: [Row]) -> [String] {
        var wrongs: [String] = []
        let known = Set(rows.map(\.id))
        for (id, order) in accepted where order.isRecorded && !known.contains(id) { wrongs.append("the accepted job \(id) has no row") }
        for row in rows {
            guard let order = accepted[row.id] else {
                if load.book.abandoned.contains(row.key) { continue }
                wrongs.append("the row \(row.id) belongs to no accepted job: one key made two")
                continue
            }
            if !order.ends.contains(row.status) {
                wrongs.append("\(order.kind) \(row.id) ended as \(row.status) \(row.errorType) after \(row.outcomes)")
            }
            var ends = row.outcomes.filter(Self.isTerminal)
            if order.isMended, ends.first == "failed" { ends.removeFirst() }
            if ends.count > 1 || (row.status == "completed" && ends != ["completed"]) {
                wrongs.append("\(row.id) is \(row.status), its attempts ended \(row.outcomes)")
            }
            if row.outcomes.contains("open") {
                wrongs.append("\(row.id) is \(row.status), and an attempt of it is still open: \(row.outcomes)")
            }
            if order.kind == "crash", row.errorType != "poisoned" {
                wrongs.append("\(row.id) kills its process and ended as \(row.errorType)")
            }
        }
        return wrongs
    }

    /// A recorded completion has its effect, from the attempt that it names; no attempt of a recorded job was started twice.
    private func checkEffects(_ rows: [Row], _ effects: [Effect]) -> [String] {
        var wrongs: [String] = []
        var seen: [String: Int] = [:]
        for effect in effects { seen["\(effect.job) \(effect.attempt) \(effect.phase)", default: 0] += 1 }
        let steps = Set(effects.map { "\($0.job) \($0.phase)" })
        for row in rows where row.status == "completed" {
            guard let order = accepted[row.id] else { continue }
            if seen["\(row.id) \(row.givenBy) done"] == nil {
                wrongs.append("\(row.id) is completed by attempt \(row.givenBy), which did nothing")
            }
            for step in 1...order.steps where order.kind == "slow" && !steps.contains("\(row.id) step-\(step)") {
                wrongs.append("\(row.id) is completed without the effect of step \(step)")
            }
        }
        for (key, count) in seen where count > 1 && key.hasSuffix(" start") {
            let id = String(key.prefix { $0 != " " })
            // A Redis that forgot a claim counts it again; one of the two attempts ends the job.
            if accepted[id]?.isRecorded == true, !redisForgot { wrongs.append("an attempt was started \(count) times: \(key)") }
        }
        return wrongs
    }

    /// Begin and end of the attempts that completed jobs, by id.
    private func runs(_ rows: [Row], _ effects: [Effect]) -> [String: ClosedRange<Int>] {
        let times = Dictionary(effects.map { ("\($0.job) \($0.attempt) \($0.phase)", $0.milliseconds) }, uniquingKeysWith: min)
        var runs: [String: ClosedRange<Int>] = [:]
        for row in rows where row.status == "completed" {
            guard let start = times["\(row.id) \(row.givenBy) start"], let end = times["\(row.id) \(row.givenBy) done"], start <= end
            else { continue }
            runs[row.id] = start...end
        }
        return runs
    }

    /// Never more at once than a limit allows: of its queue, its kind, its key, or one of a unique key.
    private func checkLimits(_ rows: [Row], _ effects: [Effect]) -> [String] {
        var groups: [String: (limit: Int, runs: [ClosedRange<Int>])] = [:]
        for (id, run) in runs(rows, effects) {
            guard let limit = accepted[id]?.limit, !load.book.losses.contains(where: { $0.overlaps(run) }) else { continue }
            groups[limit.name, default: (limit.jobs, [])].runs.append(run)
        }
        return groups.compactMap { name, group in
            // An end comes before a start of the same millisecond.
            let turns = group.runs.flatMap { [($0.lowerBound, 1), ($0.upperBound, -1)] }.sorted { $0 < $1 }
            var now = 0
            let most =
                turns.map { turn in
                    now += turn.1
                    return now
                }.max() ?? 0
            return most > group.limit ? "\(most) jobs of \(name) ran at once, \(group.limit) may" : nil
        }
    }

    /// A child began after its parents had ended, or never.
    private func checkParents(_ rows: [Row], _ effects: [Effect]) -> [String] {
        let runs = runs(rows, effects)
        let starts = Dictionary(effects.filter { $0.phase == "start" }.map { ($0.job, $0.milliseconds) }, uniquingKeysWith: min)
        return rows.compactMap { row in
            guard let order = accepted[row.id], let start = starts[row.id] else { return nil }
            if order.isOrphaned { return "\(row.id) started although its parent failed" }
            let early = order.parents.filter { parent in runs[parent].map { $0.upperBound > start } ?? (starts[parent] ?? 0 > start) }
            return early.isEmpty ? nil : "\(row.id) started before its parents \(early) had ended"
        }
    }

    /// Flows count their jobs right, orders in SQL have their jobs, the schedule missed nothing.
    private func checkClients(_ rows: [Row]) async throws -> [String] {
        var wrongs = try await Load.splitOrders(of: load.name, in: fleet.database) + load.checkFires()
        let byFlow = Dictionary(grouping: rows.filter { $0.flow != nil }, by: { $0.flow ?? "" })
        for (flow, jobs) in load.book.flows {
            let found = byFlow[flow] ?? []
            if Set(found.map(\.id)) != Set(jobs) { wrongs.append("the flow \(flow) has other jobs than were promised: \(found.map(\.id))") }
            let counts = try await load.door.insist("GET", "/flows/\(flow)").body["counts"]
            let told = ["completed", "failed", "cancelled"].map { Int(counts?[$0]?.integer ?? -1) }
            let counted = ["completed", "failed", "cancelled"].map { state in found.count { $0.status == state } }
            if told != counted { wrongs.append("the flow \(flow) counts \(told), and its jobs are \(counted)") }
        }
        return wrongs
    }

    /// Redis says what SQL says, while it remembers.
    private func checkRedis(_ rows: [Row]) async throws -> [String] {
        var wrongs: [String] = []
        let states = try await statesInRedis(rows.map(\.id))
        for row in rows {
            if let state = states[row.id] ?? nil, state != row.status {
                wrongs.append("\(row.id) is \(row.status) in SQL and \(state) in Redis")
            }
        }
        for (id, state) in try await unrecordedStates() {
            guard let order = accepted[id] else { continue }
            if let state {
                if !order.ends.contains(state) { wrongs.append("the unrecorded job \(id) ended as \(state)") }
            } else if !redisForgot {
                wrongs.append("the unrecorded job \(id) is gone")
            }
        }
        return wrongs
    }

    private func statesInRedis(_ ids: [String]) async throws -> [String: String?] {
        var states: [String: String?] = [:]
        for start in stride(from: 0, to: ids.count, by: 500) {
            let some = ids[start..<min(start + 500, ids.count)]
            let replies = try await fleet.redis.pipeline(some.map { ["HGET", .string("job:\($0)"), "status"] })
            for (id, reply) in zip(some, replies) { states[id] = .some(reply.string) }
        }
        return states
    }

    /// The stream of events has one end, which is its last event and the row's state, and its numbers have no gap.
    private func checkEvents(_ rows: [Row]) async -> [String] {
        var wrongs: [String] = []
        for row in rows.filter(\.isTerminal).shuffled().prefix(eventSamples) {
            guard let events = await load.door.events(of: row.id) else {
                wrongs.append("the events of \(row.id) cannot be read")
                continue
            }
            // After a loss of Redis a watcher gets the state first, and the events that there still are behind it.
            let ends = events.filter { Self.isTerminal($0.name) }.count
            let last = events.last.map { $0.name == "snapshot" ? $0.data["status"]?.string ?? "" : $0.name }
            let most = accepted[row.id]?.isMended == true ? 2 : 1
            let hasOneEnd = (1...most).contains(ends) || (ends == 0 && events.last?.name == "snapshot")
            let numbers = events.compactMap(\.number)
            // A torn file may have kept the number and lost the event.
            let isWhole = zip(numbers, numbers.dropFirst()).allSatisfy { redisForgot ? $1 > $0 : $1 == $0 + 1 }
            if !hasOneEnd || last != row.status || !isWhole {
                wrongs.append("the events of \(row.id), which is \(row.status), are \(events.map { "\($0.number ?? 0) \($0.name)" })")
            }
        }
        return wrongs
    }

    /// Redis follows SQL, and leases of leaders and probes run out: what is wrong a moment later is wrong.
    private func settled(_ look: () async throws -> [String]) async throws -> [String] {
        do {
            try await eventually(within: .seconds(10)) { try await look().isEmpty }
            return []
        } catch { return try await look() }
    }
}
