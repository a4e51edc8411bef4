internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `/schedules`: jobs that are made again and again. What a schedule says of its jobs are the members of `POST /jobs`.
extension Reception {
    func createSchedule(_ exchange: Exchange) async throws -> Response {
        let draft = try ScheduleBody.draft(await BodyReader.object(of: exchange.request))
        let schedule = try await desk.createSchedule(draft)
        exchange.notes.add(target: schedule.id.description, ["name": .string(schedule.name)])
        return Response(
            ScheduleDocument.of(schedule), status: .created, headers: [.location: "/schedules/\(schedule.id)"])
    }

    func listSchedules(_ exchange: Exchange) async throws -> Response {
        try exchange.allowQuery("limit", "cursor", "name")
        let limit = try SchedulePage.limit(exchange)
        let schedules = try await desk.schedules(after: SchedulePage.cursor(exchange), named: exchange.query("name"), limit: limit)
        var document: [String: JSONValue] = ["schedules": .array(schedules.map { ScheduleDocument.of($0) })]
        if schedules.count == limit { document["next_cursor"] = (schedules.last?.id.description).map(JSONValue.string) }
        return Response(.object(document))
    }

    func readSchedule(_ exchange: Exchange) async throws -> Response {
        try await Response(ScheduleDocument.of(desk.schedule(exchange.scheduleID())))
    }

    /// Members that are given replace those that are there; null takes one away. Another change that comes between is taken into account.
    func changeSchedule(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.scheduleID()
        let body = try await BodyReader.object(of: exchange.request)
        exchange.notes.add(["changes": .array(body.keys.sorted().map(JSONValue.string))])
        for _ in 0..<5 {
            let old = try await desk.schedule(id)
            let draft = try ScheduleBody.draft(ScheduleBody.members(of: old).merging(body) { $1 })
            if let new = try await desk.changeSchedule(old, to: draft) { return Response(ScheduleDocument.of(new)) }
        }
        throw Problem.scheduleChanged
    }

    func deleteSchedule(_ exchange: Exchange) async throws -> Response {
        try await desk.deleteSchedule(exchange.scheduleID())
        return Response(status: .noContent)
    }

    /// Now, once; answered like a submission.
    func runSchedule(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.scheduleID()
        let key = try IdempotencyHeader.key(exchange.header("Idempotency-Key"), route: "/schedules/\(id)/run", body: [:])
        let traceparent = RequestIDs.traceparent(exchange.header("traceparent"))
        return try await accepted(desk.runSchedule(id, idempotency: key, traceparent: traceparent), exchange)
    }
}

extension Exchange {
    fileprivate func scheduleID() throws(Problem) -> JobID {
        guard let text = captured.first, let id = JobID(text) else { throw .unknownSchedule }
        return id
    }
}

private enum SchedulePage {
    static func limit(_ exchange: Exchange) throws(Problem) -> Int {
        guard let text = exchange.query("limit") else { return 100 }
        guard let limit = Int(text), (1...500).contains(limit) else { throw .badQuery("limit", "must be a whole number from 1 to 500") }
        return limit
    }

    static func cursor(_ exchange: Exchange) throws(Problem) -> JobID? {
        guard let text = exchange.query("cursor") else { return nil }
        guard let id = JobID(text) else { throw .badQuery("cursor", "must be the next_cursor of the page before") }
        return id
    }
}

/// What a request says of a schedule.
enum ScheduleBody {
    static let shape = InputShape([
        .init("name", .text(maxLength: 200), required: true, "unique among schedules"),
        .init("expression", .text(maxLength: CronExpression.maxLength), required: true, "when it fires"),
        .init("time_zone", .text(maxLength: 64), standard: "UTC", "whose clocks the expression means"),
        .init("missed", .choice(Schedule.MissedRuns.allCases.map(\.rawValue)), standard: "run_once", "fire times without a worker"),
        .init("overlap", .choice(Schedule.Overlap.allCases.map(\.rawValue)), standard: "allow", "while the job before lives"),
        .init("enabled", .boolean, standard: true, "whether it fires"),
    ])
    /// Of one submission only.
    static let foreign = ["delay", "run_at"]

    /// The schedule's own members, and the job's, which are read as `POST /jobs` reads them; every fault of both is told.
    static func draft(_ body: [String: JSONValue]) throws(Problem) -> ScheduleDraft {
        let names = Set(shape.fields.map(\.name))
        var faults = foreign.filter { body[$0].map { !$0.isNull } ?? false }.map {
            InputShape.Fault(pointer: "#/\($0)", detail: "is not a member of a schedule: its expression says when")
        }
        let own = SubmitJob.accept(.object(body.filter { names.contains($0.key) }), shape, at: "#", &faults)
        let request: JobRequest?
        do { request = try SubmitJob.request(body.filter { !names.contains($0.key) && !foreign.contains($0.key) }) } catch {
            guard let found = error.faults else { throw error }
            faults += found
            request = nil
        }
        guard let own, let request, faults.isEmpty else { throw .invalid(faults) }
        return draft(own, request)
    }

    private static func draft(_ own: [String: JSONValue], _ request: JobRequest) -> ScheduleDraft {
        var draft = ScheduleDraft(name: own["name"]?.string ?? "", expression: own["expression"]?.string ?? "", request: request)
        draft.timeZone = own["time_zone"]?.string ?? draft.timeZone
        draft.missed = own["missed"]?.string.flatMap(Schedule.MissedRuns.init) ?? draft.missed
        draft.overlap = own["overlap"]?.string.flatMap(Schedule.Overlap.init) ?? draft.overlap
        draft.isEnabled = own["enabled"]?.boolean ?? draft.isEnabled
        return draft
    }

    /// A request that would make this schedule.
    static func members(of schedule: Schedule) -> [String: JSONValue] {
        var members = schedule.options.object ?? [:]
        members["name"] = .string(schedule.name)
        members["expression"] = .string(schedule.expression)
        members["time_zone"] = .string(schedule.timeZone)
        members["missed"] = .string(schedule.missed.rawValue)
        members["overlap"] = .string(schedule.overlap.rawValue)
        members["enabled"] = .boolean(schedule.isEnabled)
        members["kind"] = .string(schedule.kind)
        members["input"] = schedule.input
        return members
    }
}

/// A schedule as it is shown: what it was made with, and how it goes.
enum ScheduleDocument {
    private static let nextRuns = 5

    static func of(_ schedule: Schedule, at now: Timestamp = .now) -> JSONValue {
        var document = ScheduleBody.members(of: schedule)
        document["schedule_id"] = .string(schedule.id.description)
        document["created_at"] = .string(schedule.createdAt.description)
        document["updated_at"] = .string(schedule.updatedAt.description)
        document["next_runs"] = .array(runs(schedule, now).map { .string($0.description) })
        document["next_run_at"] = schedule.nextRunAt.map { .string($0.description) } ?? .null
        document["last_run_at"] = schedule.lastRunAt.map { .string($0.description) } ?? .null
        document["last_job_id"] = schedule.lastJobID.map { .string($0.description) } ?? .null
        document["last_error"] = schedule.lastError.map(JSONValue.string) ?? .null
        return .object(document)
    }

    private static func runs(_ schedule: Schedule, _ now: Timestamp) -> [Timestamp] {
        guard schedule.isEnabled, let first = schedule.nextRunAt, let clock = try? schedule.clock() else { return [] }
        var times = [first]
        while times.count < nextRuns, let last = times.last, let next = clock.next(after: max(last, now)) { times.append(next) }
        return times
    }
}
