/// What came of one attempt at telling a receiver: an answer, or why there was none.
import JobModel
import WebFetch

struct ReceiverAnswer: Sendable {
    enum Outcome: Sendable {
        case answered(FetchResponse, [UInt8])
        /// The rules forbid the address: nothing was sent.
        case refused(String)
        case failed(FetchError)
    }

    struct Failure: Sendable, Hashable {
        let type: String
        let message: String
        /// Trying again cannot help: nobody will change it but the webhook's owner.
        var isPermanent = false
        /// As the receiver asked.
        var afterMilliseconds: Int64?
    }

    let startedAt: Timestamp
    let milliseconds: Int64
    let status: Int?
    let body: String?
    let failure: Failure?
    /// Set where the attempt ended because of us: nothing is known of the receiver, and nothing may be recorded.
    let end: JobFailure?

    init(_ startedAt: Timestamp, _ clock: ContinuousClock.Instant, _ outcome: Outcome) {
        self.startedAt = startedAt
        milliseconds = clock.duration(to: .now).milliseconds
        switch outcome {
        case .answered(let response, let bytes):
            status = response.status
            body = bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
            failure = ReceiverAnswer.failure(of: response, now: startedAt)
            end = nil
        case .refused(let why):
            (status, body, end) = (nil, nil, nil)
            failure = Failure(type: "refused_address", message: why, isPermanent: true)
        case .failed(let error):
            (status, body, end) = (nil, nil, error.end)
            failure = ReceiverAnswer.failure(error)
        }
    }

    var attempt: DeliveryAttempt {
        DeliveryAttempt(
            startedAt: startedAt, milliseconds: milliseconds, status: status, body: body, error: failure?.message, errorType: failure?.type)
    }

    private static func failure(of response: FetchResponse, now: Timestamp) -> Failure? {
        switch response.status {
        case 200..<300: return nil
        case 300..<400:
            return Failure(
                type: "redirect", message: "The receiver answered HTTP \(response.status): redirects are not followed; give the new address"
            )
        case 410: return Failure(type: "gone", message: "The receiver answered HTTP 410: it wants no more", isPermanent: true)
        default:
            let wait = response.header("retry-after").flatMap { RetryAfter.milliseconds($0, now: now) }
            return Failure(
                type: "http_\(response.status)", message: "The receiver answered HTTP \(response.status)", afterMilliseconds: wait)
        }
    }

    private static func failure(_ error: FetchError) -> Failure {
        let reason = SkipReason(error)
        return Failure(
            type: reason.code, message: "The receiver could not be told: \(error.description)",
            isPermanent: reason.code == "refused_address")
    }
}
