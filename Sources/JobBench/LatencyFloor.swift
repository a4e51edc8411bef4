/// The least time from a submission to the moment when a worker that was idle may begin: a blocked read wakes up, then one round trip claims.
/// Two blocking connections on two threads; every method blocks its thread.
internal import Dispatch
internal import PrivateServers
internal import RedisWire
internal import Synchronization

final class LatencyFloor: Sendable {
    private let address: RedisAddress
    private let prefix: String
    private let input: String
    private let state = Mutex<(times: [Double], failure: BenchError?)>(([], nil))
    private let isReading = DispatchSemaphore(value: 0)
    private let hasClaimed = DispatchSemaphore(value: 0)
    private let submitted = Atomic<UInt64>(0)

    init(_ address: RedisAddress, prefix: String, input: String) {
        self.address = address
        self.prefix = prefix
        self.input = input
    }

    /// The time of each wake-up, in microseconds.
    func measure(_ count: Int) throws(BenchError) -> [Double] {
        let writer = try Hiredis(address)
        let stream = prefix + "wake"
        try writer.call(["DEL", stream])
        try writer.call(["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"])
        DetachedThread.start { [self] in
            do throws(BenchError) { try read(stream, count) } catch { state.withLock { $0.failure = error } }
            // Whoever waits must not wait for ever after a failure.
            for _ in 0...count {
                isReading.signal()
                hasClaimed.signal()
            }
        }
        let commands = (0..<count).map { number in
            Hiredis.encode(["XADD", stream, "*", "job_id", RedisFloor.id(number), "input", input])
        }
        for command in commands {
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

    private func read(_ stream: String, _ count: Int) throws(BenchError) {
        let reader = try Hiredis(address)
        let wait = Hiredis.encode(["XREADGROUP", "GROUP", "workers", "floor", "COUNT", "1", "BLOCK", "5000", "STREAMS", stream, ">"])
        let claim = Hiredis.encode(["HSET", prefix + "wake:job", "status", "processing", "attempt", "1", "lease", "floor:1"])
        for _ in 0..<count {
            isReading.signal()
            reader.append(wait)
            try reader.reply { _ in }
            reader.append(claim)
            try reader.reply { _ in }
            let time = Double(Monotonic.now - submitted.load(ordering: .acquiring)) / 1000
            state.withLock { $0.times.append(time) }
            hasClaimed.signal()
        }
    }
}
