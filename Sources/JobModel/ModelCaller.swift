import Synchronization

/// On whose behalf a model is asked. The worker sets it around every attempt, so that whoever asks need not say it; child tasks inherit it.
package struct ModelCaller: Sendable {
    @TaskLocal package static var current: ModelCaller?

    private final class Numbers: Sendable {
        let next = Atomic<Int>(0)
    }

    package let jobID: JobID
    package let worker: String
    package let attempt: Int
    /// How long it waits for a permit; nil: for as long as its attempt lasts.
    package let patience: Duration?
    private let numbers = Numbers()

    package init(jobID: JobID, worker: String, attempt: Int) {
        self.jobID = jobID
        self.worker = worker
        self.attempt = attempt
        patience = nil
    }

    /// Somebody who asks without a job, by way of a process, and waits for the answer: `attempt` is 0. Its permits are good for a minute, so
    /// whoever asks must have ended by then.
    package init(askingBy process: String, patience: Duration) {
        jobID = JobID()
        worker = process
        attempt = 0
        self.patience = patience
    }

    /// Who holds the next permit: an attempt may hold several.
    package func nextHolder() -> PermitHolder {
        PermitHolder(caller: self, number: numbers.next.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}

package struct PermitHolder: Sendable, CustomStringConvertible {
    package let caller: ModelCaller
    package let number: Int

    /// `<job id>:<worker>:<attempt>:<number>`: the fleet judges by it whether the holder still runs.
    package var description: String { "\(caller.jobID):\(caller.worker):\(caller.attempt):\(number)" }
}

/// Permits of model servers, over all workers. A permit whose holder's attempt has ended, or whose worker has died, comes back by itself.
package protocol PermitPool: Sendable {
    /// Returns once the permit is held, first come first served; `.cancelled`, and the end of the caller's patience, give the place up.
    func take(_ pool: String, of most: Int, for holder: PermitHolder) async throws(JobFailure)
    /// Nil: held. Otherwise its place if it waited; very far back while Redis is away.
    func tryTake(_ pool: String, of most: Int, for holder: PermitHolder) async -> Int?
    /// Never waits.
    func giveBack(_ pool: String, of most: Int, for holder: PermitHolder)
}
