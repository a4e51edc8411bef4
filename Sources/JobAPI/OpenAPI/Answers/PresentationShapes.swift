internal import JobModel

// Presentations and their subjects, webhooks and their deliveries, and small parts of model jobs.
extension AnswerShape {
    private static let presentationStatuses = Value.words(JobModel.Presentation.Status.allCases.map(\.rawValue))

    static let presentations: [AnswerShape] = [
        AnswerShape(
            "Presentation", "Where a presentation stands.",
            [
                .init("job_id", .id, "The job that makes it."),
                .init("topic", .text, eg: "Photosynthesis for Biology Test", "What it is about."),
                .init("status", presentationStatuses, eg: "complete", "`error`: it failed, or was cancelled."),
                .init("subject", .text, eg: "biology", "What it was put under; `default` is nothing yet."),
                .init("presenton_id", .orNull(.text), "Its id at Presenton."),
                .init("presenton_url", .orNull(.text), eg: "/presentation?id=0d4f", "Its page, relative to Presenton's root."),
                .init("created_at", .time, "When it was accepted."), .init("completed_at", .orNull(.time), "When it was ready."),
                .init("user_id", .orNull(.text), eg: "user123", "Whom it is for."),
                .init("n_slides", .orNull(.whole), eg: 5, "How many slides."),
                .init("error", .orNull(.text), "Why it could not be made."),
                .init("check_status", .path, eg: .string("/api/presentations/\(exampleID)"), "This document."),
                .init("status_url", .path, "The job's document."),
                .init("events_url", .path, eg: .string("/jobs/\(exampleID)/events"), "Its events, live."),
                .maybe("progress", .number, "0 to 100, while it is being made."), .maybe("step", .text, "What is being done."),
                .maybe("message", .text, "The same for people."), .maybe("attempt", .whole, "Attempts so far."),
                .maybe("elapsed_seconds", .number, "How long it has been running."), .maybe("remaining_seconds", .number, "An estimate."),
            ]),
        AnswerShape(
            "PresentationReceipt", "A presentation that was accepted.",
            receipt(presentationStatuses, status: "pending", message: "Started generating...") + [
                .init("check_status", .path, eg: .string("/api/presentations/\(exampleID)"), "The presentation's document.")
            ]),
        AnswerShape(
            "PresentationList", "A page of presentations, newest first.",
            [.init("presentations", .list(.shape("Presentation")), "The presentations."), count, nextCursor]),
        AnswerShape(
            "PresentationsMoved", "What was put under another subject.",
            [
                .init("subject", .text, eg: "biology", "The subject."), .init("moved", .whole, "How many were moved."),
                .init("ids", .list(.id), "Which."), .init("unknown", .list(.id), eg: [], "Which are not there."),
            ]),
        AnswerShape(
            "Subject", "A subject, and what is under it.",
            [
                .init("subject", .text, eg: "biology", "Its name."), .init("count", .whole, eg: 3, "Presentations under it."),
                .init("unorganised", .boolean, "It is what nobody has put anywhere yet."),
            ] + ["pending", "processing", "complete", "error"].map { Member.maybe($0, .whole, eg: 1, "Of these, how many stand so.") }),
        AnswerShape(
            "SubjectList", "A page of subjects, in their order.",
            [.init("subjects", .list(.shape("Subject")), "The subjects."), nextCursor]),
        AnswerShape(
            "SubjectMoved", "What was put under the subject.",
            [.init("subject", .text, eg: "biology", "The subject."), .init("moved", .whole, eg: 3, "How many were moved.")]),
        AnswerShape(
            "ModelJobProgress", "How far a model job is.",
            [
                .init("percent", .number, eg: 50, "0 to 100."),
                .init("elapsed_seconds", .number, eg: 31.2, "How long it has been running."),
                .maybe("step", .text, eg: "map", "What it is doing."), .maybe("message", .text, "The same for people."),
                .maybe("remaining_seconds", .number, eg: 30.8, "An estimate."),
            ]),
        AnswerShape(
            "ModelJobError", "Why a model job failed.",
            [.init("message", .text, eg: "the model did not answer", "For people."), .init("type", .text, eg: "timeout", "In one word.")]),
    ]

