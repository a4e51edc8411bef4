/// Pauses between attempts: each is a random part of a bound that doubles, so that many clients do not come back at one moment.
struct Backoff {
    private let patience: Duration?
    private let first: Duration
    private var bound: Duration
    private var begin: ContinuousClock.Instant?

    static let longest = Duration.seconds(10)

    /// Without patience there is no end to it.
    init(patience: Duration?, first: Duration = .milliseconds(200)) {
        self.patience = patience
        self.first = first
        bound = first
    }

    /// Nil when patience is over, or would be after the pause. Time counts from the first pause on.
    mutating func pause(atLeast least: Duration? = nil, now: ContinuousClock.Instant = .now) -> Duration? {
        let begin = begin ?? now
        self.begin = begin
        let pause = (least ?? .zero) + bound * Double.random(in: 0...1)
        bound = min(bound * 2, Self.longest)
        if let patience, now + pause > begin + patience { return nil }
        return pause
    }

    mutating func succeeded() {
        bound = first
        begin = nil
    }
}

func rest(for pause: Duration) async throws(TidewheelError) {
    do {
        try await Task.sleep(for: pause)
    } catch { throw .cancelled }
}
