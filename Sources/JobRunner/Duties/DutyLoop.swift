internal import JobLedger
internal import JobModel
internal import Logging

/// Runs one duty on a timer of its own, for as long as its task lives: a slow duty keeps no other one waiting, and an idle queue
/// is looked after as well as a busy one.
struct DutyLoop: Sendable {
    let duty: Duty
    let leadership: Leadership
    let book: DutyBook
    let logger: Logger

    func run() async {
        while !Task.isCancelled {
            if !duty.isForLeader || leadership.token != nil { await runOnce() }
            try? await Task.sleep(for: duty.interval)
        }
    }

    func runOnce() async {
        let began = Timestamp.now
        let start = ContinuousClock.now
        var failure: (any Error)?
        do { try await duty.run(leadership.token) } catch {
            if Task.isCancelled { return }
            failure = error
        }
        let isNews = book.note(duty.name, began: began, took: .now - start, error: failure)
        guard let failure, isNews else { return }
        logger.warning("A duty failed and is tried again", metadata: ["duty": "\(duty.name)", "error": "\(failure)"])
    }
}
