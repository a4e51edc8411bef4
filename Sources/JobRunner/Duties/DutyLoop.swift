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
            var pause = Cadence.ofProcess.pause(before: duty.interval, at: .now)
            if !duty.isForLeader || leadership.token != nil { pause = await runOnce() }
            try? await Task.sleep(for: pause)
        }
    }

    /// Returns how long to wait before the next time.
    @discardableResult
    func runOnce() async -> Duration {
        let began = Timestamp.now
        let start = ContinuousClock.now
        book.begin(duty.name, at: began)
        var failure: (any Error)?
        var next: Duration?
        do { next = try await duty.run(leadership.token) } catch {
            if Task.isCancelled { return duty.interval }
            failure = error
        }
        let isNews = book.note(duty.name, began: began, took: .now - start, error: failure)
        if let failure, isNews {
            logger.warning("A duty failed and is tried again", metadata: ["duty": "\(duty.name)", "error": "\(failure)"])
        }
        let pause = Cadence.ofProcess.pause(before: duty.interval, at: .now)
        return min(pause, max(next ?? pause, .milliseconds(5)))
    }
}
