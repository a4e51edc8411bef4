internal import RedisWire

/// Lets long work in many small calls leave most of Redis to others: each call is followed by a pause as long as three of it.
struct Pace {
    private static let most = Duration.milliseconds(250)
    private var begin: ContinuousClock.Instant?

    /// Before each call. Throws when the task is cancelled meanwhile.
    mutating func wait() async throws(RedisError) {
        if let begin {
            let pause = min(begin.duration(to: .now) * 3, Pace.most)
            do { try await Task.sleep(for: pause) } catch { throw .cancelled }
        }
        begin = .now
    }
}
