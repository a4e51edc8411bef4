internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue

/// The queue of the model jobs as their users know it: how it stands, and its processor, which is started and stopped by resuming and pausing.
struct QueueProcessor: Sendable {
    let state: QueueState
    /// Slots of live workers that take jobs of the queue.
    let slots: Int
    let workers: Int

    /// The members of the seeds' statistics. Those that ended are counted since Redis began.
    var statistics: JSONValue {
        let counts = [
            ("pending", Int64(state.waitingTotal + state.due + state.scheduled + state.parked)), ("running", Int64(state.running)),
            ("completed", state.counters["completed"] ?? 0), ("failed", state.counters["failed"] ?? 0),
            ("cancelled", state.counters["cancelled"] ?? 0),
        ]
        var members = Dictionary(counts.map { ($0, JSONValue.integer($1)) }, uniquingKeysWith: { first, _ in first })
        members["total"] = .integer(counts.reduce(0) { $0 + $1.1 })
        members["maxConcurrent"] = .integer(Int64(slots))
        return .object(members)
    }

    /// It gives jobs, and somebody takes them.
    var isActive: Bool { !state.isPaused && workers > 0 }
}

extension Reception {
    func queueInfo(_ exchange: Exchange) async throws -> Response {
        Response(try await queueInfo())
    }

    func startProcessor(_ exchange: Exchange) async throws -> Response {
        try await desk.resume(ModelJobWords.queue)
        return Response(try await queueInfo())
    }

    func stopProcessor(_ exchange: Exchange) async throws -> Response {
        let who = exchange.caller.key?.name
        exchange.notes.add(["by": who.map(JSONValue.string) ?? .null])
        try await desk.pause(ModelJobWords.queue, by: who)
        return Response(try await queueInfo())
    }

    /// Nil while Redis does not answer.
    func processor() async -> QueueProcessor? {
        try? await askProcessor()
    }

    private func askProcessor() async throws -> QueueProcessor {
        guard let state = try await desk.queueStates([ModelJobWords.queue]).first else { throw Problem.unknownQueue(desk.catalogue.queues) }
        let workers = try await desk.workers().filter {
            $0.health == .alive && !$0.isForSuspects && $0.queues.contains(ModelJobWords.queue)
        }
        return QueueProcessor(state: state, slots: workers.reduce(0) { $0 + $1.slots }, workers: workers.count)
    }

    private func queueInfo() async throws -> JSONValue {
        let processor = try await askProcessor()
        var document = processor.statistics.object ?? [:]
        document["queue"] = .string(ModelJobWords.queue)
        document["processorActive"] = .boolean(processor.isActive)
        document["paused"] = .boolean(processor.state.isPaused)
        document["workers"] = .integer(Int64(processor.workers))
        // Null while PostgreSQL does not answer.
        document["cacheSize"] = (try? await desk.cachedAnswers()).map(JSONValue.integer) ?? .null
        return .object(document)
    }
}
