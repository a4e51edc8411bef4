internal import HTTPTypes
internal import JobModel

/// What may be wrong with a request about webhooks.
extension Problem {
    static let unknownWebhook = Problem(.notFound, "unknown-webhook", "Unknown webhook", "There is no webhook of this id.")
    static let unknownDelivery = Problem(
        .notFound, "unknown-delivery", "Unknown delivery",
        "This webhook has no delivery of this id, or it was removed after its retention time.")
    static let webhookChanged = Problem(
        .conflict, "webhook-changed", "The webhook was changed",
        "Others change this webhook at the same time; read it and repeat the change.")
    static let tooManyWebhooks = Problem(
        .conflict, "too-many-webhooks", "Too many webhooks", "There are \(Webhook.maxCount) webhooks already; delete some first.")
    static let webhookDisabled = Problem(
        .conflict, "webhook-disabled", "The webhook is disabled", "Nothing is sent to a webhook that is disabled; enable it first.")

    static func deliveryUnderWay(_ sender: JobID) -> Problem {
        Problem(
            .conflict, "delivery-under-way", "The delivery is under way",
            "A job is sending this delivery; cancel or promote that job, or wait for its end."
        )
        .with(["sender": .string(sender.description), "status_url": .string("/jobs/\(sender)")])
    }
}
