import PrivateServers
import Synchronization

/// Runs the built program to its end.
enum ChildEnd {
    static func of(_ arguments: [String], onLine: @escaping @Sendable (String) -> Void) async throws -> ChildExit? {
        let (ended, continuation) = AsyncStream<Void>.makeStream()
        let child = try ChildProcess(ChildOrder(RunningDev.program(), arguments), onLine: onLine, onEnd: { continuation.finish() })
        for await _ in ended {}
        return await child.exit()
    }
}
