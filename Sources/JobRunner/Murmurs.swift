internal import JobModel
internal import Synchronization

/// What one attempt says in passing (tokens of models), on its way to those who watch. The handler never waits: the first piece goes out at
/// once, what comes while it is on its way is merged, what finds no room or no Redis is dropped, and the next event says how much.
final class Murmurs: Sendable {
    /// Published in this order; false: they did not reach Redis.
    typealias Publish = @Sendable ([JobEvent]) async -> Bool

    /// Text of one source that waits for the message before it.
    private struct Run {
        let field: String
        let source: String
        var text: String
        var pieces = 1
    }

    private struct State {
        var runs: [Run] = []
        var bytes = 0
        var dropped = 0
        var sender: Task<Void, Never>?
        var isEnding = false
    }

    private static let maxBytes = 64 << 10
    private static let maxRuns = 256
    private let pause: Duration
    private let publish: Publish
    private let state = Mutex(State())

    /// `pause`: the least time between two messages.
    init(pause: Duration = .milliseconds(4), publish: @escaping Publish) {
        self.pause = pause
        self.publish = publish
    }

    /// From any thread; never waits. Events without a text and a source are not murmurs.
    func add(_ event: JobEvent) {
        guard let field = ["text", "thinking"].first(where: { event.fields[$0] != nil }), let text = event.fields[field]?.string,
            let source = event.fields["source"]?.string
        else { return }
        state.withLock { state in
            guard state.bytes + text.utf8.count <= Self.maxBytes, state.runs.count < Self.maxRuns else {
                state.dropped += 1
                return
            }
            state.bytes += text.utf8.count
            if let last = state.runs.indices.last, state.runs[last].field == field, state.runs[last].source == source {
                state.runs[last].text += text
                state.runs[last].pieces += 1
            } else {
                state.runs.append(Run(field: field, source: source, text: text))
            }
            if state.sender == nil { state.sender = Task { await self.send() } }
        }
    }

    /// Returns when everything has been published or dropped: what follows in the job's channel comes after it.
    func end() async {
        let sender = state.withLock { state in
            state.isEnding = true
            return state.sender
        }
        await sender?.value
    }

    private func send() async {
        while let (events, pieces) = take() {
            let began = ContinuousClock.now
            if !(await publish(events)) { state.withLock { $0.dropped += pieces } }
            let rest = pause - (ContinuousClock.now - began)
            if rest > .zero, !state.withLock({ $0.isEnding }) { try? await Task.sleep(for: rest) }
        }
    }

    /// Nil, and nobody sends any more, when there is nothing to send.
    private func take() -> ([JobEvent], pieces: Int)? {
        state.withLock { state in
            guard !state.runs.isEmpty else {
                state.sender = nil
                return nil
            }
            var events = state.runs.map { JobEvent(.token, [$0.field: .string($0.text), "source": .string($0.source)]) }
            if state.dropped > 0 {
                events[0] = JobEvent(.token, events[0].fields.merging(["dropped": .integer(Int64(state.dropped))]) { $1 })
            }
            let pieces = state.runs.reduce(state.dropped) { $0 + $1.pieces }
            (state.runs, state.bytes, state.dropped) = ([], 0, 0)
            return (events, pieces)
        }
    }
}
