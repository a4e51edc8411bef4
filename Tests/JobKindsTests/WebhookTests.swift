import JobKinds
import JobLedger
import JobModel
import TestServers
import Testing
import WebFetch

/// A ledger with a webhook, and the handler that tells it: rules allow 127.0.0.1 unless they are given.
private struct Telling {
    let fixture: KindsFixture
    let webhook: Webhook
    let secret: WebhookSecret
    let handler: SendWebhook

    init(
        _ fixture: KindsFixture, url: String, allowing: [String] = ["127.0.0.1"], timeout: Duration = .seconds(10)
    ) async throws {
        self.fixture = fixture
        webhook = Webhook(url: url)
        secret = WebhookSecret()
        var receivers = Receivers(rules: ReceiverRules(allowing: allowing), userAgent: "tidewheel/test")
        receivers.timeout = timeout
        handler = SendWebhook(ledger: fixture.ledger, receivers: receivers)
        #expect(try await fixture.ledger.createWebhook(webhook, secret: secret))
    }

    /// The newest delivery, after another job has ended.
    func end(_ outcome: JobOutcome = .completed(["n": 1])) async throws -> WebhookDelivery {
        let job = Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: [:])
        #expect(try await fixture.ledger.accept(job, idempotency: nil) == .accepted)
        let claim = Claim(job: job, attempt: 1, worker: "w", stream: "", entry: "")
        #expect(try await fixture.ledger.record(outcome, of: claim, at: .now) == .recorded)
        return try #require(try await fixture.ledger.deliveries(DeliveryFilter(webhook: webhook.id), limit: 1).first)
    }

    /// How an attempt by the delivery's sender ends.
    func send(_ delivery: WebhookDelivery, by sender: JobID? = nil, attempt: Int = 1) async -> Result<JSONValue, JobFailure> {
        let record = JobRecord()
        let context = JobContext(
            jobID: sender ?? delivery.sender ?? JobID(), attempt: attempt, input: ["delivery": .string(delivery.id.description)],
            reporter: record, steps: record, logger: quiet)
        do throws(JobFailure) { return .success(try await handler.run(in: context)) } catch { return .failure(error) }
    }

    func failure(_ delivery: WebhookDelivery, attempt: Int = 1) async -> JobFailure? {
        if case .failure(let failure) = await send(delivery, attempt: attempt) { failure } else { nil }
    }

    func attempts(_ delivery: WebhookDelivery) async throws -> [DeliveryAttempt] {
        try await fixture.ledger.attempts(ofDelivery: delivery.id)
    }
}

