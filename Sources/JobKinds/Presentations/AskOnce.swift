/// Asks Presenton for a deck, and never for a second one while the first may be on its way. Presenton has no idempotency key, so the memory is
/// ours: a row, committed before the question is sent, then the name of the task in it. A later attempt that finds a row without a name looks
/// in Presenton's list for a task that was not there before and that is nobody's: one question at a time is without its answer, so
/// that one is its own. A build without such a list cannot say, and then the job fails rather than guess.
///
/// A question leaves within seconds of its row, or not at all: the clock is looked at when the connection stands and the next thing is to send.
/// What is left is in docs/kinds.md.
import JobLedger
import JobModel
import Logging
import PostgresWire
import Services

/// One attempt at one presentation.
struct DeckJob: Sendable {
    /// How often the row is written anew because the question could not be sent in time.
    private static let rounds = 5

    let ledger: JobLedger
    let decks: DeckRooms
    let context: JobContext

    var presenton: Presenton { decks.presenton }
    var id: JobID { context.jobID }

    func lastAsk() async throws(JobFailure) -> PresentonAsk? {
        try await recorded { () throws(PostgresError) in try await ledger.lastPresentonAsk(of: id) }
    }

    /// Which deck this attempt is about: the last one, or another one when that is known to have failed.
    func number(after last: PresentonAsk?) async throws(JobFailure) -> Int {
        guard let last else { return 1 }
        switch last.outcome {
        case nil, .completed, .overtaken, .foreground: return last.number
        case .failed, .refused, .givenUp: return last.number + 1
        case .lost:
            // It may only have been slow.
            guard let task = last.taskID, case .completed? = try await presenton.task(task)?.status else { return last.number + 1 }
            try await close(last.number, .completed)
            return last.number
        }
    }

    /// `{task_id}`, or nothing where Presenton makes decks only while one waits.
    func ask(_ order: JSONValue, _ number: Int, _ last: PresentonAsk?) async throws(JobFailure) -> JSONValue {
        if let last, last.number == number {
            if let task = last.taskID { return answer(task) }
            if last.outcome == .foreground || last.millisecondsSinceSent != nil { return [:] }
            try await takeTurn { listed throws(PostgresError) in
                try await ledger.holdPresenton(
                    id, number: number, server: presenton.server, attempt: context.attempt, listed: listed)
            }
            if let task = try await look(for: last) { return answer(task) }
        }
        return try await askAnew(order, number)
    }

    private func askAnew(_ order: JSONValue, _ number: Int) async throws(JobFailure) -> JSONValue {
        for _ in 0..<DeckJob.rounds {
            var written = ContinuousClock.now
            try await takeTurn { listed throws(PostgresError) in
                written = .now
                return try await ledger.askPresenton(
                    id, number: number, server: presenton.server, attempt: context.attempt, listed: listed)
            }
            let last = written + decks.pacing.freshness
            // A stop does not come between the question and the name of its answer.
            let result = await Task { () -> Result<JSONValue?, JobFailure> in
                do throws(JobFailure) { return .success(try await conclude(presenton.ask(order, sendBy: last), number)) } catch {
                    return .failure(error)
                }
            }.value
            if let answer = try result.get() { return answer }
        }
        try await close(number, .refused)
        throw DeckJob.slow
    }

    static let slow = JobFailure.retry(
        "Presenton could not be asked in time: the connection, or PostgreSQL, took too long", type: "presenton_slow",
        afterMilliseconds: 10_000)

    /// Nil: it was not sent, and may be once its row is written anew.
    private func conclude(_ asked: Presenton.Asked, _ number: Int) async throws(JobFailure) -> JSONValue? {
        switch asked {
        case .late: return nil
        case .task(let task): return answer(try await name(task, number))
        case .noBackground:
            try await close(number, .foreground)
            return [:]
        case .refused(let failure):
            try await close(number, .refused)
            throw once(failure, number)
        case .unknown(let failure):
            guard let ask = try await lastAsk(), ask.number == number else { throw failure }
            if let task = try await look(for: ask) { return answer(task) }
            try await close(number, .refused)
            throw failure
        }
    }

