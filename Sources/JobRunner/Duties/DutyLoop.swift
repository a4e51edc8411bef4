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
            var pause: Duration?
            if !duty.isForLeader || leadership.token != nil { pause = await runOnce() }
            try? await Task.sleep(for: pause ?? Cadence.ofProcess.pause(before: duty.interval, at: .now))
        }
    }

    /// Returns how long to wait before the next time, if that is not by its cadence.
    @discardableResult
    func runOnce() async -> Duration? {
        let began = Timestamp.now
        let start = ContinuousClock.now
        book.begin(duty.name, at: began)
        var failure: (any Error)?
        var next: Duration?
        do { next = try await duty.run(leadership.token) } catch {
            if Task.isCancelled { return nil }
            failure = error
        }
        let isNews = book.note(duty.name, began: began, took: .now - start, error: failure)
        if let failure, isNews {
            logger.warning("A duty failed and is tried again", metadata: ["duty": "\(duty.name)", "error": "\(failure)"])
        }
        return next.map { min(duty.interval, max($0, .milliseconds(5))) }
    }
}
