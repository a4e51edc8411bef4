package import JobModel
internal import Logging
package import RedisWire
internal import Synchronization

extension JobQueue {
    /// 0: held. Otherwise the holder's place in the line, from 1; without `waits` it has none.
    package func takePermit(
        _ pool: String, of most: Int, for holder: PermitHolder, waits: Bool
    ) async throws(RedisError) -> Int {
        let reply = try await run(
            Scripts.takePermit, keys: permitKeys(pool),
            arguments: [.string(pool), .integer(Int64(most)), .string("\(holder)"), waits ? "wait" : "try"])
        guard let place = reply.integer else { throw unexpected(Scripts.takePermit, reply) }
        return Int(clamping: place)
    }

    /// Gives a permit back, or a place in the line up.
    package func givePermit(_ pool: String, of most: Int, for holder: PermitHolder) async throws(RedisError) {
        _ = try await run(
            Scripts.givePermit, keys: permitKeys(pool), arguments: [.string(pool), .integer(Int64(most)), .string("\(holder)")])
    }

    /// Takes back permits of attempts that do not run any more, and hands them on; returns how many. Cost: one call a model server.
    package func sweepPermits() async throws(RedisError) -> Int {
        let pools = try await redis.command(["HKEYS", .string(keys.modelPermits)]).array?.compactMap(\.string) ?? []
        var taken = 0
        for pool in pools {
            let reply = try await run(Scripts.sweepPermits, keys: permitKeys(pool), arguments: [.string(pool)])
            taken += Int(clamping: reply.integer ?? 0)
        }
        return taken
    }

    private func permitKeys(_ pool: String) -> [String] {
        [keys.modelPermits, keys.modelPermit(pool), keys.permitLine(pool)]
    }
}

/// Permits of model servers for the attempts of this process. Who gives one back hands it over in the same script, and a word on the worker's
/// channel wakes the next one: nobody polls. A word may be lost, so whoever waits also looks again by himself.
package final class ModelPermits: PermitPool {
    private let queue: JobQueue
    private let lookAgain: Duration
    private let words: PermitWords
    private let logger: Logger

    package init(_ queue: JobQueue, lookAgain: Duration = .seconds(2)) {
        self.queue = queue
        self.lookAgain = lookAgain
        words = PermitWords(queue)
        logger = queue.logger
    }

    package func take(_ pool: String, of most: Int, for holder: PermitHolder) async throws(JobFailure) {
        let word = await words.listen(for: holder)
        defer { words.forget(holder) }
        let deadline = holder.caller.patience.map { ContinuousClock.now + $0 }
        while !Task.isCancelled {
            // A Redis that is away is waited for: the attempt's own deadline ends it.
            if let place = try? await queue.takePermit(pool, of: most, for: holder, waits: true), place == 0 { return }
            let left = deadline.map { $0 - .now } ?? lookAgain
            guard left > .zero else { break }
            await word.wait(atMost: min(left, lookAgain))
        }
        giveBack(pool, of: most, for: holder)
        throw Task.isCancelled ? .cancelled : .retry("The model server is busy with jobs", type: "busy", afterMilliseconds: 5_000)
    }

    package func tryTake(_ pool: String, of most: Int, for holder: PermitHolder) async -> Int? {
        let place = try? await queue.takePermit(pool, of: most, for: holder, waits: false)
        return place == 0 ? nil : place ?? .max
    }

    /// A Redis that is away gets it later; what never arrives is found by the sweep when the attempt has ended.
    package func giveBack(_ pool: String, of most: Int, for holder: PermitHolder) {
        Task.detached { [queue, logger] in
            for delay in [50, 200, 1000, 3000, 10_000, 30_000] {
                do {
                    return try await queue.givePermit(pool, of: most, for: holder)
                } catch { try? await Task.sleep(for: .milliseconds(delay)) }
            }
            logger.warning("A permit could not be given back; it comes back when its attempt has ended", metadata: ["pool": "\(pool)"])
        }
    }
}

/// Who waits in this process for a word that it has got its permit. One subscription for each worker of the process.
private final class PermitWords: Sendable {
    private struct State {
        var words: [String: PermitWord] = [:]
        var listeners: [String: Task<Bool, Never>] = [:]
    }

    private let queue: JobQueue
    private let state = Mutex(State())

    init(_ queue: JobQueue) {
        self.queue = queue
    }

    deinit {
        for listener in state.withLock({ $0.listeners }).values { listener.cancel() }
    }

    /// Returns when words arrive, or cannot: then looking again must do.
    func listen(for holder: PermitHolder) async -> PermitWord {
        let word = PermitWord()
        let worker = holder.caller.worker
        let listener = state.withLock { state in
            state.words["\(holder)"] = word
            if let listener = state.listeners[worker] { return listener }
            let listener = Task.detached { [weak self, queue] in await Self.subscribe(to: worker, of: queue, self) }
            state.listeners[worker] = listener
            return listener
        }
        if await !listener.value { state.withLock { $0.listeners[worker] = nil } }
        return word
    }

    func forget(_ holder: PermitHolder) {
        state.withLock { _ = $0.words.removeValue(forKey: "\(holder)") }
    }

    private static func subscribe(to worker: String, of queue: JobQueue, _ words: PermitWords?) async -> Bool {
        guard let subscription = try? await queue.subscriber.subscribe(queue.keys.permitWord(worker)) else { return false }
        Task.detached { [weak words] in
            for await signal in subscription {
                guard let words else { return }
                switch signal {
                case .message(let holder): words.say(String(decoding: holder, as: UTF8.self))
                case .gap: words.sayAll()
                }
            }
            words?.state.withLock { $0.listeners[worker] = nil }
        }
        return true
    }

    private func say(_ holder: String) {
        state.withLock { $0.words[holder] }?.say()
    }

    private func sayAll() {
        for word in state.withLock({ Array($0.words.values) }) { word.say() }
    }
}

/// A word to one waiter; said before it waits, it does not wait.
private final class PermitWord: Sendable {
    private struct State {
        var isSaid = false
        var waiter: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    func say() {
        let waiter = state.withLock { state in
            let waiter = state.waiter.take()
            state.isSaid = waiter == nil
            return waiter
        }
        waiter?.resume()
    }

    /// Returns at the word, after the time, or when the task is cancelled.
    func wait(atMost limit: Duration) async {
        let timer = Task {
            try? await Task.sleep(for: limit)
            if !Task.isCancelled { self.say() }
        }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isSaid = state.withLock { state in
                    defer { state.isSaid = false }
                    if !state.isSaid { state.waiter = waiter }
                    return state.isSaid
                }
                if isSaid { waiter.resume() }
            }
        } onCancel: {
            say()
        }
    }
}
