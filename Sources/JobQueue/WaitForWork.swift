package import RedisWire

/// An idle worker's blocking read, on a connection of its own. Redis hands an entry to one waiter: no herd, no polling, no lost wakeup.
package final class WorkWaiter: Sendable {
    /// Shorter than the read timeout: a read that timed out on our side could have been answered.
    static let blockMilliseconds: Int64 = 2000
    private let redis: RedisConnection

    init(_ redis: RedisConnection) {
        self.redis = redis
    }

    /// The next entry of the streams, or one of each where several had some at once (COUNT is per stream); none when none came, or the wait
    /// was ended by `interrupt`. Missing groups are made from the start.
    package func wait(as worker: String, on streams: [String]) async throws(RedisError) -> [DeliveredEntry] {
        let head: [RedisArgument] = [
            "XREADGROUP", "GROUP", "workers", .string(worker), "COUNT", 1, "BLOCK", .integer(WorkWaiter.blockMilliseconds),
        ]
        let tail = streams.map { RedisArgument.string($0) } + streams.map { _ in RedisArgument.string(">") }
        do {
            let reply = try await redis.command(
                head + ["STREAMS"] + tail, timeout: .milliseconds(WorkWaiter.blockMilliseconds + 3000), blocks: true)
            return DeliveredEntry.read(reply)
        } catch .server(let error) where error.code == "NOGROUP" || error.code == "UNBLOCKED" {
            try await createGroups(streams)
            return []
        }
    }

    /// Ends a wait that is under way; harmless when there is none. Sent over another connection.
    package func interrupt(over queue: JobQueue) async {
        guard let id = try? await redis.clientID() else { return }
        _ = try? await queue.redis.command(["CLIENT", "UNBLOCK", .integer(id)])
    }

    package func createGroups(_ streams: [String]) async throws(RedisError) {
        for stream in streams {
            do {
                _ = try await redis.command(["XGROUP", "CREATE", .string(stream), "workers", "0", "MKSTREAM"])
            } catch .server(let error) where error.code == "BUSYGROUP" {
                continue
            }
        }
    }

    package func close() async {
        await redis.close()
    }
}

extension JobQueue {
    package func waiter() -> WorkWaiter {
        WorkWaiter(RedisConnection(address, options: RedisOptions(), beside: redis, logger: logger))
    }
}
