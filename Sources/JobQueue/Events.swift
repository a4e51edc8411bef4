package import JobModel
package import RedisWire

/// The events of one job, pulled by its reader; ends after the terminal event, or when nobody knows the job any more.
package struct JobWatch: AsyncSequence, Sendable {
    package typealias Element = WatchedEvent
    package typealias Failure = RedisError

    /// The job as SQL has it, for one that Redis does not know.
    package typealias Row = @Sendable (JobID) async -> Job?
    typealias Again = @Sendable (Int64) async throws(RedisError) -> WatchPlace

    private let box: EventBox
    private let place: WatchPlace?
    private let last: Int64
    private let again: Again?
    private let fixed: [WatchedEvent]

    init(_ place: WatchPlace, _ box: EventBox, last: Int64, again: @escaping Again) {
        self.box = box
        self.place = place
        self.last = last
        self.again = again
        fixed = []
    }

    /// A job that only SQL still knows: its end, and nothing more.
    package init(_ events: [WatchedEvent]) {
        (box, place, again, last) = (EventBox(), nil, nil, 0)
        fixed = events
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(box: box, place: place, last: last, again: again, ready: fixed.reversed())
    }

    package struct Iterator: AsyncIteratorProtocol {
        private let box: EventBox
        private var place: WatchPlace?
        private var last: Int64
        private let again: Again?
        /// The next one at the end.
        private var ready: [WatchedEvent]
        private var isBehind = false

        init(box: EventBox, place: WatchPlace?, last: Int64, again: Again?, ready: [WatchedEvent]) {
            self.box = box
            self.place = place
            self.last = last
            self.again = again
            self.ready = ready
        }

        package mutating func next() async throws(RedisError) -> WatchedEvent? {
            try await next(isolation: nil)
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(RedisError) -> WatchedEvent? {
            while true {
                if let event = ready.popLast() {
                    if let sequence = event.sequence { last = Swift.max(last, sequence) }
                    return event
                }
                guard place != nil else { return nil }
                if isBehind {
                    isBehind = false
                    place = try await again?(last)
                }
                let signals = await box.next()
                guard !signals.isEmpty else { return nil }
                receive(signals)
            }
        }

        private mutating func receive(_ signals: [WatchSignal]) {
            for signal in signals {
                switch signal {
                case .event(_, let event): ready.append(event)
                case .behind: isBehind = true
                case .ended, .lost: place = nil
                }
            }
            ready.reverse()
        }
    }
}
