/// Follows a task to its end, and fetches the file. What an answer means is decided by `DeckWatch`, acted on here.
import JobLedger
import JobModel
import Services
import WebFetch

extension DeckJob {
    func follow(_ task: String, _ number: Int) async throws(JobFailure) -> JSONValue {
        var watch = DeckWatch(decks.pacing, at: .now)
        while true {
            let answer: Result<PresentonTask?, JobFailure>
            do throws(JobFailure) { answer = .success(try await presenton.task(task)) } catch { answer = .failure(error) }
            switch watch.received(answer, at: .now) {
            case .wait: break
            case .tell(let percent, let message): try await context.progress(percent, step: "generate", message)
            case .made(let deck):
                try await close(number, .completed)
                return DeckJob.document(deck)
            case .failed(let failure):
                try await close(number, .failed)
                throw once(failure, number)
            case .lost(let failure):
                try await close(number, .lost)
                throw failure
            case .stop(let failure): throw failure
            }
            try await pause(watch.pause)
        }
    }

    static func document(_ deck: PresentonDeck) -> JSONValue {
        var document: [String: JSONValue] = [:]
        document["presenton_id"] = deck.id.map(JSONValue.string)
        document["presenton_url"] = deck.editPath.map(JSONValue.string)
        document["path"] = deck.path.map(JSONValue.string)
        if deck.path == nil { document["warning"] = "Presenton made the slides and did not say where their file is" }
        return .object(document)
    }

    /// A deck without its file here is still a deck: what cannot be fetched is a warning.
    func keep(_ made: JSONValue) async throws(JobFailure) -> JSONValue {
        guard let store = decks.store, let path = made["path"]?.string else { return [:] }
        let name = "\(id).\(context.input["export_as"]?.string == "pdf" ? "pdf" : "pptx")"
        for wait in [Duration.seconds(2), .seconds(10), nil] {
            do throws(JobFailure) {
                guard let body = try await presenton.file(at: path, maxBytes: store.maxBytes) else {
                    return ["warning": "The file is not on the configured Presenton and was not fetched"]
                }
                let bytes = try await store.keep(body, as: name, attempt: context.attempt, failure: presenton.failure)
                return ["file": ["name": .string(name), "bytes": .integer(Int64(bytes))]]
            } catch {
                guard case .retry = error.verdict, let wait else { return try warning(error) }
                try await pause(wait)
            }
        }
        return [:]
    }

    private func warning(_ failure: JobFailure) throws(JobFailure) -> JSONValue {
        switch failure.verdict {
        case .retry, .permanent: return ["warning": .string("The file was not fetched: \(failure.message)")]
        case .cancelled, .lost, .handBack: throw failure
        }
    }
}

/// What Presenton's answers about one task add up to.
struct DeckWatch {
    enum Action: Equatable {
        case wait
        case tell(Double, String)
        case made(PresentonDeck)
        /// The task has failed: another deck may be asked for.
        case failed(JobFailure)
        /// It may be dead, and may not.
        case lost(JobFailure)
        /// Nothing is known of the task: it is followed again later.
        case stop(JobFailure)
    }

    private let pacing: DeckPacing
    private var last: PresentonTask?
    private var changed: ContinuousClock.Instant
    private var answered: ContinuousClock.Instant
    private var percent = 5.0
    /// Until the next look.
    private(set) var pause: Duration

    init(_ pacing: DeckPacing, at now: ContinuousClock.Instant) {
        self.pacing = pacing
        changed = now
        answered = now
        pause = pacing.poll
    }

    mutating func received(_ answer: Result<PresentonTask?, JobFailure>, at now: ContinuousClock.Instant) -> Action {
        switch answer {
        case .failure(let failure): return unanswered(failure, now)
        case .success(nil):
            let message = "Presenton does not know the task any more: its data was lost, or PRESENTON_URL is another server now"
            return .failed(.permanent(message, type: "task_gone"))
        case .success(let task?): return seen(task, now)
        }
    }

    /// Presenton away is no reason to give up a deck that is being made, for as long as a silent one is waited for.
    private mutating func unanswered(_ failure: JobFailure, _ now: ContinuousClock.Instant) -> Action {
        guard case .retry = failure.verdict, now - answered < pacing.stall else { return .stop(failure) }
        grow()
        return .wait
    }

    private mutating func seen(_ task: PresentonTask, _ now: ContinuousClock.Instant) -> Action {
        // While nobody could look, nobody could see a change.
        if now - answered > pacing.longestPoll * 2 { changed = now }
        answered = now
        switch task.status {
        case .completed(let deck): return .made(deck)
        case .failed(let status, let detail): return .failed(PresentonFailure.ofTask(status: status, detail: detail))
        case .pending: return pending(task, now)
        }
    }

    private mutating func pending(_ task: PresentonTask, _ now: ContinuousClock.Instant) -> Action {
        guard task == last else {
            last = task
            changed = now
            pause = pacing.poll
            percent = max(percent, task.fraction.map { 10 + 75 * $0 } ?? percent)
            return .tell(percent, DeckWatch.message(task))
        }
        guard now - changed < pacing.stall else {
            let message = "Presenton has shown no progress for \(pacing.stall.milliseconds / 1000) s: the task was lost, as after a restart"
            return .lost(.retry(message, type: "task_lost", afterMilliseconds: 30_000))
        }
        grow()
        return .wait
    }

    private mutating func grow() { pause = min(pause * 3 / 2, pacing.longestPoll) }

    private static func message(_ task: PresentonTask) -> String {
        let text = task.message.isEmpty ? "Presenton makes the slides" : task.message
        guard let created = task.created, let remaining = task.remaining, created + remaining > 0 else { return text }
        return "\(text): \(created) of \(created + remaining)"
    }
}