@Suite(.timeLimit(.minutes(1))) struct WebhookTests {
    private func telling(
        timeout: Duration = .seconds(10), _ answer: @escaping StubHTTPServer.Handler,
        _ body: (Telling, StubHTTPServer) async throws -> Void
    ) async throws {
        let server = try await StubHTTPServer(answer)
        try await KindsFixture.run { (fixture) async throws in
            try await body(try await Telling(fixture, url: server.url + "/hook?a=b", timeout: timeout), server)
        }
        await server.stop()
    }

    @Test func theReceiverGetsTheBytesAndTheirSignature() async throws {
        try await telling({ _ in .text("thanks") }) { (telling, server) async throws in
            let delivery = try await telling.end()
            let before = Timestamp.now.milliseconds / 1000
            let result = try await telling.send(delivery).get()
            #expect(result["status"] == 200)
            let request = try #require(server.requests.first)
            #expect(request.method == "POST" && request.target == "/hook?a=b" && request.header("content-type") == "application/json")
            #expect(request.body == Array(delivery.payload.utf8) && request.header("user-agent") == "tidewheel/test")
            #expect(request.header("webhook-id") == delivery.id.description)
            let seconds = try #require(request.header("webhook-timestamp").flatMap { Int64($0) })
            #expect((before...before + 10).contains(seconds))
            let expected = telling.secret.signature(id: delivery.id.description, seconds: seconds, body: request.body)
            #expect(request.header("webhook-signature") == expected)
            let attempt = try #require(try await telling.attempts(delivery).first)
            #expect(attempt.status == 200 && attempt.body == "thanks" && attempt.error == nil && attempt.milliseconds >= 0)
            #expect(try await telling.fixture.ledger.delivery(delivery.id, of: telling.webhook.id)?.state == .delivered)
        }
    }

    @Test func duringARotationBothSecretsSign() async throws {
        try await telling({ _ in .text("") }) { (telling, server) async throws in
            let new = WebhookSecret()
            _ = try await telling.fixture.ledger.rotateSecret(of: telling.webhook.id, to: new, overlap: 60)
            let delivery = try await telling.end()
            _ = try await telling.send(delivery).get()
            let request = try #require(server.requests.first)
            let seconds = try #require(request.header("webhook-timestamp").flatMap { Int64($0) })
            let both = [new, telling.secret].map { $0.signature(id: delivery.id.description, seconds: seconds, body: request.body) }
            #expect(request.header("webhook-signature") == both.joined(separator: " "))
        }
    }

    @Test(arguments: [400, 401, 404, 429, 500, 502, 503])
    func otherAnswersAreTriedAgainLaterAndLater(status: Int) async throws {
        try await telling({ _ in .text("no", status: status) }) { (telling, _) async throws in
            let delivery = try await telling.end()
            for (index, pause) in Receivers.pauses.enumerated() {
                let failure = try #require(await telling.failure(delivery, attempt: index + 1))
                guard case .retry(let after?) = failure.verdict else { return #expect(Bool(false), "\(failure)") }
                #expect((pause...pause + pause / 10).contains(after) && failure.type == "http_\(status)")
            }
            #expect(try await telling.attempts(delivery).count == Receivers.pauses.count)
            #expect(try await telling.fixture.ledger.delivery(delivery.id, of: telling.webhook.id)?.deliveredAt == nil)
        }
    }

    @Test func theAttemptsGoOnForADay() {
        #expect(Receivers.pauses.reduce(0, +) >= 86_400_000 && Receivers.pauses.reduce(0, +) < 90_000_000)
        #expect(SendWebhook.kind.retry.maxAttempts == Receivers.pauses.count + 1)
    }

    @Test(arguments: [("3600", 3_600_000), ("1", 5_000), ("999999999999999999999", 86_400_000)] as [(String, Int64)])
    func aReceiverThatAsksForAPauseGetsIt(header: String, least: Int64) async throws {
        let answer = StubResponse.answer(503, headers: [("Retry-After", header)])
        try await telling({ _ in answer }) { (telling, _) async throws in
            let failure = try #require(await telling.failure(try await telling.end()))
            guard case .retry(let after?) = failure.verdict else { return #expect(Bool(false), "\(failure)") }
            #expect((least...least + least / 10).contains(after))
        }
    }

    @Test func whoAnswers410IsToldNothingMore() async throws {
        try await telling({ _ in .text("", status: 410) }) { (telling, server) async throws in
            let (first, second) = (try await telling.end(), try await telling.end())
            #expect(await telling.failure(first) == .permanent("The receiver answered HTTP 410: it wants no more", type: "gone"))
            #expect(try await telling.fixture.ledger.webhook(telling.webhook.id)?.disabledReason == "gone")
            #expect(await telling.failure(second)?.type == "webhook_disabled")
            #expect(server.requests.count == 1)
        }
    }

    @Test func aRedirectIsNotFollowed() async throws {
        let inner = try await StubHTTPServer { _ in .text("secrets of the house") }
        let target = inner.url
        try await telling({ _ in .answer(307, headers: [("Location", target + "/inner")]) }) { (telling, server) async throws in
            let delivery = try await telling.end()
            let failure = try #require(await telling.failure(delivery))
            #expect(failure.type == "redirect" && failure.verdict != .permanent)
            #expect(server.requests.count == 1 && inner.requests.isEmpty)
            #expect(try await telling.attempts(delivery).first?.status == 307)
        }
        await inner.stop()
    }

    @Test(arguments: [
        "http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://[::1]:1/", "http://public.example/", "https://169.254.169.254/latest",
    ])
    func aPrivateOrPlainReceiverIsRefusedAtOnce(url: String) async throws {
        try await KindsFixture.run { (fixture) async throws in
            let telling = try await Telling(fixture, url: url, allowing: [])
            let delivery = try await telling.end()
            let failure = try #require(await telling.failure(delivery))
            #expect(failure.verdict == .permanent && failure.type == "refused_address")
            #expect(try await telling.attempts(delivery).map(\.errorType) == ["refused_address"])
        }
    }

    /// The name says nothing; what it resolves to is looked at when it is dialled.
    @Test func aNameThatMeansAPrivateAddressIsRefusedWhenItIsDialled() async throws {
        let server = try await StubHTTPServer { _ in .text("") }
        try await KindsFixture.run { (fixture) async throws in
            let telling = try await Telling(fixture, url: "https://localhost:\(server.port)/", allowing: [])
            let failure = try #require(await telling.failure(try await telling.end()))
            #expect(failure.verdict == .permanent && failure.type == "refused_address")
            #expect(server.requests.isEmpty)
        }
        await server.stop()
    }

    @Test func aReceiverThatHangsIsGivenUp() async throws {
        try await telling(timeout: .milliseconds(300), { _ in .silence }) { (telling, _) async throws in
            let delivery = try await telling.end()
            let failure = try #require(await telling.failure(delivery))
            #expect(failure.type == "timeout" && failure.verdict != .permanent)
            let attempt = try #require(try await telling.attempts(delivery).first)
            #expect(attempt.status == nil && (300..<9_000).contains(attempt.milliseconds))
        }
    }

    @Test func ofALongAnswerTheBeginningIsKept() async throws {
        let piece = Array("0123456789abcde\n".utf8)
        try await telling({ _ in .endless(piece: piece) }) { (telling, _) async throws in
            let delivery = try await telling.end()
            #expect(try await telling.send(delivery).get()["status"] == 200)
            #expect(try await telling.attempts(delivery).first?.body?.utf8.count == DeliveryAttempt.maxBodyBytes)
        }
    }

    /// A 200 is a 200, however much is announced behind it.
    @Test func anAnswerThatAnnouncesFarTooMuchHasArrivedToo() async throws {
        let answer = StubResponse.truncated(length: 10 << 30, body: [UInt8](repeating: 0x61, count: 10_000))
        try await telling({ _ in answer }) { (telling, _) async throws in
            let delivery = try await telling.end()
            #expect(try await telling.send(delivery).get()["status"] == 200)
            #expect(try await telling.attempts(delivery).first?.body?.utf8.count == DeliveryAttempt.maxBodyBytes)
        }
    }

    @Test func bytesThatAreNoTextAreKeptAsFarAsTheyCanBe() async throws {
        try await telling({ _ in .answer(200, body: [0x61, 0x00, 0xff, 0x62]) }) { (telling, _) async throws in
            let delivery = try await telling.end()
            _ = try await telling.send(delivery).get()
            #expect(try await telling.attempts(delivery).first?.body == "a\u{fffd}b")
        }
    }

    @Test func whatHasArrivedIsNotSentTwiceByItsSender() async throws {
        try await telling({ _ in .text("") }) { (telling, server) async throws in
            let delivery = try await telling.end()
            for _ in 0..<2 { _ = try await telling.send(delivery).get() }
            #expect(server.requests.count == 1)
        }
    }

    @Test func onlyItsSenderMaySendADelivery() async throws {
        try await telling({ _ in .text("") }) { (telling, server) async throws in
            let delivery = try await telling.end()
            guard case .failure(let failure) = await telling.send(delivery, by: JobID()) else { return #expect(Bool(false)) }
            #expect(failure.verdict == .permanent && failure.type == "unknown_delivery" && server.requests.isEmpty)
            _ = try await telling.fixture.ledger.deleteWebhook(telling.webhook.id)
            #expect(await telling.failure(delivery)?.type == "unknown_delivery")
        }
    }

    @Test func anAddressThatWasMendedIsUsedByWhatIsOnItsWay() async throws {
        try await telling({ _ in .text("") }) { (telling, server) async throws in
            let delivery = try await telling.end()
            var mended = telling.webhook
            mended.url = server.url + "/mended"
            #expect(try await telling.fixture.ledger.changeWebhook(mended))
            _ = try await telling.send(delivery).get()
            #expect(server.requests.map(\.target) == ["/mended"])
        }
    }
}
