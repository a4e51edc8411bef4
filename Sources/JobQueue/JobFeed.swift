internal import JobModel
internal import RedisWire
internal import Synchronization

/// The watchers of one job in this process: one subscription, one reading of each message, one look at the history for all that come together.
/// Lives as long as it has watchers. `Watchers.swift` finds the feed of a job.
final class JobFeed: Sendable {
    struct Watcher {
        let box: EventBox
        let mark: Int
        let withTokens: Bool
        /// The last number that it was told.
        var last: Int64
    }

    /// Invariant: numbers up to `last` were told to everybody in `watchers`. While the history is read, messages wait in `held`.
    private struct State {
        var watchers: [Int: Watcher] = [:]
        var joining: [Int: Watcher] = [:]
        var count = 0
        var last: Int64 = 0
        var recent = RecentEvents()
        var isReading = false
        var mustReadAgain = false
        var held: [WatchedEvent] = []
        var row: JobWatch.Row = { _ in nil }
        var isClosed = false
        var listening: Task<Void, Never>?

        var isAlone: Bool { watchers.count + joining.count == 1 }
    }

    /// Messages that wait for the history; more than that are in the log anyway.
    private static let maxHeld = 1000
    private static let retryDelays: [Duration] = [.milliseconds(50), .milliseconds(200), .seconds(1), .seconds(2)]

    private let queue: JobQueue
    private let id: JobID
    private let opening: Task<Result<RedisSubscription, RedisError>, Never>
    private let state = Mutex(State())

    init(_ id: JobID, of queue: JobQueue) {
        self.queue = queue
        self.id = id
        opening = Task {
            do throws(RedisError) {
                return .success(try await queue.subscriber.subscribe(queue.keys.events(id)))
            } catch {
                return .failure(error)
            }
        }
    }

    /// The number to leave with; nil when the feed has just closed. Subscribed first: what is published from then on arrives.
    func join(_ watcher: Watcher, row: @escaping JobWatch.Row) async throws(RedisError) -> Int? {
        let subscription: RedisSubscription
        do { subscription = try await opening.value.get() } catch {
            close()
            throw error
        }
        let (number, mustRead) = state.withLock { state -> (Int?, Bool) in
            guard !state.isClosed else { return (nil, false) }
            state.count += 1
            state.row = row
            if state.listening == nil { state.listening = Task { await self.listen(to: subscription) } }
            if !state.isReading, let missed = state.recent.after(watcher.last) {
                state.watchers[state.count] = watcher
                tell(state.count, missed, &state)
                return (state.count, false)
            }
            state.joining[state.count] = watcher
            return (state.count, begins(reading: &state))
        }
        if mustRead { read() }
        return number
    }

    func leave(_ number: Int) {
        let isEmpty = state.withLock { state in
            state.watchers[number] = nil
            state.joining[number] = nil
            return state.watchers.isEmpty && state.joining.isEmpty
        }
        if isEmpty { closeIfEmpty() }
    }

    private func closeIfEmpty() {
        let listening = state.withLock { state -> Task<Void, Never>? in
            guard state.watchers.isEmpty, state.joining.isEmpty, !state.isClosed else { return nil }
            state.isClosed = true
            return state.listening
        }
        guard let listening else { return }
        listening.cancel()
        queue.watchers.remove(self, of: id)
    }

    /// Ends every watch: Redis cannot be listened to any more.
    private func close() {
        state.withLock { state in
            state.isClosed = true
            for watcher in state.watchers.values { watcher.box.postLoss(watcher.mark) }
            for watcher in state.joining.values { watcher.box.postLoss(watcher.mark) }
            state.watchers = [:]
            state.joining = [:]
        }
        queue.watchers.remove(self, of: id)
    }

    private func listen(to subscription: RedisSubscription) async {
        for await signal in subscription {
            switch signal {
            case .message(let bytes): receive(String(decoding: bytes, as: UTF8.self))
            case .gap: if state.withLock({ begins(reading: &$0) }) { read() }
            }
            closeIfEmpty()
        }
        close()
    }

    private func receive(_ json: String) {
        guard let event = WatchedEvent(json) else { return }
        let mustRead = state.withLock { state in
            guard state.isReading, event.sequence != nil else { return pass(event, &state) }
            if state.held.count < JobFeed.maxHeld {
                state.held.append(event)
            } else {
                state.mustReadAgain = true
            }
            return false
        }
        if mustRead { read() }
    }

    /// A live event: the next number goes to everybody, an old one to nobody, a later one means that something was missed (true: read).
    private func pass(_ event: WatchedEvent, _ state: inout State) -> Bool {
        guard let sequence = event.sequence else {
            guard event.name == JobEvent.Name.token.rawValue else { return false }
            for watcher in state.watchers.values where watcher.withTokens { _ = watcher.box.post(event, watcher.mark) }
            return false
        }
        guard sequence > state.last else { return false }
        guard sequence == state.last + 1 else { return begins(reading: &state) }
        state.last = sequence
        if state.isAlone { state.recent.forget() } else { state.recent.append(event) }
        for (number, watcher) in state.watchers where sequence > watcher.last || event.isTerminal { tell(number, [event], &state) }
        return false
    }

    /// Whoever was told the end, or has no room, watches no longer. An end with something behind it is that of a series before a retry.
    private func tell(_ number: Int, _ events: some Sequence<WatchedEvent>, _ state: inout State) {
        guard var watcher = state.watchers[number] else { return }
        var isAtEnd = false
        for event in events {
            guard watcher.box.post(event, watcher.mark) else {
                state.watchers[number] = nil
                return
            }
            if let sequence = event.sequence { watcher.last = max(watcher.last, sequence) }
            isAtEnd = event.isTerminal
        }
        if isAtEnd { return end(number, &state) }
        state.watchers[number] = watcher
    }

