/// One run of a job, as its history has it.
package struct JobAttempt: Sendable, Hashable {
    package let number: Int
    package var worker: String?
    package var startedAt: Timestamp?
    /// Nil while it runs.
    package var endedAt: Timestamp?
    /// completed, failed, cancelled, retry, handed_back (the worker left), crashed (the worker died) …
    package var outcome: String?
    package var error: String?
    package var errorType: String?

    package init(number: Int) {
        self.number = number
    }
}
