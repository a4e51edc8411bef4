/// The least time from a submission to the moment when a worker that was idle may begin: a blocked read wakes up, then one round trip claims.
/// Two blocking connections on two threads; every method blocks its thread.
internal import CHiredis
internal import Dispatch
internal import PrivateServers
internal import RedisWire
internal import Synchronization

final class LatencyFloor: Sendable {
    private let address: RedisAddress
    private let stream: String
    private let worker: String
    private let submissions: [[UInt8]]
    private let claim: @Sendable (_ read: redisReply) -> [UInt8]
    private let state = Mutex<(times: [Double], failure: BenchError?)>(([], nil))
    private let isReading = DispatchSemaphore(value: 0)
    private let hasClaimed = DispatchSemaphore(value: 0)
    private let submitted = Atomic<UInt64>(0)

    /// The stream, with its group, must be there. Each submission adds an entry; `claim` makes the command for the reply that brought it.
    init(
        _ address: RedisAddress, stream: String, worker: String, submissions: [[UInt8]],
        claim: @escaping @Sendable (_ read: redisReply) -> [UInt8]
    ) {
        self.address = address
        self.stream = stream
        self.worker = worker
        self.submissions = submissions
        self.claim = claim
    }

    /// The time of each wake-up, in microseconds.
    func measure() throws(BenchError) -> [Double] {
        let writer = try Hiredis(address)
        DetachedThread.start { [self] in
            do throws(BenchError) { try read() } catch { state.withLock { $0.failure = error } }
            // Whoever waits must not wait for ever after a failure.
            for _ in 0...submissions.count {
                isReading.signal()
                hasClaimed.signal()
            }
        }
        for command in submissions {
            isReading.wait()
            // The reader has said that it goes to read; give it the time to be blocked.
            waitMilliseconds(2)
            submitted.store(Monotonic.now, ordering: .releasing)
            writer.append(command)
            try writer.reply { _ in }
            hasClaimed.wait()
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return state.withLock { $0.times }
    }

    private func read() throws(BenchError) {
        let reader = try Hiredis(address)
        let wait = Hiredis.encode(["XREADGROUP", "GROUP", "workers", worker, "COUNT", "1", "BLOCK", "5000", "STREAMS", stream, ">"])
        for _ in submissions {
            isReading.signal()
            reader.append(wait)
            var command: [UInt8]?
            try reader.reply { if $0.elements > 0 { command = claim($0) } }
            guard let command else { throw BenchError("A blocked read brought no entry") }
            reader.append(command)
            try reader.reply { _ in }
            let time = Double(Monotonic.now - submitted.load(ordering: .acquiring)) / 1000
            state.withLock { $0.times.append(time) }
            hasClaimed.signal()
        }
    }
}

extension RedisFloor {
    /// The least commands: an entry, then the new state.
    func latency(_ address: RedisAddress, _ count: Int) -> LatencyFloor {
        let submissions = (0..<count).map { Hiredis.encode(["XADD", stream, "*", "job_id", RedisFloor.id($0), "input", input]) }
        let claim = Hiredis.encode(["HSET", jobs + "wake", "status", "processing", "attempt", "1", "lease", "floor:1"])
        return LatencyFloor(address, stream: stream, worker: "floor", submissions: submissions) { _ in claim }
    }
}
