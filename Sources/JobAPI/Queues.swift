internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue

/// `GET /queues`, `/queues/{q}`, `/queues/{q}/scaling` and `/workers`: what operators and autoscalers ask.
extension Reception {
    func listQueues(_ exchange: Exchange) async throws -> Response {
        Response(["queues": .array(try await desk.queueStates(desk.catalogue.queues).map(QueueDocument.of))])
    }

    func readQueue(_ exchange: Exchange) async throws -> Response {
        guard let state = try await desk.queueStates([try queueName(exchange)]).first else {
            throw Problem.unknownQueue(desk.catalogue.queues)
        }
        return Response(QueueDocument.of(state))
    }

    func readScaling(_ exchange: Exchange) async throws -> Response {
        let name = try queueName(exchange)
        return Response(QueueDocument.scaling(name, try await desk.scaling(of: name), settings.scaling))
    }

    private func queueName(_ exchange: Exchange) throws(Problem) -> String {
        guard let name = exchange.captured.first, desk.catalogue.queues.contains(name) else { throw .unknownQueue(desk.catalogue.queues) }
        return name
    }
}

/// How `desired` is reckoned.
package struct ScalingSettings: Sendable {
    /// The backlog should be done in this time.
    package var latencySeconds = 60
    package var maxWorkers = 100
    /// Slots of a worker, while none is there to tell.
    package var standardSlots = 4

    package init() {}
}

enum QueueDocument {
    private static let counters = ["accepted", "completed", "failed", "cancelled", "retried", "reclaimed"]

    /// `pending`, `running`, `completed` and `failed` are the seeds' words.
    static func of(_ state: QueueState) -> JSONValue {
        var document: [String: JSONValue] = [
            "queue": .string(state.queue), "waiting": whole(state.waitingTotal), "pending": whole(state.waitingTotal),
            "waiting_by_priority": .object(
                Dictionary(state.waiting.map { ($0.key.rawValue, whole($0.value)) }, uniquingKeysWith: { first, _ in first })),
            "suspects": whole(state.suspects), "running": whole(state.running), "due": whole(state.due),
            "scheduled": whole(state.scheduled),
            "scheduled_estimated": .boolean(state.isScheduledEstimated), "parked": whole(state.parked), "paused": .boolean(state.isPaused),
            "oldest_age_seconds": .seconds(state.oldestMilliseconds ?? 0),
        ]
        for name in counters { document[name] = .integer(state.counters[name] ?? 0) }
        return .object(document)
    }

    static func scaling(_ name: String, _ scaling: QueueScaling, _ settings: ScalingSettings) -> JSONValue {
        let desired = scaling.desired(
            latencyMilliseconds: Int64(settings.latencySeconds) * 1000, standardSlots: settings.standardSlots, most: settings.maxWorkers)
        return [
            "queue": .string(name), "waiting": whole(scaling.waiting), "due": whole(scaling.due), "running": whole(scaling.running),
            "parked": whole(scaling.parked), "backlog": whole(scaling.backlog), "paused": .boolean(scaling.isPaused),
            "oldest_age_seconds": .seconds(scaling.oldestMilliseconds), "workers": whole(scaling.workers), "slots": whole(scaling.slots),
            "mean_seconds": .seconds(scaling.meanMilliseconds), "desired": whole(desired),
        ]
    }

    private static func whole(_ number: Int) -> JSONValue { .integer(Int64(number)) }
}
