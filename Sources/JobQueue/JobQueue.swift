internal import JobModel
package import Logging
package import RedisWire

/// Live state of jobs in Redis. One transition is one script and one Swift file: Enqueue, Claim, Report, Settle, Cancel, Promote, Reclaim, Repair.
/// Commands of a whole process share one pipelined connection; blocking reads and subscriptions have their own.
package final class JobQueue: Sendable {
    package let keys: Keys
    package let retentionMilliseconds: Int64
    let address: RedisAddress
    let redis: RedisConnection
    let subscriber: RedisSubscriber
    let watchers = Watchers()
    let logger: Logger
    package let bell: WorkBell
    let settlements: GroupCommit<Settlement, Settled, RedisError>

    package init(
        _ address: RedisAddress, prefix: String = "", retentionMilliseconds: Int64 = 86_400_000,
        options: RedisOptions = RedisOptions(), logger: Logger
    ) {
        self.address = address
        self.keys = Keys(prefix: prefix)
        self.retentionMilliseconds = retentionMilliseconds
        self.logger = logger
        let redis = RedisConnection(address, options: options, logger: logger)
        self.redis = redis
        subscriber = RedisSubscriber(address, options: options, logger: logger)
        bell = WorkBell(RedisConnection(address, options: options, beside: redis, logger: logger), beside: redis, logger: logger)
        let settler = Settler(keys: keys, redis: redis, retentionMilliseconds: retentionMilliseconds)
        settlements = GroupCommit(limit: Settler.maxBatch, atOnce: 2, executor: redis.executor, isolates: { _ in false }) {
            batch throws(RedisError) in
            try await settler.settle(batch)
        }
    }

    package func ping() async throws(RedisError) -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        _ = try await redis.command(["PING"], timeout: .seconds(2))
        return clock.now - start
    }

    /// A small write: fails while Redis is away, read-only or at its memory limit.
    package func probe() async throws(RedisError) {
        _ = try await redis.command(["SET", .string(keys.intake), "1", "PX", 1000], timeout: .seconds(1))
    }

    /// Grows with every connect: after a change a worker's claims may have been lost on the way.
    package var connectionGeneration: Int {
        redis.generation
    }

    /// For code that mostly asks this queue, and never blocks: see `RedisConnection.executor`.
    package var executor: any TaskExecutor {
        redis.executor
    }

    package func close() async {
        await subscriber.close()
        await bell.close()
        await redis.close()
    }

    /// A refusal to start on a Redis that would throw jobs away: any eviction policy but `noeviction` can evict streams and hashes.
    /// Returns the policy found, or nil where CONFIG may not be asked (managed services).
    package func evictionPolicy() async throws(RedisError) -> String? {
        do {
            return try await redis.command(["CONFIG", "GET", "maxmemory-policy"]).array?.last?.string
        } catch .server {
            return nil
        }
    }
}

extension Timestamp {
    var argument: RedisArgument { .integer(milliseconds) }
}

/// A reply that the script's contract does not know: a bug or a script of another version.
func unexpected(_ script: RedisScript, _ reply: RedisReply) -> RedisError {
    .protocolViolation("the script \(script.name) answered outside its contract")
}
