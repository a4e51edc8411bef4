import JobDesk
import JobKinds
import JobLedger
import JobModel
import JobRunner
import PostgresWire
import Synchronization
import TestServers
import Testing
import WebFetch

/// From the end of a job to its receiver and back, with a worker that runs both.
private struct Telling {
    let fixture: RunnerFixture
    let pool: PostgresPool

    init(
        pauses: [Int64] = [10], timeout: Duration = .seconds(10), change: (inout RunnerSettings) -> Void = { _ in },
        work: @escaping @Sendable (JobContext) async throws(JobFailure) -> JSONValue = { _ throws(JobFailure) in ["n": 1] }
    ) async throws {
        let url = try await TestPostgres.freshDatabase()
        pool = PostgresPool(PostgresOptions(url: url), logger: quiet)
        var receivers = Receivers(rules: ReceiverRules(allowing: ["127.0.0.1", "localhost"]), userAgent: "tidewheel/test")
        receivers.pauses = pauses
        receivers.timeout = timeout
        fixture = try await RunnerFixture(
            [TestHandler(work: work), SendWebhook(ledger: JobLedger(pool, logger: quiet), receivers: receivers)], postgres: url
        ) { settings in
            settings.queues = ["ingest", Receivers.queue]
            change(&settings)
        }
    }

    func hook(_ url: String, _ change: (inout Webhook) -> Void = { _ in }) async throws -> Webhook {
        var webhook = Webhook(url: url)
        change(&webhook)
        return try await fixture.desk.createWebhook(webhook, secret: nil).0
    }

    func delivery(_ webhook: Webhook) async throws -> WebhookDelivery? {
        try await fixture.desk.deliveries(DeliveryFilter(webhook: webhook.id), below: nil, limit: 1).first
    }