    private static let ends = Value.words(Webhook.ends.map(\.rawValue))
    private static let deliveryStates = Value.words(WebhookDelivery.State.allCases.map(\.rawValue))

    private static let webhook: [Member] = [
        .init("webhook_id", .text, eg: .string(exampleID), "The webhook; `jobs` stands for receivers that single jobs name."),
        .init("has_secret", .boolean, eg: true, "There is something to sign with."), .init("created_at", .time, "When it was made."),
        .init("updated_at", .time, "When it was changed."), .maybe("url", .text, eg: "https://example.com/hook", "The receiver."),
        .maybe("kinds", .list(.text), eg: [], "Of these kinds of jobs; every kind when empty."),
        .maybe("subjects", .list(.text), eg: [], "Of jobs with one of these subjects; of every job when empty."),
        .maybe("statuses", .list(ends), eg: ["completed", "failed", "cancelled"], "Of these ends."),
        .maybe("enabled", .boolean, eg: true, "Whether it is told anything."), .maybe("description", .text, "A text for people."),
        .maybe("disabled_reason", .text, "Why it is told nothing any more."),
        .maybe("previous_secret_until", .time, "So long the secret before signs too."),
    ]

    private static let delivery: [Member] = [
        .init("delivery_id", .id, "The `webhook-id`."), .init("webhook_id", .text, eg: .string(exampleID), "Whose."),
        .init("job_id", .id, "The job that ended."), .init("event", .text, eg: "job.completed", "How it ended."),
        .init("status", deliveryStates, eg: "delivered", "Where it stands."), .init("attempt_count", .whole, "Attempts so far."),
        .init("created_at", .time, "When the job ended."), .maybe("url", .text, eg: "https://example.com/hook", "The receiver."),
        .maybe("sender", .id, "The job that sends it."), .maybe("delivered_at", .time, eg: .string(exampleTime), "When it arrived."),
        .maybe("next_attempt_at", .time, "When it is tried again."),
    ]

    static let webhooks: [AnswerShape] = [
        AnswerShape("Webhook", "Who is told when jobs end.", webhook),
        AnswerShape(
            "WebhookWithSecret", "A webhook, and once its secret.",
            webhook + [.init("secret", .text, eg: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "What signs; no other answer has it.")]),
        AnswerShape(
            "WebhookList", "Every webhook, in the order of their making.", [.init("webhooks", .list(.shape("Webhook")), "The webhooks.")]),
        AnswerShape("Delivery", "What a receiver was told.", delivery),
        AnswerShape(
            "DeliveryList", "A page of deliveries, newest first.",
            [.init("deliveries", .list(.shape("Delivery")), "The deliveries."), maybeNextCursor]),
        AnswerShape(
            "DeliveryDetail", "A delivery and its attempts.",
            delivery + [
                .init("payload", .text, eg: "{\"type\": \"job.completed\"}", "The text that is signed."),
                .init("attempts", .list(.shape("DeliveryAttempt")), "The last hundred, newest first."),
            ]),
        AnswerShape(
            "DeliveryAttempt", "One attempt at a delivery.",
            [
                .init("number", .whole, "From 1 on."), .init("started_at", .time, "When."),
                .init("duration_ms", .whole, eg: 41, "How long."),
                .maybe("status", .whole, eg: 204, "The HTTP status of the answer."), .maybe("body", .text, "The first 4 KiB of it."),
                .maybe("error", .text, "Why there was none."), .maybe("error_type", .text, "The same in one word."),
            ]),
        AnswerShape(
            "DeliveryResent", "A delivery that is sent again.",
            [
                .init("delivery_id", .id, "The delivery."), .init("sender", .id, "The job that sends it."),
                .init("status_url", .path, "That job's document."),
            ]),
    ]
}
