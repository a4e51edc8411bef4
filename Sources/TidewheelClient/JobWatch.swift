/// Everything that happens to a job, to its end, over as many connections as it takes: each new one begins after the last number seen.
/// Nothing is missed or comes twice, but for what the API itself has forgotten (`gap`, `snapshot`) and for `token`, which nobody keeps.
public struct JobWatch: AsyncSequence, Sendable {
    /// Each thing that happens.
    public typealias Element = JobUpdate
    /// The API says no for good, or is not there for too long.
    public typealias Failure = TidewheelError

    let client: TidewheelClient
    let id: String
    let after: Int?
    let withTokens: Bool
    private var tell: (@Sendable (TidewheelError) -> Void)?

    init(client: TidewheelClient, id: String, after: Int?, withTokens: Bool) {
        self.client = client
        self.id = id
        self.after = after
        self.withTokens = withTokens
    }

    /// The same, and somebody hears, once an outage, why there is no connection.
    package func telling(_ tell: @escaping @Sendable (TidewheelError) -> Void) -> JobWatch {
        var watch = self
        watch.tell = tell
        return watch
    }

    /// Each iterator has a connection of its own, made when it is first asked.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// For one task.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let watch: JobWatch
        private var last: Int?
        private var events: ServerEvents.AsyncIterator?
        private var backoff: Backoff
        /// The highest number of this connection: a new connection may count anew, after a loss of Redis.
        private var highest = 0
        private var place = Place.open
        private var hasConnected = false
        private var isOutageTold = false

        private enum Place {
            case open
            /// An end was told. It is the last one, unless the job was retried since.
            case ended
            case over
        }

        init(_ watch: JobWatch) {
            self.watch = watch
            last = watch.after
            backoff = Backoff(patience: watch.client.options.reconnectTime)
        }

        /// As `next(isolation:)`.
        public mutating func next() async throws(TidewheelError) -> JobUpdate? { try await next(isolation: nil) }

        /// Throws when the API says no for good (no such job, no key), and when no connection comes about for the client's reconnect time.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(TidewheelError) -> JobUpdate? {
            while place != .over {
                do {
                    if events == nil { try await connect() }
                    while let event = try await events?.next(isolation: actor) {
                        backoff.succeeded()
                        isOutageTold = false
                        if let update = try accept(event) { return update }
                    }
                    guard place == .open else { break }
                } catch { try await recover(from: error) }
                if place == .open, events != nil { try await pauseBeforeReconnect() }
            }
            place = .over
            return nil
        }

        private mutating func connect() async throws(TidewheelError) {
            var headers = [("Accept", "text/event-stream")]
            if let last { headers.append(("Last-Event-ID", String(last))) }
            // After an end the answer is one word, and a longer silence than that of a stream means that nobody is there.
            let answer = try await watch.client.open(
                "GET", "/jobs/\(percentEncoded(watch.id))/events", headers: headers, silence: .seconds(place == .ended ? 20 : 45))
            switch answer.status {
            case 200:
                events = answer.events.makeAsyncIterator()
                hasConnected = true
            // The last number was that of the end.
            case 204: place = .over
            default: throw .problem(TidewheelError.Problem(try await answer.collected()))
            }
            highest = 0
        }

        private mutating func accept(_ event: ServerEvent) throws(TidewheelError) -> JobUpdate? {
            let update = try JobUpdate(event)
            if let number = update.number {
                guard number > highest else { return nil }
                highest = number
                last = number
            } else if update.name == "token", !watch.withTokens {
                return nil
            }
            place = update.isEnd ? .ended : .open
            if update.isEnd { events = nil }
            return update
        }

        /// After an end nobody needs another connection; before it, whatever may pass is tried again.
        private mutating func recover(from error: TidewheelError) async throws(TidewheelError) {
            events = nil
            if Task.isCancelled { throw .cancelled }
            if place == .ended { return place = .over }
            guard place == .open, error.isTransient else { throw error }
            if case .unreachable = error, !hasConnected, !watch.client.options.awaitsStart { throw error }
            guard let pause = backoff.pause(atLeast: error.problem?.retryAfter) else { throw error }
            if !isOutageTold { watch.tell?(error) }
            isOutageTold = true
            try await rest(for: pause)
        }

        /// The stream ended without an end: the API stops, or this job is watched somewhere else in its cluster.
        private mutating func pauseBeforeReconnect() async throws(TidewheelError) {
            events = nil
            guard let pause = backoff.pause() else { throw .unreachable("the stream of job \(watch.id) ends again and again") }
            try await rest(for: pause)
        }
    }
}
