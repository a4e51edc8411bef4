/// `webhook`: sends one delivery to its receiver, signed after Standard Webhooks. Reads top to bottom.
/// Ends of jobs make these jobs themselves, in SQL; each delivery has one that may send it at a time.
package import JobLedger
package import JobModel
import PostgresWire
import WebFetch

package struct SendWebhook: JobHandler {
    package static let kind: JobKind = JobKind(
        name: "webhook", summary: "Tells a receiver that a job has ended", queue: Receivers.queue,
        input: InputShape([.init("delivery", .text(maxLength: 36), required: true, "the delivery")]),
        retry: RetryPolicy(maxAttempts: Receivers.pauses.count + 1, baseMilliseconds: 5_000, capMilliseconds: 30_600_000),
        timeoutMilliseconds: 60_000, estimatedMilliseconds: 1_000)

    package var kind: JobKind { Self.kind }
    private let ledger: JobLedger
    private let receivers: Receivers

    package init(ledger: JobLedger, receivers: Receivers) {
        self.ledger = ledger
        self.receivers = receivers
    }

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        guard let delivery = context.input["delivery"]?.string.flatMap({ JobID($0) }), let order = try await order(delivery, context) else {
            throw .permanent("The delivery is not, or no longer, this job's to send", type: "unknown_delivery")
        }
        // It arrived, and the attempt died before it could say so.
        guard !order.isDelivered else { return ["already_delivered": true] }
        guard order.isEnabled else { throw .permanent("The webhook is disabled", type: "webhook_disabled") }
        guard !order.secrets.isEmpty else { throw .permanent("The webhook has no secret to sign with", type: "no_secret") }
        let answer = await send(order, delivery)
        if let end = answer.end { throw end }
        try await record(answer, delivery, context)
        guard let failure = answer.failure else {
            return ["status": .integer(Int64(answer.status ?? 0)), "duration_ms": .integer(answer.milliseconds)]
        }
        throw receivers.verdict(on: failure, attempt: context.chargedAttempt)
    }

    private func order(_ delivery: JobID, _ context: JobContext) async throws(JobFailure) -> SendOrder? {
        do throws(PostgresError) { return try await ledger.sendOrder(delivery, for: context.jobID) } catch { throw SendWebhook.away(error) }
    }

    /// What was not recorded is sent again: receivers know it by its id.
    private func record(_ answer: ReceiverAnswer, _ delivery: JobID, _ context: JobContext) async throws(JobFailure) {
        let isHeld: Bool
        do throws(PostgresError) {
            isHeld = try await ledger.record(answer.attempt, of: delivery, by: context.jobID, isGone: answer.status == 410)
        } catch { throw SendWebhook.away(error) }
        guard isHeld else { throw .permanent("The delivery is no longer this job's to send", type: "unknown_delivery") }
    }

    private static func away(_ error: PostgresError) -> JobFailure {
        .retry("PostgreSQL does not answer, or refuses a statement", type: "store_away", afterMilliseconds: 5_000)
    }

    /// Never follows a redirect: a receiver that has moved must be told so by its owner.
    private func send(_ order: SendOrder, _ delivery: JobID) async -> ReceiverAnswer {
        let began = Timestamp.now
        let clock = ContinuousClock.now
        if let refusal = receivers.rules.refusal(of: order.url) {
            return ReceiverAnswer(began, clock, .refused("The receiver's address \(refusal)"))
        }
        do throws(FetchError) {
            let response = try await receivers.fetcher.fetch(request(order, delivery, at: began))
            // A body that breaks off or drips says nothing about the status, which is there.
            let body = (try? await response.body.first(DeliveryAttempt.maxBodyBytes)) ?? []
            return ReceiverAnswer(began, clock, .answered(response, body))
        } catch {
            return ReceiverAnswer(began, clock, .failed(error))
        }
    }

    private func request(_ order: SendOrder, _ delivery: JobID, at now: Timestamp) -> FetchRequest {
        let body = Array(order.payload.utf8)
        let signed = WebhookSecret.headers(
            id: delivery.description, seconds: now.milliseconds / 1000, body: body, secrets: order.secrets)
        var limits = FetchLimits()
        limits.totalTimeout = receivers.timeout
        limits.idleTimeout = nil
        limits.maxRedirects = 0
        // Only the beginning is read, whatever is announced: a receiver that says 200 and sends a film has been told.
        limits.maxBodyBytes = 1 << 40
        return FetchRequest(
            method: "POST", url: order.url, headers: [("Content-Type", "application/json"), ("Accept", "*/*")] + signed, body: body,
            limits: limits, compression: false)
    }
}
