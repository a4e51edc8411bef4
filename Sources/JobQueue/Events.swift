package import JobModel
package import RedisWire

/// One event as a watcher gets it.
package struct WatchedEvent: Sendable, Hashable {
    /// Nil for what only this watcher gets: `snapshot` and `gap`.
    package let sequence: Int64?
    package let name: String
    /// One line of JSON.
    package let json: String

    package var isTerminal: Bool {
        name == "completed" || name == "failed" || name == "cancelled"
    }

    init?(_ json: String) {
        guard let event = try? JSONReader.read(json, depth: 256), let name = event["event"]?.string else { return nil }
        self.init(sequence: event["seq"]?.integer.map(Int64.init), name: name, json: json)
    }

    package init(sequence: Int64?, name: String, json: String) {
        self.sequence = sequence
        self.name = name
        self.json = json
    }
}

extension JobQueue {
    /// Everything that happens to a job after event number `sequence`: subscribed first, then what was missed, then live. Nothing is missed
    /// or sent twice; where the log was trimmed the watcher gets `gap` and `snapshot` instead.
    /// `withTokens` also hears what models say, as it is said: of that nothing is repeated.
    /// A job that Redis does not know is asked of `row`: its end is told, a live one is waited for, and nil ends the watch.
    package func watch(
        _ id: JobID, after sequence: Int64?, withTokens: Bool = false, row: @escaping JobWatch.Row = { _ in nil }
    ) async throws(RedisError) -> JobWatch {
        let subscription = try await subscriber.subscribe(keys.events(id))
        return JobWatch(queue: self, id: id, after: sequence ?? 0, withTokens: withTokens, row: row, subscription: subscription)
    }
}

/// The events of one job, pulled by its reader; ends after the terminal event, or when nobody knows the job any more.
package struct JobWatch: AsyncSequence, Sendable {
    package typealias Element = WatchedEvent
    package typealias Failure = RedisError

    /// The job as SQL has it, for one that Redis does not know.
    package typealias Row = @Sendable (JobID) async -> Job?

    private enum Source: Sendable {
        case live(JobQueue, JobID, after: Int64, withTokens: Bool, Row, RedisSubscription)
        case fixed([WatchedEvent])
    }

    private let source: Source

    init(queue: JobQueue, id: JobID, after: Int64, withTokens: Bool, row: @escaping Row, subscription: RedisSubscription) {
        source = .live(queue, id, after: after, withTokens: withTokens, row, subscription)
    }

    /// A job that only SQL still knows: its end, and nothing more.
    package init(_ events: [WatchedEvent]) {
        source = .fixed(events)
    }

    package func makeAsyncIterator() -> Iterator {
        switch source {
        case .live(let queue, let id, let after, let withTokens, let row, let subscription):
            Iterator(queue: queue, id: id, last: after, withTokens: withTokens, row: row, signals: subscription.makeAsyncIterator())
        case .fixed(let events):
            Iterator(queue: nil, id: nil, last: 0, signals: nil, ready: events)
        }
    }

    package struct Iterator: AsyncIteratorProtocol {
        private let queue: JobQueue?
        private let id: JobID?
        private let row: Row
        private let withTokens: Bool
        private var last: Int64
        private var signals: RedisSubscription.AsyncIterator?
        private var ready: [WatchedEvent]
        private var mustCatchUp: Bool
        private var hasEnded = false

        init(
            queue: JobQueue?, id: JobID?, last: Int64, withTokens: Bool = false, row: @escaping Row = { _ in nil },
            signals: RedisSubscription.AsyncIterator?, ready: [WatchedEvent] = []
        ) {
            self.withTokens = withTokens
            self.row = row
            self.queue = queue
            self.id = id
            self.last = last
            self.signals = signals
            self.ready = ready
            mustCatchUp = queue != nil
        }

        package mutating func next() async throws(RedisError) -> WatchedEvent? {
            try await next(isolation: nil)
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(RedisError) -> WatchedEvent? {
            while true {
                if !ready.isEmpty { return deliver(ready.removeFirst()) }
                if hasEnded { return nil }
                if mustCatchUp {
                    try await catchUp()
                    continue
                }
                guard let signal = await signals?.next(isolation: actor) else { return nil }
                switch signal {
                case .message(let bytes): receive(String(decoding: bytes, as: UTF8.self))
                case .gap: mustCatchUp = true
                }
            }
        }

        private mutating func deliver(_ event: WatchedEvent) -> WatchedEvent {
            if let sequence = event.sequence { last = Swift.max(last, sequence) }
            if event.isTerminal || queue == nil && ready.isEmpty {
                hasEnded = true
                signals = nil
            }
            return event
        }

        /// A live message: the next number is passed on, an old one dropped, a later one means that something was missed. Tokens have none.
        private mutating func receive(_ json: String) {
            guard let event = WatchedEvent(json) else { return }
            guard let sequence = event.sequence else {
                if withTokens, event.name == JobEvent.Name.token.rawValue { ready.append(event) }
                return
            }
            guard sequence > last else { return }
            if sequence == last + 1 { ready.append(event) } else { mustCatchUp = true }
        }

        private mutating func catchUp() async throws(RedisError) {
            guard let queue, let id else { return }
            mustCatchUp = false
            guard let history = try await queue.history(of: id) else { return await askRow(of: id) }
            let missed = history.events.filter { ($0.sequence ?? 0) > last }
            let firstKept = missed.first?.sequence ?? history.job.sequence + 1
            if firstKept > last + 1 { ready += JobWatch.bridge(over: last + 1..<firstKept, to: history.job) }
            ready += missed
            hasEnded = missed.isEmpty && history.job.state.isTerminal
        }

        /// Redis has lost the job: it ended without a word, or it will be queued again and told of.
        private mutating func askRow(of id: JobID) async {
            guard let job = await row(id) else { return hasEnded = true }
            if let end = job.endEvent { ready.append(WatchedEvent(end, last + 1)) }
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
