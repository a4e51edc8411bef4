import Foundation
import JobLedger
import JobModel
import PostgresWire
import Testing

/// Ends of jobs make deliveries, each once, in the statement that ends them.
@Suite(.timeLimit(.minutes(1))) struct WebhookTests {
    private func hook(_ fixture: LedgerFixture, _ change: (inout Webhook) -> Void = { _ in }) async throws -> Webhook {
        var webhook = Webhook(url: "https://Receiver.example:8443/hook")
        change(&webhook)
        #expect(try await fixture.ledger.createWebhook(webhook, secret: WebhookSecret()))
        return webhook
    }

    private func events(_ fixture: LedgerFixture, _ webhook: Webhook) async throws -> [String] {
        try await fixture.ledger.deliveries(DeliveryFilter(webhook: webhook.id), limit: 100).map(\.event).reversed()
    }

    private func subject(_ subject: String?, kind: String = "web_crawl", webhook: JobWebhook? = nil) -> Job {
        var job = Job(id: JobID(), kind: kind, queue: "ingest", input: [:])
        job.subject = subject
        job.webhook = webhook
        return job
    }

    @Test func anEndIsToldOnceHoweverOftenItIsRecorded() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let claim = try await fixture.running()
            for _ in 0..<3 { #expect(try await fixture.ledger.record(.completed(["n": 1]), of: claim, at: .now) == .recorded) }
            let told = try await fixture.ledger.deliveries(DeliveryFilter(webhook: webhook.id), limit: 10)
            let delivery = try #require(told.first)
            #expect(told.count == 1 && delivery.event == "job.completed" && delivery.job == claim.job.id && delivery.state == .pending)
            let id = try #require(delivery.sender)
            let sender = try #require(try await fixture.ledger.job(id))
            #expect(sender.kind == "webhook" && sender.queue == "webhooks" && sender.state == .queued)
            #expect(sender.concurrencyKey == "webhook:receiver.example")
            #expect(sender.input == ["delivery": .string(delivery.id.description)])
        }
    }

    @Test func theJobThatTellsIsAnnounced() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            _ = try await hook(fixture)
            let announcements = fixture.ledger.announcements()
            let (heard, hears) = AsyncStream<JobID>.makeStream()
            let (ready, listens) = AsyncStream<Void>.makeStream()
            let listening = Task {
                await announcements.forEach { announcement in
                    if case .job(let id) = announcement { hears.yield(id) } else { listens.yield() }
                }
            }
            for await _ in ready { break }
            let claim = try await fixture.running()
            _ = try await fixture.ledger.record(.completed([:]), of: claim, at: .now)
            for await id in heard {
                #expect(try await fixture.ledger.job(id)?.kind == "webhook")
                break
            }
            await announcements.close()
            await listening.value
        }
    }

    @Test func aRetryThatIsPendingIsNoEnd() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let claim = try await fixture.running()
            let again = JobFailure.retry("x", type: "x")
            _ = try await fixture.ledger.record(.retry(again, afterMilliseconds: 1), of: claim, at: .now)
            #expect(try await events(fixture, webhook) == [])
            _ = try await fixture.ledger.record(.failed(again), of: claim.job.claim(2), at: .now)
            #expect(try await events(fixture, webhook) == ["job.failed"])
        }
    }

    @Test func aRetriedJobTellsItsNextEndToo() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let claim = try await fixture.running()
            _ = try await fixture.ledger.record(.failed(.permanent("x", type: "x")), of: claim, at: .now)
            _ = try await fixture.ledger.retry([claim.job.id], at: .now)
            _ = try await fixture.ledger.record(.completed([:]), of: claim.job.claim(2), at: .now)
            #expect(try await events(fixture, webhook) == ["job.failed", "job.completed"])
        }
    }

    @Test func aJobThatNobodyHoldsTellsItsCancel() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let job = try await fixture.accepted()
            for _ in 0..<2 { _ = try await fixture.ledger.endUnclaimed(job.id, as: .cancelled(.cancelled), at: .now, by: "api") }
            #expect(try await events(fixture, webhook) == ["job.cancelled"])
        }
    }

    @Test func jobsOfAFlowTellTheirEnds() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let flow = FlowJobs.parentAndChild()
            #expect(try await fixture.ledger.accept(flow) == .accepted)
            let parent = flow.jobs[0].claim()
            _ = try await fixture.ledger.recordStart(parent, at: .now)
            _ = try await fixture.ledger.record(.failed(.permanent("x", type: "x")), of: parent, at: .now)
            _ = try await fixture.ledger.releaseChildren(of: parent.job.id)
            #expect(try await events(fixture, webhook) == ["job.failed", "job.cancelled"])

            let other = FlowJobs.parentAndChild()
            _ = try await fixture.ledger.accept(other)
            _ = try await fixture.ledger.cancelFlow(other.id, at: .now)
            #expect(try await events(fixture, webhook) == ["job.failed", "job.cancelled", "job.cancelled", "job.cancelled"])
        }
    }

    @Test func onlyWhatAWebhookAsksForIsTold() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let byKind = try await hook(fixture) { $0.kinds = ["document", "note"] }
            let byStatus = try await hook(fixture) { $0.statuses = [.failed] }
            let bySubject = try await hook(fixture) { $0.subjects = ["a", "b"] }
            let disabled = try await hook(fixture) { $0.isEnabled = false }
            for (job, outcome) in [
                (subject("a"), JobOutcome.completed([:])), (subject(nil, kind: "document"), .completed([:])),
                (subject("c"), .failed(.permanent("x", type: "x"))),
            ] {
                _ = try await fixture.ledger.record(outcome, of: try await fixture.accepted(job).claim(), at: .now)
            }
            #expect(try await events(fixture, byKind) == ["job.completed"])
            #expect(try await events(fixture, byStatus) == ["job.failed"])
            #expect(try await events(fixture, bySubject) == ["job.completed"])
            #expect(try await events(fixture, disabled) == [])
        }
    }

    @Test func aJobsOwnWebhookIsToldOfTheEventsItNames() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let url = "https://own.example/x"
            let wanted = try await fixture.accepted(subject(nil, webhook: JobWebhook(url: url, events: [.completed])))
            let other = try await fixture.accepted(subject(nil, webhook: JobWebhook(url: url, events: [.failed])))
            for job in [wanted, other] { _ = try await fixture.ledger.record(.completed([:]), of: job.claim(), at: .now) }
            let told = try await fixture.ledger.deliveries(DeliveryFilter(webhook: Webhook.ofJobs), limit: 10)
            #expect(told.map(\.job) == [wanted.id] && told.map(\.url) == [url])
            #expect(try await fixture.ledger.deliveries(DeliveryFilter(webhook: Webhook.ofJobs, job: other.id), limit: 10).isEmpty)
        }
    }

    @Test func webhooksTellNothingOfThemselves() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let job = try await fixture.accepted(subject(nil, kind: "webhook"))
            _ = try await fixture.ledger.record(.completed([:]), of: job.claim(), at: .now)
            #expect(try await events(fixture, webhook) == [])
        }
    }

    /// A statement that ends jobs without telling of it would be noticed by nobody.
    @Test func everyStatementThatEndsJobsTells() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/JobLedger/SQL")
        var ending: [String] = []
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            let text = try String(contentsOf: file, encoding: .utf8)
            guard !file.lastPathComponent.hasPrefix("migration"), text.contains("UPDATE jobs"), text.contains(/finished_at = (?!NULL)/)
            else {
                continue
            }
            ending.append(file.lastPathComponent)
            #expect(text.contains("tidewheel.told("), "\(file.lastPathComponent) ends jobs and tells nobody")
        }
        #expect(Set(ending).isSuperset(of: ["record.sql", "end_unclaimed.sql", "end_flow.sql", "release.sql"]))
    }
}

