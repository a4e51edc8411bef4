/// What the engine's own scripts leave possible: its transitions of plain jobs, asked by the client of the floor. What the engine is slower than
/// this is its process; what this is slower than the floor are its promises. Every method blocks its thread.
internal import CHiredis
internal import JobModel
internal import JobQueue
internal import RedisWire

struct ScriptBound {
    private static let claims = 64
    /// Batches under way at once.
    private static let depth = 4
    private static let worker = "bound-1-0123456789"
    private static let moment = ["1795321409899", "2026-11-22T03:15:34.123Z"]

    private let redis: Hiredis
    private let keys: Keys
    private let stream: String
    private let input: String

    init(_ address: RedisAddress, prefix: String, input: String) throws(BenchError) {
        redis = try Hiredis(address)
        keys = Keys(prefix: prefix + "bound:")
        stream = keys.stream(Noop.queue, .medium)
        self.input = input
        for script in [Scripts.enqueue, Scripts.claim, Scripts.settle] {
            try redis.call(["SCRIPT", "LOAD", String(decoding: script.source, as: UTF8.self)])
        }
        try redis.call(["HSET", keys.worker(ScriptBound.worker), "name", ScriptBound.worker])
        try redis.call(["DEL", stream])
        try redis.call(["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"])
    }

    /// The time of each single submission, in microseconds.
    func enqueueOneByOne(_ count: Int) throws(BenchError) -> [Double] {
        try redis.timeEach((0..<count).map { enqueue([$0]) })
    }

    /// Seconds that submitting takes, the encoding not counted.
    func enqueueBatches(_ count: Int) throws(BenchError) -> Double {
        try redis.timeAll(RedisFloor.batches(count).map(enqueue), depth: ScriptBound.depth)
    }

    /// Seconds from the first claim to the last settlement of what was submitted. As in a worker whose stream has a backlog: the next entries
    /// are read beside each claim. Each turn sends the claim of what was read, the next read, and the settlement.
    func drain(_ count: Int) throws(BenchError) -> Double {
        let begin = Monotonic.now
        var (turns, settled) = (0, 0)
        for _ in 0..<ScriptBound.depth { redis.append(read) }
        var isFirst = true
        while settled < count {
            if !isFirst { try readSettled() }
            var entries: [(entry: String, id: String)] = []
            try redis.reply { entries = ScriptBound.entries($0) }
            guard !entries.isEmpty else { throw BenchError("The jobs of the scripts' bound are gone: \(settled) of \(count) were settled") }
            redis.append(claim(entries))
            redis.append(settle(entries))
            redis.append(read)
            settled += entries.count
            turns += 1
            isFirst = turns < ScriptBound.depth
        }
        for _ in 0..<max(0, ScriptBound.depth - turns) { try redis.reply { _ in } }
        for _ in 0..<min(turns, ScriptBound.depth) {
            try readSettled()
            try redis.reply { _ in }
        }
        return Monotonic.seconds(from: begin, to: Monotonic.now)
    }

    /// The replies to a claim and to its settlement, which says how many when all were settled.
    private func readSettled() throws(BenchError) {
        try redis.reply { _ in }
        var isWhole = false
        try redis.reply { isWhole = $0.type == REDIS_REPLY_INTEGER && $0.integer > 0 }
        guard isWhole else { throw BenchError("A settlement of the scripts' bound was not answered as its contract says") }
    }

    private static func entries(_ reply: redisReply) -> [(entry: String, id: String)] {
        let rows = reply.children.first?.children.last?.children ?? []
        return rows.compactMap { row in
            guard let entry = row.children.first?.text, let fields = row.children.last?.children, fields.count > 1, let id = fields[1].text
            else { return nil }
            return (entry, id)
        }
    }
}

// Commands, as the contracts of the scripts have them.
extension ScriptBound {
    /// What a worker that was idle does with the entry that woke it.
    func latency(_ address: RedisAddress, _ count: Int) -> LatencyFloor {
        let (keys, stream) = (keys, stream)
        return LatencyFloor(address, stream: stream, worker: ScriptBound.worker, submissions: (0..<count).map { enqueue([$0]) }) { read in
            let woken = ScriptBound.entries(read).flatMap { [$0.entry, $0.id] }
            return Hiredis.encode(
                ["EVALSHA", Scripts.claim.sha, "2", keys.worker(ScriptBound.worker), stream, ScriptBound.worker, "0"] + ScriptBound.moment
                    + ["0", "", "2"] + woken)
        }
    }

    private func enqueue(_ numbers: [Int]) -> [UInt8] {
        let policy = "3 600000 1 medium 0"
        let common = [
            ScriptBound.moment[1], Noop.unrecorded.name, Noop.queue, "medium", policy, ScriptBound.moment[0], "", String(numbers.count),
        ]
        return Hiredis.encode(
            ["EVALSHA", Scripts.enqueue.sha, "1", keys.active] + common + numbers.flatMap { [RedisFloor.id($0), input] })
    }

    private var read: [UInt8] {
        Hiredis.encode(["XREADGROUP", "GROUP", "workers", ScriptBound.worker, "COUNT", String(ScriptBound.claims), "STREAMS", stream, ">"])
    }

    /// Looks at the streams above too.
    private func claim(_ entries: [(entry: String, id: String)]) -> [UInt8] {
        let streams = keys.streams([Noop.queue])
        return Hiredis.encode(
            ["EVALSHA", Scripts.claim.sha, String(1 + streams.count), keys.worker(ScriptBound.worker)] + streams
                + [ScriptBound.worker, "1"] + ScriptBound.moment + ["0", "4", "4"] + entries.flatMap { [$0.entry, $0.id] })
    }

    private func settle(_ entries: [(entry: String, id: String)]) -> [UInt8] {
        Hiredis.encode(
            ["EVALSHA", Scripts.settle.sha, "2", keys.active, stream] + ScriptBound.moment
                + ["86400000", "2", ScriptBound.worker + ":1", String(entries.count)] + entries.flatMap { [$0.id, $0.entry, "{}"] })
    }
}