    /// The delivery's sender once it has ended.
    func sent(_ webhook: Webhook) async throws -> Job {
        let delivery = try await delivery(webhook)
        return try await fixture.ended(try #require(delivery?.sender))
    }
}

@Suite(.timeLimit(.minutes(1))) struct WebhookTests {
    @Test func anEndIsToldAtOnce() async throws {
        let server = try await StubHTTPServer { _ in .text("") }
        let telling = try await Telling()
        let webhook = try await telling.hook(server.url)
        try await telling.fixture.working { _ in
            let job = try await telling.fixture.ended(try await telling.fixture.submit())
            #expect(try await telling.sent(webhook).state == .completed)
            let told = try JSONReader.read(try #require(server.requests.first).body)
            #expect(told["type"] == "job.completed" && told["data"]?["job_id"] == .string(job.id.description))
            #expect(try await telling.delivery(webhook)?.state == .delivered)
        }
        await server.stop()
    }

    /// Attempts end; the delivery is a dead letter; sent again it arrives, as the same message.
    @Test func whatDoesNotArriveIsADeadLetterThatCanBeSentAgain() async throws {
        let isUp = Atomic(false)
        let server = try await StubHTTPServer { _ in .text("", status: isUp.load(ordering: .relaxed) ? 204 : 500) }
        let telling = try await Telling(pauses: [1, 1, 1, 1, 1, 1, 1, 1])
        let webhook = try await telling.hook(server.url) { $0.statuses = [.completed] }
        try await telling.fixture.working { _ in
            _ = try await telling.fixture.ended(try await telling.fixture.submit())
            let first = try await telling.sent(webhook)
            #expect(first.state == .failed && first.errorType == "http_500" && first.attempt == 9)
            let dead = try #require(try await telling.delivery(webhook))
            #expect(dead.state == .failed && dead.attempts == 9 && server.requests.count == 9)
            #expect(try await telling.fixture.desk.countDeadLetters(JobFilter()) == 1)

            isUp.store(true, ordering: .relaxed)
            let sender = try await telling.fixture.desk.resend(dead.id, of: webhook.id)
            // The row is announced: nobody but the leader queues it.
            try await eventually { try await telling.delivery(webhook)?.state == .delivered }
            #expect(try await telling.fixture.ended(sender).state == .completed)
            #expect(Set(server.requests.map { $0.header("webhook-id") }) == [dead.id.description] && server.requests.count == 10)
            #expect(Set(server.requests.map(\.body)).count == 1)
        }
        await server.stop()
    }

    @Test func aDeadLetterCanBeRetriedAsAnyJob() async throws {
        let isUp = Atomic(false)
        let server = try await StubHTTPServer { _ in .text("", status: isUp.load(ordering: .relaxed) ? 200 : 500) }
        let telling = try await Telling(pauses: [1, 1, 1, 1, 1, 1, 1, 1])
        let webhook = try await telling.hook(server.url)
        try await telling.fixture.working { _ in
            _ = try await telling.fixture.ended(try await telling.fixture.submit())
            let dead = try await telling.sent(webhook)
            isUp.store(true, ordering: .relaxed)
            _ = try await telling.fixture.desk.retry(dead.id)
            try await eventually { try await telling.delivery(webhook)?.state == .delivered }
            #expect(try await telling.delivery(webhook)?.sender == dead.id)
        }
        await server.stop()
    }

    /// Ten deliveries for a receiver that never answers, then one for another: of two slots one stays free for it.
    @Test func aReceiverThatHangsKeepsNoOtherBack() async throws {
        let (asked, asks) = AsyncStream<Void>.makeStream()
        let hanging = try await StubHTTPServer { _ in
            asks.yield()
            return .silence
        }
        let prompt = try await StubHTTPServer { _ in .text("") }
        let telling = try await Telling { $0.slots = 2 }
        let slow = try await telling.hook(hanging.url) { $0.subjects = ["slow"] }
        let quick = try await telling.hook("http://localhost:\(prompt.port)/") { $0.subjects = ["quick"] }
        try await telling.fixture.working { _ in
            for _ in 0..<10 { _ = try await telling.fixture.ended(try await submit("slow", telling)) }
            for await _ in asked { break }
            _ = try await telling.fixture.ended(try await submit("quick", telling))
            #expect(try await telling.sent(quick).state == .completed)
            #expect(try await telling.delivery(slow)?.state == .pending && hanging.requests.count == 1)
        }
        await hanging.stop()
        await prompt.stop()
    }

    private func submit(_ subject: String, _ telling: Telling) async throws -> JobID {
        var request = JobRequest(kind: "task", input: [:])
        request.subject = subject
        return try await telling.fixture.desk.submit(request).job.id
    }

    /// A worker that leaves hands the delivery back; the next one sends it, as the same message and uncharged.
    @Test func aWorkerThatLeavesHandsItsDeliveryOn() async throws {
        let (asked, asks) = AsyncStream<Void>.makeStream()
        let isUp = Atomic(false)
        let server = try await StubHTTPServer { _ in
            asks.yield()
            return isUp.load(ordering: .relaxed) ? .text("") : .silence
        }
        let telling = try await Telling()
        let webhook = try await telling.hook(server.url)
        try await telling.fixture.working { _ in
            _ = try await telling.fixture.ended(try await telling.fixture.submit())
            for await _ in asked { break }
        }
        isUp.store(true, ordering: .relaxed)
        try await telling.fixture.working { _ in
            let sender = try await telling.sent(webhook)
            #expect(sender.state == .completed && sender.attempt > 1 && sender.attempt - sender.uncharged == 1)
            #expect(server.requests.count > 1 && Set(server.requests.map { $0.header("webhook-id") }).count == 1)
        }
        await server.stop()
    }

    /// The companion takes its own queue and has no duties; the other one does the rest.
    @Test func aCompanionSendsBesideAWorkerWhoseSlotsAreTaken() async throws {
        let server = try await StubHTTPServer { _ in .text("") }
        let gate = Gate()
        let telling = try await Telling(work: { context throws(JobFailure) in
            if context.input["n"] == 1 { try await gate.wait() }
            return [:]
        })
        let fixture = telling.fixture
        let webhook = try await telling.hook(server.url)
        let done = try await fixture.submit()
        var main = fixture.settings
        main.queues = ["ingest"]
        main.companionQueues = [Receivers.queue]
        main.slots = 1
        var beside = fixture.settings
        beside.queues = [Receivers.queue]
        beside.isCompanion = true
        let runners = [main, beside].map { Runner(desk: fixture.desk, handlers: fixture.handlers, settings: $0, logger: quiet) }
        await withTaskGroup(of: Void.self) { group in
            for runner in runners { group.addTask { await runner.run() } }
            group.addTask {
                do {
                    _ = try await fixture.ended(done)
                    var busy = JobRequest(kind: "task", input: ["n": 1])
                    busy.subject = "busy"
                    let id = try await fixture.desk.submit(busy).job.id
                    try await fixture.waitFor("started", of: id)
                    #expect(try await telling.sent(webhook).state == .completed)
                } catch { Issue.record(error) }
                gate.open()
                for runner in runners { runner.drain() }
            }
        }
        await server.stop()
    }
}
