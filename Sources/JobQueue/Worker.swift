package import JobModel
package import RedisWire

/// What a worker tells of itself with every beat.
package struct WorkerCard: Sendable {
    package let name: String
    package let host: String
    package let processID: Int
    package let version: String
    package let queues: [String]
    package let slots: Int
    package let startedAt: Timestamp
    /// A one-slot process for suspects: a death there counts as a crash of its job.
    package let isForSuspects: Bool
    /// Of a lease: the worker behind HTTP that holds it, as it calls itself.
    package let http: String?

    package init(
        name: String, host: String, processID: Int, version: String, queues: [String], slots: Int,
        startedAt: Timestamp = .now, isForSuspects: Bool = false, http: String? = nil
    ) {
        self.name = name
        self.host = host
        self.processID = processID
        self.version = version
        self.queues = queues
        self.slots = slots
        self.startedAt = startedAt
        self.isForSuspects = isForSuspects
        self.http = http
    }

    /// `lastClaim` is the end of the last claim round trip, or the last moment without a free slot: a worker that beats but does not
    /// claim is not healthy.
    func arguments(_ state: BeatState) -> [RedisArgument] {
        [
            .string(name), "host", .string(host), "pid", .integer(Int64(processID)), "version", .string(version),
            "queues", .string(queues.joined(separator: ",")), "slots", .integer(Int64(slots)), "running", .integer(Int64(state.running)),
            "left_behind", .integer(Int64(state.leftBehind)),
            "started_at", startedAt.argument, "suspects", isForSuspects ? "1" : "0",
            "idle_ms", .integer(Timestamp.now.milliseconds - (state.lastClaim ?? startedAt).milliseconds),
        ] + (http.map { ["http", .string($0)] } ?? [])
    }
}

/// What changes from beat to beat.
package struct BeatState: Sendable {
    package let running: Int
    /// Handlers that did not stop when they were told to.
    package let leftBehind: Int
    package let lastClaim: Timestamp?

    package init(running: Int, leftBehind: Int, lastClaim: Timestamp?) {
        self.running = running
        self.leftBehind = leftBehind
        self.lastClaim = lastClaim
    }
}

package enum BeatReply: Sendable, Hashable {
    case beating
    case registered
    case dead
    /// Somebody asked it to leave.
    case draining
}

extension JobQueue {
    /// One beat over the shared connection: to register before the first claim.
    package func beat(_ card: WorkerCard, running: Int) async throws(RedisError) -> BeatReply {
        let arguments = card.arguments(BeatState(running: running, leftBehind: 0, lastClaim: .now))
        return try JobQueue.read(await run(Scripts.beat, keys: [keys.worker(card.name), keys.workers], arguments: arguments))
    }

    /// Beats on an own OS thread with an own connection: a handler that blocks every shared thread does not stop it.
    package func pulse(
        of card: WorkerCard, every interval: Duration, state: @escaping @Sendable () -> BeatState,
        onReply: @escaping @Sendable (Result<BeatReply, RedisError>) -> Void
    ) -> RedisPulse {
        let keys = [keys.worker(card.name), keys.workers]
        return RedisPulse(
            address, options: RedisOptions(), interval: interval, script: Scripts.beat,
            call: {
                (keys, card.arguments(state()))
            },
            onReply: { reply in
                onReply(reply.flatMap { value in Result { () throws(RedisError) in try JobQueue.read(value) } })
            },
            logger: logger)
    }

    private static func read(_ reply: RedisReply) throws(RedisError) -> BeatReply {
        switch reply.string {
        case "ok": .beating
        case "registered": .registered
        case "dead": .dead
        case "draining": .draining
        default: throw unexpected(Scripts.beat, reply)
        }
    }

    /// Asks a worker to leave as SIGTERM does. False: there is none of this name that lives.
    package func drain(_ worker: String) async throws(RedisError) -> Bool {
        try await run(Scripts.drain, keys: [keys.worker(worker), keys.control], arguments: [.string(worker)]).integer == 1
    }

    /// Whether a dead worker was a one-slot process for suspects.
    package func wasForSuspects(_ worker: String) async throws(RedisError) -> Bool {
        try await redis.command(["HGET", .string(keys.worker(worker)), "suspects"]).string == "1"
    }
}
