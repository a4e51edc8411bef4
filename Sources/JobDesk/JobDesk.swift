package import JobLedger
package import JobModel
package import JobQueue
package import Logging

/// What the API and the worker both need, once: row, then Redis. The only place where the two stores meet.
/// Recorded kinds are accepted in SQL first and end in SQL first; Redis follows. One operation is one file.
package struct JobDesk: Sendable {
    package let queue: JobQueue
    package let ledger: JobLedger
    package let catalogue: JobCatalogue
    package let durations: Durations
    /// Why an address may not be told of ends of jobs, as the end of a sentence; nil where it may.
    package var refusalOfReceiver: @Sendable (String) -> String? = { _ in nil }
    let gate: IntakeGate
    let looks = QueueLooks()
    let kindLooks: KindLooks
    let logger: Logger

    package init(queue: JobQueue, ledger: JobLedger, catalogue: JobCatalogue, logger: Logger) {
        self.queue = queue
        self.ledger = ledger
        // Of its own: what one desk hears of other programs' kinds is no other one's business.
        self.catalogue = JobCatalogue(catalogue.builtIn)
        self.logger = logger
        durations = Durations(queue: queue, ledger: ledger, catalogue: self.catalogue)
        kindLooks = KindLooks(self.catalogue, ledger: ledger)
        gate = IntakeGate()
    }
}