// What is told.
extension WebhookTests {
    private func payload(_ fixture: LedgerFixture, _ job: Job, _ outcome: JobOutcome) async throws -> (text: String, json: JSONValue) {
        _ = try await fixture.ledger.record(
            outcome, of: try await fixture.accepted(job).claim(), at: Timestamp(milliseconds: 1_700_000_000_123))
        let text = try #require(
            try await fixture.ledger.deliveries(DeliveryFilter(webhook: Webhook.ofJobs, job: job.id), limit: 1).first?.payload)
        return (text, try JSONReader.read(text))
    }

    private func full() -> Job {
        var job = subject("s", webhook: JobWebhook(url: "https://h/"))
        job.title = "t"
        job.sessionID = "session"
        job.tags = ["a", "b"]
        job.metadata = ["m": [1, 2]]
        return job
    }

    @Test func aPayloadSaysWhatEnded() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = full()
            let (_, json) = try await payload(fixture, job, .completed(["pages": 3]))
            #expect(json["type"] == "job.completed" && json["timestamp"] == "2023-11-14T22:13:20.123Z")
            let data = try #require(json["data"])
            #expect(data["job_id"] == .string(job.id.description) && data["kind"] == "web_crawl" && data["status"] == "completed")
            #expect(data["attempt"] == 1 && data["subject"] == "s" && data["title"] == "t" && data["session_id"] == "session")
            #expect(data["tags"] == ["a", "b"] && data["metadata"] == ["m": [1, 2]] && data["result"] == ["pages": 3])
            #expect(data["status_url"] == .string("/jobs/\(job.id)") && data["error"] == nil && data["result_omitted"] == nil)

            let failed = try await payload(fixture, full(), .failed(.permanent("no \"luck\"\n", type: "luck"))).json["data"]
            #expect(failed?["error"] == "no \"luck\"\n" && failed?["error_type"] == "luck" && failed?["result"] == nil)
        }
    }

    @Test(arguments: [20_000, 300_000, 5_000_000])
    func aPayloadIsBounded(bytes: Int) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            // Compresses well: what is stored is small, what would be sent is not.
            let (text, json) = try await payload(
                fixture, full(), .completed(["text": .string(String(repeating: "word ", count: bytes / 5))]))
            #expect(text.utf8.count <= 20_000)
            #expect(json["data"]?["result_omitted"] == true && json["data"]?["result"] == nil && json["data"]?["title"] == "t")
        }
    }

    @Test func textsThatAreTooMuchTogetherAreLeftOut() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var job = full()
            // Written as JSON, each of these is six bytes long.
            job.tags = (0..<20).map { "\($0)" + String(repeating: "\u{1}", count: 98) }
            job.subject = String(repeating: "\u{1}", count: 200)
            job.title = String(repeating: "\u{1}", count: 300)
            let failure = JobFailure.permanent(String(repeating: "\u{1}", count: 2_000), type: "x")
            let (text, json) = try await payload(fixture, job, .failed(failure))
            #expect(text.utf8.count <= 20_000)
            #expect(json["data"]?["texts_omitted"] == true && json["data"]?["job_id"] == .string(job.id.description))
        }
    }
}

