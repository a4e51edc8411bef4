internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Synchronization

/// What operators and load balancers ask. `/livez` never looks at other services: an outage of Redis must not restart every API process.
extension Reception {
    /// How long the stores may take to answer before they count as away.
    private static let patience = Duration.seconds(2)

    /// Always 200: the document says how things are.
    func health(_ exchange: Exchange) async throws -> Response {
        Response(HealthDocument.of(await ask(), version: settings.version))
    }

    func workerHealth(_ exchange: Exchange) async throws -> Response {
        guard let health = await ask(), health.redis.isUp else { throw Problem.unavailable("Redis", retryAfter: 2) }
        let alive = health.workers.filter { $0.health == .alive }
        return Response([
            "status": alive.isEmpty ? "unhealthy" : "healthy", "alive": .integer(Int64(alive.count)),
            "slots": .integer(Int64(alive.reduce(0) { $0 + $1.slots })), "running": .integer(Int64(alive.reduce(0) { $0 + $1.running })),
            "workers": .array(health.workers.map(HealthDocument.worker)),
        ])
    }

    /// `POST /workers/{name}/drain`: as SIGTERM, for those who cannot send one. It may be repeated.
    func drainWorker(_ exchange: Exchange) async throws -> Response {
        let name = exchange.captured.first ?? ""
        guard try await desk.drain(worker: name) else { throw Problem.unknownWorker }
        return Response(["worker": .string(name), "status": "draining"], status: .accepted)
    }

    func livez(_ exchange: Exchange) -> Response {
        Response(["status": "alive"])
    }

    func readyz(_ exchange: Exchange) async throws -> Response {
        guard !draining.isRaised else { throw Problem.draining }
        guard let health = await ask() else { throw Problem.unavailable("Redis or PostgreSQL", retryAfter: 2) }
        guard health.redis.isUp else { throw Problem.unavailable("Redis", retryAfter: 2) }
        guard health.postgres.isUp else { throw Problem.unavailable("PostgreSQL", retryAfter: 2) }
        return Response(["status": "ready"])
    }

    /// Nil when a store did not answer in time.
    private func ask() async -> DeskHealth? {
        let found = Found()
        await firstToEnd(within: Reception.patience) { found.keep(await desk.health()) }
        return found.health
    }
}

private final class Found: Sendable {
    private let kept = Mutex<DeskHealth?>(nil)

    var health: DeskHealth? {
        kept.withLock { $0 }
    }

    func keep(_ health: DeskHealth) {
        kept.withLock { $0 = health }
    }
}

/// The seeds' health document (`status`, `components.jobQueue.statistics`) with both stores, the workers and every queue.
enum HealthDocument {
    static func of(_ health: DeskHealth?, version: String) -> JSONValue {
        guard let health else {
            return [
                "status": "unhealthy", "version": .string(version), "message": "Redis or PostgreSQL did not answer in time",
                "components": [:],
            ]
        }
        let alive = health.workers.filter { $0.health == .alive }
        return [
            "status": .string(verdict(health, alive)), "version": .string(version), "timestamp": .string(Timestamp.now.description),
            "components": [
                "redis": service(health.redis), "postgres": service(health.postgres),
                "workers": [
                    "status": alive.isEmpty ? "unhealthy" : "healthy", "alive": .integer(Int64(alive.count)),
                    "away": .integer(Int64(health.workers.count - alive.count)),
                ],
                "jobQueue": ["statistics": statistics(health, alive)], "duties": DutyHealth.summary(of: health.duties),
                "models": ModelHealth.of(health.models),
            ],
            "queues": .array(health.queues.map(queue)), "duties": .array(health.duties.map(DutyHealth.document)),
        ]
    }

    static func worker(_ worker: WorkerInfo) -> JSONValue {
        [
            "name": .string(worker.name), "host": .string(worker.host), "pid": .integer(Int64(worker.processID)),
            "version": .string(worker.version), "type": worker.http == nil ? "process" : "http",
            "queues": .array(worker.queues.map(JSONValue.string)), "slots": .integer(Int64(worker.slots)),
            "running": .integer(Int64(worker.running)), "status": .string(worker.health.rawValue),
            "started_at": worker.startedAt.map { .string($0.description) } ?? .null, "draining": .boolean(worker.isDraining),
        ]
    }

    /// Unhealthy: jobs cannot be accepted or not be done. Degraded: some can.
    private static func verdict(_ health: DeskHealth, _ alive: [WorkerInfo]) -> String {
        guard health.redis.isUp, health.postgres.isUp else { return "unhealthy" }
        let served = Set(alive.flatMap(\.queues))
        guard ModelHealth.status(health.models) != "unhealthy" else { return "degraded" }
        return !alive.isEmpty && health.queues.allSatisfy { served.contains($0.queue) } ? "healthy" : "degraded"
    }

    private static func service(_ health: ServiceHealth) -> JSONValue {
        health.isUp
            ? ["status": "healthy", "milliseconds": .number((health.milliseconds * 100).rounded() / 100)]
            : ["status": "unhealthy", "message": .string(health.trouble ?? "does not answer")]
    }

    private static func statistics(_ health: DeskHealth, _ alive: [WorkerInfo]) -> JSONValue {
        let pending = health.queues.reduce(0) { $0 + $1.waiting }
        let running = health.queues.reduce(0) { $0 + $1.running }
        let ended = [\QueueCounts.completed, \.failed, \.cancelled].map { part in health.queues.reduce(0) { $0 + $1[keyPath: part] } }
        return [
            "total": .integer(Int64(pending + running) + ended.reduce(0, +)), "pending": .integer(Int64(pending)),
            "running": .integer(Int64(running)), "completed": .integer(ended[0]), "failed": .integer(ended[1]),
            "cancelled": .integer(ended[2]),
            "maxConcurrent": .integer(Int64(alive.reduce(0) { $0 + $1.slots })),
        ]
    }

    private static func queue(_ counts: QueueCounts) -> JSONValue {
        [
            "queue": .string(counts.queue), "waiting": .integer(Int64(counts.waiting)), "running": .integer(Int64(counts.running)),
            "completed": .integer(counts.completed), "failed": .integer(counts.failed),
        ]
    }
}
