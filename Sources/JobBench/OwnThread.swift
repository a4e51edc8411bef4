/// Blocking work on a thread of its own: the floor's clients block, and the shared pool has few threads.
internal import Glibc
internal import PrivateServers

enum OwnThread {
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws(BenchError) -> Value) async throws(BenchError) -> Value {
        let result: Result<Value, BenchError> = await withCheckedContinuation { continuation in
            DetachedThread.start {
                continuation.resume(returning: Result { () throws(BenchError) in try work() })
            }
        }
        return try result.get()
    }
}

func waitMilliseconds(_ milliseconds: UInt32) { usleep(milliseconds * 1000) }
