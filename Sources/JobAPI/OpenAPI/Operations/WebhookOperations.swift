internal import JobModel

// Webhooks and their deliveries.
extension Operation {
    private static let deliveryFilter: [Parameter] = [
        .words("status", WebhookDelivery.State.allCases.map(\.rawValue), "Where they stand."),
        .words("event", Webhook.ends.map { "job.\($0.rawValue)" }, "How the job ended."), .id("job", "Of this job."),
        .words("delivered", ["false"], "Those that have not arrived."), .since, .until, .cursor, .limit(1...200, 50),
    ]

    static let webhooks: [Operation] = [
        Operation(
            "GET /webhooks", "listWebhooks", .webhooks, "At most 100, in the order of their making.", [.ok("WebhookList", "Every webhook.")]
        ),
        Operation(
            "POST /webhooks", "createWebhook", .webhooks,
            "Is told of every end that fits its `kinds`, `statuses` and `subjects`. The secret is answered this once.",
            body: .json(
                "WebhookSubmission", eg: ["url": "https://example.com/hook", "kinds": ["web_crawl"], "statuses": ["completed", "failed"]]),
            [.created("WebhookWithSecret", "It is made.", [.location])], problems: ["too-many-webhooks"]),
        Operation(
            "GET /webhooks/deliveries", "listAllDeliveries", .webhooks, "What every webhook was told, newest first.",
            query: [.text("webhook", "The id of a webhook, or `jobs`.")] + deliveryFilter, [.ok("DeliveryList", "A page.")]),
        Operation(
            "GET /webhooks/{id}", "readWebhook", .webhooks, "Of `jobs`: whether there is a secret.", [.ok("Webhook")],
            problems: ["unknown-webhook"]),
        Operation(
            "PATCH /webhooks/{id}", "changeWebhook", .webhooks,
            "Members that are given replace those that are there, null takes one away; the whole is checked as a new one.",
            body: .json("WebhookChange", eg: ["enabled": true]), [.ok("Webhook", "As it is now.")],
            problems: ["unknown-webhook", "webhook-changed"]),
        Operation(
            "DELETE /webhooks/{id}", "deleteWebhook", .webhooks, "Deliveries that are on their way become dead letters.",
            [.empty(204, "It is gone.")], problems: ["unknown-webhook"]),
        Operation(
            "POST /webhooks/{id}/secret", "rotateSecret", .webhooks,
            "The old secret signs beside the new one for `overlap_seconds` (a day).",
            body: .optional("SecretRotation", eg: ["overlap_seconds": 3600]), [.ok("WebhookWithSecret", "The new secret, once.")],
            problems: ["unknown-webhook"]),
        Operation(
            "GET /webhooks/{id}/deliveries", "listDeliveries", .webhooks, "Newest first.", query: deliveryFilter,
            [.ok("DeliveryList", "A page.")], problems: ["unknown-webhook"]),
        Operation(
            "GET /webhooks/{id}/deliveries/{delivery}", "readDelivery", .webhooks,
            "With the text that is signed, and its last hundred attempts.",
            [.ok("DeliveryDetail", "The delivery.")], problems: ["unknown-webhook", "unknown-delivery"]),
        Operation(
            "POST /webhooks/{id}/deliveries/{delivery}/resend", "resendDelivery", .webhooks,
            "One that has arrived, or is a dead letter: the same id and bytes, a new time and signature.",
            [.accepted("DeliveryResent", "A job sends it.", [.location, .retryAfter])],
            problems: ["unknown-webhook", "unknown-delivery", "webhook-disabled", "delivery-under-way", "full"]),
    ]
}
