internal import JobLedger
package import JobModel
package import JobQueue

package struct ServiceHealth: Sendable {
    package let isUp: Bool
    package let milliseconds: Double
    /// What is wrong, in one sentence.
    package let trouble: String?
}

package struct DeskHealth: Sendable {
    package let redis: ServiceHealth
    package let postgres: ServiceHealth
    package let workers: [WorkerInfo]
    package let queues: [QueueCounts]
    /// What the workers told of their periodic duties lately.
    package let duties: [DutyReport]
    /// The model servers as the workers that live see them.
    package let models: [JSONValue]
}

extension JobDesk {
    /// Asks both stores at once; takes as long as the slower one, at most its timeout.
    package func health() async -> DeskHealth {
        async let redis = redisHealth()
        async let postgres = postgresHealth()
        let workers = await redis.isUp ? (try? queue.workers()) ?? [] : []
        let queues = await redis.isUp ? (try? queue.counts(of: catalogue.queues)) ?? [] : []
        let duties = await redis.isUp ? (try? queue.dutyReports(of: workers.map(\.name))) ?? [] : []
        let alive = workers.filter { $0.health == .alive }.map(\.name)
        let models = await redis.isUp ? (try? queue.modelReports(of: alive)) ?? [] : []
        return DeskHealth(
            redis: await redis, postgres: await postgres, workers: workers, queues: queues, duties: duties,
            models: models.flatMap(\.servers))
    }

    /// Whether both stores answer now; within two seconds.
    package func storesAnswer() async -> Bool {
        async let redis = redisHealth().isUp
        async let postgres = ledger.ping()
        let (hasRedis, hasPostgres) = await (redis, postgres)
        return hasRedis && hasPostgres
    }

    private func redisHealth() async -> ServiceHealth {
        do {
            return ServiceHealth(isUp: true, milliseconds: try await queue.ping().milliseconds, trouble: nil)
        } catch {
            return ServiceHealth(isUp: false, milliseconds: 0, trouble: "Redis does not answer: \(error)")
        }
    }

    private func postgresHealth() async -> ServiceHealth {
        let start = ContinuousClock.now
        let isUp = await ledger.ping()
        return ServiceHealth(
            isUp: isUp, milliseconds: (ContinuousClock.now - start).milliseconds, trouble: isUp ? nil : "PostgreSQL does not answer")
    }
}

extension Duration {
    fileprivate var milliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }
}
