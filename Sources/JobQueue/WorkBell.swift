internal import Logging
package import RedisWire
internal import Synchronization

/// Tells those who wait for work over HTTP that there may be some: one blocking reader a process, however many wait. It takes nothing, so a
/// ring is only a reason to try a claim; it rings as many as entries came, and who leaves with a ring that it did not follow passes it on. What
/// comes without an entry (a queue that is resumed) is found by one of each that wait for the same streams, every two seconds.
package final class WorkBell: Sendable {
    private struct Waiter {
        let streams: [String]
        let ring: AsyncStream<Void>.Continuation
        /// It has not tried a claim since the last ring.
        var isRung = false
    }

    private struct State {
        var waiters: [Int: Waiter] = [:]
        var next = 0
        var reminded = ContinuousClock.now
        /// The last entry that was seen of each stream that somebody waits for.
        var seen: [String: String] = [:]
        var reader: Task<Void, Never>?
        /// What the read that is under way, or about to be, listens to.
        var heard: Set<String> = []
    }

    private static let blockMilliseconds: Int64 = 2000
    private let redis: RedisConnection
    /// Reads block, so everything else goes over another connection.
    private let commands: RedisConnection
    private let logger: Logger
    private let state = Mutex(State())

    init(_ redis: RedisConnection, beside commands: RedisConnection, logger: Logger) {
        self.redis = redis
        self.commands = commands
        self.logger = logger
    }

    /// From now on every entry that is added rings: a claim after it and a wait after that miss nothing.
    package func listen(to streams: [String]) async throws(RedisError) -> WorkEar {
        let new = state.withLock { state in streams.filter { state.seen[$0] == nil } }
        let last = try await lastEntries(of: new)
        let (rings, ring) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.next += 1
            state.waiters[state.next] = Waiter(streams: streams, ring: ring)
            state.seen.merge(last) { known, _ in known }
            // Between the look at what is new and now, the last one who waited for a stream may have left.
            for stream in streams where state.seen[stream] == nil { state.seen[stream] = "0-0" }
            if state.reader == nil { state.reader = Task { await self.read() } }
            return state.next
        }
        Task { await self.widen(to: streams, for: id) }
        return WorkEar(bell: self, id: id, rings: rings, ring: ring)
    }

    private func lastEntries(of streams: [String]) async throws(RedisError) -> [String: String] {
        let replies = try await commands.pipeline(streams.map { ["XINFO", "STREAM", .string($0)] })
        var last: [String: String] = [:]
        for (stream, reply) in zip(streams, replies) {
            let parts = reply.array ?? []
            let place = parts.firstIndex { $0.string == "last-generated-id" }
            last[stream] = place.flatMap { parts.indices.contains($0 + 1) ? parts[$0 + 1].string : nil } ?? "0-0"
        }
        return last
    }

    func close() async {
        await redis.close()
    }

    /// Ends the read that is under way, if it does not listen to all of these; one that had not yet reached Redis is ended a moment later.
    private func widen(to streams: [String], for waiter: Int) async {
        while state.withLock({ $0.waiters[waiter] != nil && !$0.heard.isSuperset(of: streams) }) {
            guard let id = try? await redis.clientID() else { return }
            _ = try? await commands.command(["CLIENT", "UNBLOCK", .integer(id)])
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    func leave(_ id: Int) {
        let left = state.withLock { state in
            let left = state.waiters.removeValue(forKey: id)
            let wanted = Set(state.waiters.values.flatMap(\.streams))
            state.seen = state.seen.filter { wanted.contains($0.key) }
            return left
        }
        if let left, left.isRung { ring(left.streams, 1) }
    }

    /// A waiter goes and tries: what rings from here on is news.
    func follow(_ id: Int) {
        state.withLock { $0.waiters[id]?.isRung = false }
    }

    /// Somebody took work: there may be more.
    func passOn(_ streams: [String], but id: Int) {
        ring(streams, 1, but: id)
    }

    func streams(of id: Int) -> [String] { state.withLock { $0.waiters[id]?.streams ?? [] } }

    /// Who has waited longest first; one that was rung already, and has not looked yet, will find this too.
    private func ring(_ streams: [String], _ count: Int, but id: Int? = nil) {
        let rung = state.withLock { state in
            let hearing = state.waiters.filter { $0.key != id && !$0.value.isRung && $0.value.streams.contains(where: streams.contains) }
            let chosen = hearing.keys.sorted().prefix(count)
            for id in chosen { state.waiters[id]?.isRung = true }
            return chosen.compactMap { state.waiters[$0]?.ring }
        }
        for ring in rung { ring.yield() }
    }

    /// Reads as long as anybody waits.
    private func read() async {
        while let seen = wanted() {
            let streams = seen.keys.sorted()
            do {
                let head: [RedisArgument] = ["XREAD", "COUNT", 64, "BLOCK", .integer(WorkBell.blockMilliseconds), "STREAMS"]
                let reply = try await redis.command(
                    head + streams.map { .string($0) } + streams.map { .string(seen[$0] ?? "0-0") },
                    timeout: .milliseconds(WorkBell.blockMilliseconds + 3000), blocks: true)
                hear(reply.array ?? [])
                remind()
            } catch .server(let error) where error.code == "UNBLOCKED" {
                continue
            } catch {
                logger.debug("The bell cannot be read", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Nil, and nobody reads any more, where nobody waits.
    private func wanted() -> [String: String]? {
        state.withLock { state in
            state.heard = Set(state.seen.keys)
            if state.waiters.isEmpty { state.reader = nil }
            return state.waiters.isEmpty ? nil : state.seen
        }
    }

    private func hear(_ parts: [RedisReply]) {
        for part in parts {
            guard let part = part.array, part.count == 2, let stream = part[0].string, let entries = part[1].array,
                let last = entries.last?.array?.first?.string
            else { continue }
            state.withLock { if $0.seen[stream] != nil { $0.seen[stream] = last } }
            ring([stream], entries.count)
        }
    }

    /// By the clock: a stream that is busy must not silence the others.
    private func remind() {
        let groups = state.withLock { state -> Set<[String]> in
            guard state.reminded + .milliseconds(WorkBell.blockMilliseconds) <= .now else { return [] }
            state.reminded = .now
            return Set(state.waiters.values.map(\.streams))
        }
        for streams in groups { ring(streams, 1) }
    }
}

/// One who waits.
package final class WorkEar: Sendable {
    private let bell: WorkBell
    private let id: Int
    private let rings: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    fileprivate init(bell: WorkBell, id: Int, rings: AsyncStream<Void>, ring: AsyncStream<Void>.Continuation) {
        self.bell = bell
        self.id = id
        self.rings = rings
        self.ring = ring
    }

    /// Returns with the next ring, also one since the last wait, at the deadline, or when the task is cancelled.
    package func wait(until deadline: ContinuousClock.Instant) async {
        let timer = Task { [ring] in
            try? await Task.sleep(until: deadline, clock: .continuous)
            if !Task.isCancelled { ring.yield() }
        }
        var rings = rings.makeAsyncIterator()
        _ = await rings.next()
        timer.cancel()
        bell.follow(id)
    }

    package func passOn() { bell.passOn(bell.streams(of: id), but: id) }

    package func leave() { bell.leave(id) }
}
