import JobQueue
import RedisWire
import Synchronization
import TestServers

/// Runs scripts that stop after so many writes, as Redis 7.0 applies them after a torn append-only file. The caller is not touched: the
/// proxy puts the cut script's SHA-1 where the whole one's stands. What a script wrote before its error stays written.
final class TornScripts: Sendable {
    private let proxy: TCPProxy
    private let cuts = Mutex(0)

    init(_ proxy: TCPProxy) {
        self.proxy = proxy
    }

    /// From now on every call of the script is cut.
    func arm(_ script: RedisScript, after writes: Int, on redis: RedisConnection) async throws {
        let cut = TornScripts.cut(script, after: writes)
        _ = try await redis.command(["SCRIPT", "LOAD", .bytes(cut.source)])
        proxy.replace(Array(script.sha.utf8), with: Array(cut.sha.utf8))
    }

    func disarm() {
        proxy.replace([], with: nil)
    }

    /// Whether a script was cut since `forgetCuts`: otherwise it had fewer writes.
    var hasCut: Bool { cuts.withLock { $0 > 0 } }

    func noteCut() { cuts.withLock { $0 += 1 } }

    func forgetCuts() { cuts.withLock { $0 = 0 } }

    static func isCut(_ error: RedisServerError) -> Bool {
        error.message.contains("CUT HERE")
    }

    static func cut(_ script: RedisScript, after writes: Int) -> RedisScript {
        let firstLine = script.source.prefix { $0 != UInt8(ascii: "\n") }
        let source = Array(firstLine) + Array(counter(writes).utf8) + script.source.dropFirst(firstLine.count)
        return RedisScript(name: script.name, source: source)
    }

    /// In front of the script: its own `redis`, which counts writes.
    private static func counter(_ writes: Int) -> String {
        """

        local redis = (function(real)
            local left = \(writes)
            local reads = {GET = 1, EXISTS = 1, HGET = 1, HMGET = 1, HGETALL = 1, HLEN = 1, ZSCORE = 1, ZCARD = 1, ZRANGE = 1, ZRANGEBYSCORE = 1,
                ZCOUNT = 1, LLEN = 1, LRANGE = 1, SMEMBERS = 1, SISMEMBER = 1, SCARD = 1, XRANGE = 1, XPENDING = 1, XLEN = 1, XINFO = 1,
                PTTL = 1, TTL = 1, TYPE = 1, TIME = 1, PUBLISH = 1, PUBSUB = 1, HSTRLEN = 1, LINDEX = 1, ZRANK = 1, SSCAN = 1, HEXISTS = 1}
            local function counted(call)
                return function(name, ...)
                    if not reads[string.upper(name)] then
                        if left == 0 then
                            error('CUT HERE')
                        end
                        left = left - 1
                    end
                    return call(name, ...)
                end
            end
            return {call = counted(real.call), pcall = counted(real.pcall), error_reply = real.error_reply, status_reply = real.status_reply}
        end)(redis)

        """
    }
}