    private func end(_ number: Int, _ state: inout State) {
        guard let watcher = state.watchers.removeValue(forKey: number) else { return }
        watcher.box.postEnd(watcher.mark)
    }

    /// True for the one who has to call `read`.
    private func begins(reading state: inout State) -> Bool {
        if state.isReading {
            state.mustReadAgain = true
            return false
        }
        state.isReading = true
        return true
    }

    /// Reads the history for everybody who waits for it, until nothing is missing. While Redis does not answer it is asked again.
    private func read() {
        Task {
            var failures = 0
            while !state.withLock(\.isClosed) {
                state.withLock { $0.mustReadAgain = false }
                do {
                    if let history = try await queue.history(of: id) { catchUp(with: history) } else { await askRow() }
                    if isUpToDate() { break }
                } catch {
                    try? await Task.sleep(for: JobFeed.retryDelays[min(failures, JobFeed.retryDelays.count - 1)])
                    failures += 1
                }
            }
            closeIfEmpty()
        }
    }

    /// What was held follows what was read. Who joined while it was read has missed nothing: the history and what was held have everything.
    private func catchUp(with history: JobHistory) {
        state.withLock { state in
            admitJoining(&state)
            // Less than was told before: Redis has lost the latest events, and their numbers are given again.
            state.last = max(history.job.sequence, history.events.last?.sequence ?? 0)
            if state.isAlone { state.recent.forget() } else { state.recent.replace(with: history.events, upTo: state.last) }
            for (number, watcher) in state.watchers { catchUp(number, watcher, with: history, &state) }
        }
    }

    private func catchUp(_ number: Int, _ watcher: Watcher, with history: JobHistory, _ state: inout State) {
        var missed = history.events.filter { ($0.sequence ?? 0) > watcher.last }
        if history.job.state.isTerminal, watcher.last > state.last { missed = history.events.suffix(1) }
        let firstKept = missed.first?.sequence ?? state.last + 1
        if firstKept > watcher.last + 1 {
            tell(number, JobFeed.bridge(over: watcher.last + 1..<firstKept, to: history.job), &state)
        }
        tell(number, missed, &state)
        if missed.isEmpty, history.job.state.isTerminal { end(number, &state) }
    }

    private func admitJoining(_ state: inout State) {
        state.watchers.merge(state.joining) { $1 }
        state.joining = [:]
    }

    /// Redis has lost the job: it ended without a word, or it will be queued again and told of.
    private func askRow() async {
        let job = await state.withLock(\.row)(id)
        state.withLock { state in
            admitJoining(&state)
            state.recent.forget()
            for (number, watcher) in state.watchers {
                guard let job else {
                    end(number, &state)
                    continue
                }
                if let end = job.endEvent { tell(number, [WatchedEvent(end, watcher.last + 1)], &state) }
            }
        }
    }

    private func isUpToDate() -> Bool {
        state.withLock { state in
            guard !state.mustReadAgain else {
                state.held = []
                return false
            }
            state.isReading = false
            let held = state.held
            state.held = []
            for event in held where pass(event, &state) { return false }
            return state.joining.isEmpty
        }
    }

    /// What stands in for events that were trimmed away.
    private static func bridge(over lost: Range<Int64>, to job: Job) -> [WatchedEvent] {
        let gap = JobEvent(.gap, ["from": .integer(lost.lowerBound), "to": .integer(lost.upperBound - 1)])
        var members: [String: JSONValue] = [
            "status": .string(job.state.rawValue), "progress": .number(job.progress), "attempt": .integer(Int64(job.attempt)),
        ]
        members["step"] = job.step.map(JSONValue.string)
        members["message"] = job.message.map(JSONValue.string)
        return [gap, JobEvent(.snapshot, members)].map { WatchedEvent(sequence: nil, name: $0.name.rawValue, json: "{" + $0.unnumbered) }
    }
}

/// The latest events of a job that several watch: who comes later is told them without asking Redis. Bounded in bytes.
private struct RecentEvents {
    private static let maxBytes = 64 << 10
    private var events: [WatchedEvent] = []
    private var bytes = 0
    /// Nil: nothing is known.
    private var last: Int64?

    /// Everything after `number`; nil when something of it is not here.
    func after(_ number: Int64) -> ArraySlice<WatchedEvent>? {
        guard let last, number <= last, let first = events.first?.sequence, first <= number + 1 else { return nil }
        // Whether a job that has ended goes on is asked of Redis.
        guard number < last || events.last?.isTerminal == false else { return nil }
        return events.drop { ($0.sequence ?? 0) <= number }
    }

    mutating func forget() { self = RecentEvents() }

    mutating func replace(with history: [WatchedEvent], upTo last: Int64) {
        events = history
        bytes = history.reduce(0) { $0 + $1.json.utf8.count }
        self.last = last
        trim()
    }

    mutating func append(_ event: WatchedEvent) {
        guard let last, event.sequence == last + 1 else { return forget() }
        events.append(event)
        bytes += event.json.utf8.count
        self.last = event.sequence
        trim()
    }

    /// Half at once, so that an event costs no more than its share.
    private mutating func trim() {
        guard bytes > RecentEvents.maxBytes else { return }
        while bytes > RecentEvents.maxBytes / 2, !events.isEmpty {
            let half = (events.count + 1) / 2
            bytes -= events.prefix(half).reduce(0) { $0 + $1.json.utf8.count }
            events.removeFirst(half)
        }
    }
}