    /// The task that the missing answer is about; nil: the question never arrived.
    private func look(for ask: PresentonAsk) async throws(JobFailure) -> String? {
        let end = ContinuousClock.now + decks.pacing.settle - .milliseconds(ask.millisecondsSinceAsked)
        while true {
            guard let candidates = try await candidates(for: ask) else {
                throw try await giveUp(
                    ask, "submission_unknown",
                    "The worker was interrupted while it asked for the deck, and this Presenton does not list its tasks. "
                        + "Look there whether the deck is being made; retry the job if it is not")
            }
            let found = try await recorded { () throws(PostgresError) in
                try await ledger.unclaimed(candidates, server: presenton.server)
            }
            guard found.count <= 1 else {
                throw try await giveUp(
                    ask, "ambiguous_task",
                    "The worker was interrupted while it asked for the deck, and others asked this Presenton too: \(found.count) tasks may be it. "
                        + "Retry the job to ask for another deck")
            }
            if let task = found.first { return try await name(task, ask.number) }
            // The attempt that asked may live, and have its answer by now.
            if let now = try await lastAsk(), now.number == ask.number, let task = now.taskID { return task }
            if ask.candidates != nil || ContinuousClock.now >= end { return nil }
            try await pause(decks.pacing.look)
        }
    }

    /// Tasks that were not there before. Nil: nobody can say.
    private func candidates(for ask: PresentonAsk) async throws(JobFailure) -> Set<String>? {
        if let candidates = ask.candidates { return candidates }
        guard ask.outcome != .overtaken, let known = ask.known else { return nil }
        return try await listed()?.subtracting(known)
    }

    func giveUp(_ ask: PresentonAsk, _ type: String, _ message: String) async throws(JobFailure) -> JobFailure {
        try await close(ask.number, .givenUp)
        return .permanent(message, type: type)
    }

    /// Of the last day by our clock, which may differ from Presenton's by hours.
    private func listed() async throws(JobFailure) -> Set<String>? {
        try await presenton.tasks(since: Timestamp.now.advanced(byMilliseconds: -86_400_000))
    }

    /// An answer that cannot be written now is still an answer: the step keeps it, too.
    private func name(_ task: String, _ number: Int) async throws(JobFailure) -> String {
        for round in 0..<8 {
            do {
                return try await ledger.namePresentonTask(task, of: id, number: number)
            } catch {
                guard !error.isUniqueViolation else {
                    throw .permanent("Another job follows this task of Presenton", type: "ambiguous_task")
                }
                context.logger.warning("The name of a task could not be kept", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(50 << round))
            }
        }
        return task
    }

    /// What is listed is listed before each try: others may have asked meanwhile.
    private func takeTurn(_ take: (Set<String>?) async throws(PostgresError) -> PresentonTurn) async throws(JobFailure) {
        let end = ContinuousClock.now + decks.pacing.turn
        while true {
            let listed = try await listed()
            switch try await recorded({ () throws(PostgresError) in try await take(listed) }) {
            case .mine: return
            case .refused: throw .lost
            case .busy: break
            }
            guard ContinuousClock.now < end else {
                throw .retry("Presenton has not answered another job yet", type: "presenton_busy", afterMilliseconds: 10_000)
            }
            try await pause(decks.pacing.look)
        }
    }

    private func answer(_ task: String) -> JSONValue { ["task_id": .string(task)] }
}

extension DeckJob {
    func close(_ number: Int, _ outcome: PresentonAsk.Outcome) async throws(JobFailure) {
        try await recorded { () throws(PostgresError) in try await ledger.closePresentonAsk(id, number: number, as: outcome) }
    }

    /// What may have cost tokens is tried twice, not more.
    func once(_ failure: JobFailure, _ number: Int) -> JobFailure {
        guard number > 1, failure.type == "http_500" else { return failure }
        return .permanent(failure.message, type: failure.type)
    }

    func pause(_ duration: Duration) async throws(JobFailure) {
        do { try await Task.sleep(for: duration) } catch { throw .cancelled }
    }

    func recorded<Value>(_ call: () async throws(PostgresError) -> Value) async throws(JobFailure) -> Value {
        do { return try await call() } catch {
            throw .retry("PostgreSQL did not keep what was asked of Presenton: \(error.message)", type: "database")
        }
    }
}
