internal import JobModel

/// Members of a submission that are objects of their own, or that become names in Redis.
enum SubmissionOptions {
    static let maxKeyBytes = 200
    private static let longestPauseSeconds = 7.0 * 86_400
    private static let longestWindowSeconds = 31.0 * 86_400

    static let backoffShape = InputShape([
        .init("base_seconds", .number(0.001...longestPauseSeconds), required: true, "the first pause"),
        .init("cap_seconds", .number(0.001...longestPauseSeconds), "the longest pause"),
    ])
    static let uniqueShape = InputShape([
        .init("key", .text(maxLength: maxKeyBytes), required: true, "unique within the kind"),
        .init("while", .choice(["queued", "active"]), "until it starts, or until it has ended"),
        .init("window_seconds", .number(0.001...longestWindowSeconds), "so long after its submission"),
    ])

    static let webhookShape = InputShape([
        .init("url", .url, required: true, "the receiver"),
        .init("events", .texts(maxCount: 3, maxLength: 20), "completed, failed, cancelled"),
    ])

    static func webhook(_ given: JSONValue?, _ faults: inout [InputShape.Fault]) -> JobWebhook? {
        guard let given, let fields = SubmitJob.accept(given, webhookShape, at: "#/webhook", &faults) else { return nil }
        let url = fields["url"]?.string ?? ""
        if let detail = WebhookBody.refusal(ofURL: url) { faults.append(InputShape.Fault(pointer: "#/webhook/url", detail: detail)) }
        return JobWebhook(url: url, events: WebhookBody.ends(fields["events"], at: "#/webhook/events", &faults))
    }

    /// Without a cap the kinds' usual one holds, or the first pause where that is longer.
    static func backoff(_ given: JSONValue?, _ faults: inout [InputShape.Fault]) -> Backoff? {
        guard let given, let fields = SubmitJob.accept(given, backoffShape, at: "#/backoff", &faults) else { return nil }
        let base = SubmitJob.milliseconds(fields["base_seconds"]) ?? 0
        let cap = SubmitJob.milliseconds(fields["cap_seconds"]) ?? max(base, RetryPolicy().capMilliseconds)
        guard base <= cap else {
            faults.append(InputShape.Fault(pointer: "#/backoff/cap_seconds", detail: "must not be less than base_seconds"))
            return nil
        }
        return Backoff(baseMilliseconds: base, capMilliseconds: cap)
    }

    static func uniqueness(_ given: JSONValue?, _ faults: inout [InputShape.Fault]) -> Uniqueness? {
        guard let given, let fields = SubmitJob.accept(given, uniqueShape, at: "#/unique", &faults) else { return nil }
        let key = fields["key"]?.string ?? ""
        switch (fields["while"]?.string, SubmitJob.milliseconds(fields["window_seconds"])) {
        case ("queued", nil): return Uniqueness(key: key, span: .whileQueued)
        case (_?, nil): return Uniqueness(key: key, span: .whileActive)
        case (nil, let window?): return Uniqueness(key: key, span: .window(milliseconds: window))
        default:
            faults.append(InputShape.Fault(pointer: "#/unique", detail: "must have either while or window_seconds"))
            return nil
        }
    }

    /// Visible ASCII: the key stands in addresses, in Redis and in what operators read.
    static func concurrencyKey(_ given: JSONValue?, _ faults: inout [InputShape.Fault]) -> String? {
        guard let key = given?.string else { return nil }
        guard isVisible(key), key != Limit.everyKey else {
            faults.append(
                InputShape.Fault(pointer: "#/concurrency_key", detail: "must be visible ASCII characters without spaces, and not * alone"))
            return nil
        }
        return key
    }

    static func isVisible(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }
}
