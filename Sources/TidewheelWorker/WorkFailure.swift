internal import JobModel

/// Why an attempt did not succeed, and whether to try again.
public struct WorkFailure: Error, Sendable, CustomStringConvertible {
    let failure: JobFailure

    /// Why, in one sentence.
    public var description: String { failure.message }

    /// Tried again after the pause of the kind, or after `pause`, as long as attempts are left. `type` is one word for programs.
    public static func retry(_ why: String, type: String = "error", after pause: Duration? = nil) -> WorkFailure {
        WorkFailure(failure: .retry(why, type: type, afterMilliseconds: pause.map { max(0, $0.wholeMilliseconds) }))
    }

    /// Trying again cannot help: the job becomes a dead letter at once.
    public static func permanent(_ why: String, type: String = "error") -> WorkFailure {
        WorkFailure(failure: .permanent(why, type: type))
    }
}

extension Duration {
    /// Fractions of a millisecond are dropped.
    var wholeMilliseconds: Int64 {
        min(max(components.seconds, -10_000_000_000), 10_000_000_000) * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
