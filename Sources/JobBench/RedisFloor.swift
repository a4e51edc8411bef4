/// What Redis does with the least commands that a queue of this kind needs, asked by the least client there is.
/// Batches of 100 in a pipeline deep enough that Redis never waits. Every method blocks its thread.
internal import CHiredis
internal import RedisWire

struct RedisFloor {
    private static let batch = 100
    /// Batches under way at once.
    private static let depth = 4
    private static let retentionMilliseconds = "86400000"

    private let redis: Hiredis
    let stream: String
    let jobs: String
    let input: String
    private let enqueueScript: String
    private let claimScript: String
    private let settleScript: String

    init(_ address: RedisAddress, prefix: String, input: String) throws(BenchError) {
        redis = try Hiredis(address)
        stream = prefix + "floor"
        jobs = prefix + "floor:"
        self.input = input
        enqueueScript = try RedisFloor.load(PackageResources.floor_enqueue_lua, redis)
        claimScript = try RedisFloor.load(PackageResources.floor_claim_lua, redis)
        settleScript = try RedisFloor.load(PackageResources.floor_settle_lua, redis)
        try redis.call(["DEL", stream])
        try redis.call(["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"])
    }

    private static func load(_ source: [UInt8], _ redis: Hiredis) throws(BenchError) -> String {
        guard let sha = try redis.strings(["SCRIPT", "LOAD", String(decoding: source, as: UTF8.self)]).first else {
            throw BenchError("Redis did not take a script of the floor")
        }
        return sha
    }

    /// The time of each single submission, in microseconds.
    func enqueueOneByOne(_ count: Int) throws(BenchError) -> [Double] {
        try redis.timeEach((0..<count).map { enqueue([$0]) })
    }

    /// Seconds that submitting takes, the encoding not counted.
    func enqueueBatches(_ count: Int) throws(BenchError) -> Double {
        try redis.timeAll(RedisFloor.batches(count).map(enqueue), depth: RedisFloor.depth)
    }

    /// Seconds from the first claim to the last settlement of what was submitted.
    func drain(_ count: Int) throws(BenchError) -> Double { try run(count, submitting: []) }

    /// The same, with every job submitted on the way.
    func cycle(_ count: Int) throws(BenchError) -> Double { try run(count, submitting: RedisFloor.batches(count).map(enqueue)) }

    /// Each turn sends a batch to submit (where there is one) and a claim; each claim's reply sends its settlement.
    private func run(_ count: Int, submitting commands: [[UInt8]]) throws(BenchError) -> Double {
        var (turn, settled) = (0, 0)
        var expected: [Step] = []
        var next = 0
        func takeTurn() {
            if turn < commands.count {
                redis.append(commands[turn])
                expected.append(.submission)
            }
            turn += 1
            redis.append(claim)
            expected.append(.claim)
        }
        let begin = Monotonic.now
        for _ in 0..<RedisFloor.depth { takeTurn() }
        while settled < count {
            guard next < expected.count else { throw BenchError("The floor's jobs are gone: \(settled) of \(count) were settled") }
            var claimed: [String] = []
            try redis.reply { if expected[next] == .claim { claimed = pairs($0) } }
            defer { next += 1 }
            switch expected[next] {
            case .submission: break
            case .settlement(let number): settled += number
            case .claim where claimed.isEmpty: break
            case .claim:
                redis.append(settle(claimed))
                expected.append(.settlement(claimed.count / 2))
                takeTurn()
            }
        }
        return Monotonic.seconds(from: begin, to: Monotonic.now)
    }

    private enum Step: Equatable {
        case submission, claim
        case settlement(Int)
    }

    /// Ids and entries of a claim's reply, one after the other.
    private func pairs(_ reply: redisReply) -> [String] {
        reply.children.flatMap { entry in
            let parts = entry.children
            guard parts.count == 2, let name = parts[0].text, let id = parts[1].children.dropFirst().first?.text else { return [String]() }
            return [id, name]
        }
    }

    static func batches(_ count: Int) -> [[Int]] {
        stride(from: 0, to: count, by: RedisFloor.batch).map { Array($0..<min($0 + RedisFloor.batch, count)) }
    }

    private func enqueue(_ numbers: [Int]) -> [UInt8] {
        Hiredis.encode(["EVALSHA", enqueueScript, "2", stream, jobs] + numbers.flatMap { [RedisFloor.id($0), input] })
    }

    private var claim: [UInt8] { Hiredis.encode(["EVALSHA", claimScript, "2", stream, jobs, String(RedisFloor.batch)]) }

    private func settle(_ pairs: [String]) -> [UInt8] {
        Hiredis.encode(["EVALSHA", settleScript, "2", stream, jobs, RedisFloor.retentionMilliseconds] + pairs)
    }

    /// As long as a real one.
    static func id(_ number: Int) -> String {
        let digits = String(number)
        return "01a1fd4b-d913-7997-ab2f-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }
}
