import FoundationEssentials
import JobKinds
import JobLedger
import JobModel
import PostgresWire
import Services
import TestServers
import WebFetch

/// One job of kind `presentation` over a real ledger and a stand-in Presenton; each attempt is a call.
struct DeckFixture: Sendable {
    let standIn: StandInPresenton
    let presenton: Presenton
    let ledger: JobLedger
    let directory: String
    let pool: PostgresPool
    let fetcher: Fetcher

    static func run(
        _ standIn: StandInPresenton = StandInPresenton(), _ body: (DeckFixture) async throws -> Void
    ) async throws {
        let server = try await StubHTTPServer { await standIn.answer($0) }
        var failure: (any Error)?
        try await KindsFixture.run { (fixture) async throws in
            let deck = DeckFixture(
                standIn: standIn, presenton: Presenton(url: server.url, fetcher: fixture.fetcher), ledger: fixture.ledger,
                directory: try TemporaryDirectory.make(), pool: fixture.pool, fetcher: fixture.fetcher)
            // The trusted fetcher of the fixture is guarded, and lets loopback through.
            do { try await body(deck) } catch { failure = error }
        }
        await server.stop()
        if let failure { throw failure }
    }

    /// Times of a test: long enough for what must not happen yet, short for what must.
    static let pacing: DeckPacing = {
        var pacing = DeckPacing()
        pacing.poll = .milliseconds(5)
        pacing.longestPoll = .milliseconds(20)
        pacing.stall = .milliseconds(400)
        pacing.settle = .milliseconds(300)
        pacing.look = .milliseconds(10)
        pacing.turn = .seconds(20)
        return pacing
    }()

    func job(slides: Int = 20) async throws -> Job {
        let job = Job(
            id: JobID(), kind: "presentation", queue: "presentations",
            input: ["topic": "Tides", "n_slides": .integer(Int64(slides)), "user_id": "u"])
        guard try await ledger.accept(job, idempotency: nil) == .accepted else { throw Unexpected(what: "not accepted") }
        return job
    }

    /// What one attempt gives; `record` is what earlier ones kept.
    func attempt(
        _ number: Int, at job: Job, _ record: JobRecord = JobRecord(), pacing: DeckPacing = DeckFixture.pacing, maxBytes: Int = 1 << 20
    ) async throws -> Result<JSONValue, JobFailure> {
        let claim = Claim(job: job, attempt: number, worker: "w\(number)", stream: "s", entry: "1-1")
        guard try await ledger.recordStart(claim, at: .now) else { throw Unexpected(what: "the start was refused") }
        let decks = DeckRooms(presenton: presenton, store: DeckStore(directory: directory, maxBytes: maxBytes), pacing: pacing)
        let handler = MakePresentation(ledger: ledger, decks: decks)
        let input = try handler.kind.input.accept(job.input).get()
        let context = JobContext(jobID: job.id, attempt: number, input: input, reporter: record, steps: record, logger: quiet)
        do throws(JobFailure) { return .success(try await handler.run(in: context)) } catch { return .failure(error) }
    }

    /// The same, for an attempt whose worker died: it may not write any more.
    func crash(_ number: Int, of job: Job) async throws { try await ledger.fence([(job.id, number)]) }

    var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted() }

    /// What a worker that dies in the middle of the question leaves: the row, and, when it arrived, a task whose name nobody kept.
    func interruptedQuestion(of job: Job, arrived: Bool, ago: String = "0 s") async throws {
        let listed = try await presenton.tasks(since: .now)
        let turn = try await ledger.askPresenton(job.id, number: 1, server: presenton.server, attempt: 1, listed: listed)
        guard turn == .mine else { throw Unexpected(what: "no turn") }
        if arrived { _ = await presenton.ask(["content": "Tides", "n_slides": 20]) }
        try await pool.execute(
            "UPDATE presenton_tasks SET asked_at = asked_at - $1::interval, held_at = held_at - $1::interval", [.text(ago)])
        try await crash(1, of: job)
    }

    struct Unexpected: Error { let what: String }
}

extension Result where Success == JSONValue, Failure == JobFailure {
    var failure: JobFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
    var value: JSONValue? { try? get() }
    var warnings: [String] { value?["warnings"]?.array?.compactMap(\.string) ?? [] }
}