// Sending.
extension WebhookTests {
    private func told(_ fixture: LedgerFixture, _ webhook: Webhook) async throws -> (delivery: JobID, sender: JobID) {
        _ = try await fixture.ledger.record(.completed([:]), of: try await fixture.running(), at: .now)
        let delivery = try #require(try await fixture.ledger.deliveries(DeliveryFilter(webhook: webhook.id), limit: 1).first)
        return (delivery.id, try #require(delivery.sender))
    }

    private func attempt(_ status: Int?, _ error: String? = nil) -> DeliveryAttempt {
        DeliveryAttempt(startedAt: .now, milliseconds: 12, status: status, body: "body", error: error, errorType: error)
    }

    @Test func anAttemptIsRecordedByTheSenderAlone() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let (delivery, sender) = try await told(fixture, webhook)
            #expect(try await fixture.ledger.sendOrder(delivery, for: JobID()) == nil)
            #expect(try await !fixture.ledger.record(attempt(200), of: delivery, by: JobID()))
            #expect(try await fixture.ledger.record(attempt(500, "http_500"), of: delivery, by: sender))
            #expect(try await fixture.ledger.sendOrder(delivery, for: sender)?.isDelivered == false)
            #expect(try await fixture.ledger.record(attempt(204), of: delivery, by: sender))
            #expect(try await fixture.ledger.sendOrder(delivery, for: sender)?.isDelivered == true)
            let attempts = try await fixture.ledger.attempts(ofDelivery: delivery)
            #expect(
                attempts.map(\.number) == [2, 1] && attempts.map(\.status) == [204, 500] && attempts.map(\.error) == [nil, "http_500"])
            let found = try await fixture.ledger.delivery(delivery, of: webhook.id)
            #expect(found?.state == .delivered && found?.attempts == 2)
            #expect(try await fixture.ledger.deliveries(DeliveryFilter(webhook: webhook.id, isOpen: true), limit: 10).isEmpty)
        }
    }

    @Test func whoWantsNoMoreIsDisabled() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let (delivery, sender) = try await told(fixture, webhook)
            _ = try await fixture.ledger.record(attempt(410, "gone"), of: delivery, by: sender, isGone: true)
            let now = try #require(try await fixture.ledger.webhook(webhook.id))
            #expect(!now.isEnabled && now.disabledReason == "gone" && now.version == 2)
            #expect(try await fixture.ledger.resend(delivery, of: webhook.id) == .disabled)
            _ = try await fixture.ledger.record(.completed([:]), of: try await fixture.running(), at: .now)
            #expect(try await events(fixture, webhook).count == 1)

            var enabled = now
            enabled.isEnabled = true
            #expect(try await fixture.ledger.changeWebhook(enabled))
            #expect(try await fixture.ledger.webhook(webhook.id)?.disabledReason == nil)
        }
    }

    @Test func aSecretSignsOnForAWhileAfterARotation() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let (first, second, third) = (WebhookSecret(), WebhookSecret(), WebhookSecret())
            let webhook = Webhook(url: "https://h/")
            #expect(try await fixture.ledger.createWebhook(webhook, secret: first))
            let (delivery, sender) = try await told(fixture, webhook)
            #expect(try await fixture.ledger.sendOrder(delivery, for: sender)?.secrets == [first])
            #expect(try await fixture.ledger.rotateSecret(of: webhook.id, to: second, overlap: 60))
            #expect(try await fixture.ledger.sendOrder(delivery, for: sender)?.secrets == [second, first])
            #expect(try await fixture.ledger.webhook(webhook.id)?.previousUntil != nil)
            #expect(try await fixture.ledger.rotateSecret(of: webhook.id, to: third, overlap: 0))
            #expect(try await fixture.ledger.sendOrder(delivery, for: sender)?.secrets == [third])
            _ = try await fixture.ledger.rotateSecret(of: webhook.id, to: first, overlap: 60)
            try await fixture.pool.execute("UPDATE webhooks SET previous_until = now() - interval '1 second' WHERE url IS NOT NULL")
            #expect(try await fixture.ledger.sendOrder(delivery, for: sender)?.secrets == [first])
            #expect(try await !fixture.ledger.rotateSecret(of: JobID(), to: first, overlap: 0))
        }
    }

    @Test func aDeliveryIsSentAgainByOneJobAtATime() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let (delivery, sender) = try await told(fixture, webhook)
            #expect(try await fixture.ledger.resend(delivery, of: webhook.id) == .underWay(sender))
            _ = try await fixture.ledger.record(attempt(200), of: delivery, by: sender)
            _ = try await fixture.ledger.endUnclaimed(sender, as: .failed(.permanent("x", type: "x")), at: .now, by: "t")
            let answers = try await withThrowingTaskGroup(of: Resend?.self) { group in
                for _ in 0..<4 { group.addTask { try await fixture.ledger.resend(delivery, of: webhook.id) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let made = try #require(try await fixture.ledger.delivery(delivery, of: webhook.id)?.sender)
            #expect(made != sender && answers.count { $0 == .sent(made) } == 1 && answers.count { $0 == .underWay(made) } == 3)
            #expect(try await fixture.ledger.delivery(delivery, of: webhook.id)?.state == .pending)
            #expect(try await fixture.ledger.sendOrder(delivery, for: sender) == nil)
            #expect(try await fixture.ledger.sendOrder(delivery, for: made)?.isDelivered == false)
            #expect(try await fixture.ledger.resend(JobID(), of: webhook.id) == nil)
            #expect(try await fixture.ledger.resend(delivery, of: Webhook.ofJobs) == nil)
        }
    }

    @Test func oldDeliveriesGoWithTheirAttempts() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let webhook = try await hook(fixture)
            let (delivery, sender) = try await told(fixture, webhook)
            _ = try await fixture.ledger.record(attempt(200), of: delivery, by: sender)
            let seat = try #require(try await fixture.ledger.takeLeadership(as: "a", from: fixture.ledger.leaderSeat()))
            #expect(try await fixture.ledger.forgetDeliveries(endedBeforeDays: 1, seat.token) == 0)
            let old = JobID(at: Timestamp.now.advanced(byMilliseconds: -2 * 86_400_000))
            try await fixture.pool.execute("DELETE FROM webhook_attempts")
            try await fixture.pool.execute("UPDATE webhook_deliveries SET id = $1::uuid", [.text(old.description)])
            _ = try await fixture.ledger.record(attempt(200), of: old, by: sender)
            #expect(try await fixture.ledger.forgetDeliveries(endedBeforeDays: 1, LeaderToken(seat.token.number - 1)) == 0)
            #expect(try await fixture.ledger.forgetDeliveries(endedBeforeDays: 1, seat.token) == 1)
            #expect(try await fixture.number("SELECT count(*) AS n FROM webhook_attempts") == 0)
        }
    }

    @Test func thereIsABoundAndAVersion() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for _ in 0..<Webhook.maxCount { _ = try await hook(fixture) }
            #expect(try await !fixture.ledger.createWebhook(Webhook(url: "https://h/"), secret: WebhookSecret()))
            let all = try await fixture.ledger.webhooks()
            #expect(all.count == Webhook.maxCount && all.allSatisfy(\.hasSecret))
            var one = all[0]
            one.subjects = ["x"]
            #expect(try await fixture.ledger.changeWebhook(one))
            #expect(try await !fixture.ledger.changeWebhook(one))
            #expect(try await fixture.ledger.deleteWebhook(one.id))
            #expect(try await !fixture.ledger.deleteWebhook(one.id))
            #expect(try await !fixture.ledger.deleteWebhook(Webhook.ofJobs))
        }
    }

    @Test(
        arguments: [
            ("https://Example.COM/x", "example.com"), ("http://a.b:8080/x?y#z", "a.b"), ("https://[2001:DB8::1]:443/", "[2001:db8::1]"),
            ("https://host", "host"), ("https://host?q", "host"), ("ftp://x/", "nobody"), ("https:///x", "nobody"),
        ])
    func receiversAreTheirHosts(url: String, host: String) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let row = try await fixture.pool.query("SELECT tidewheel.receiver($1) AS host", [.text(url)]).first
            #expect(try row?.string("host") == host)
        }
    }
}

private enum FlowJobs {
    static func parentAndChild() -> NewFlow {
        let flow = JobID()
        var parent = Job.sample()
        var child = Job.sample()
        parent.flow = FlowPlace(flow: flow, name: "parent", parents: [])
        child.flow = FlowPlace(flow: flow, name: "child", parents: [parent.id])
        child.state = .waiting
        return NewFlow(id: flow, name: nil, metadata: [:], createdAt: .now, jobs: [parent, child], idempotency: nil)
    }
}
