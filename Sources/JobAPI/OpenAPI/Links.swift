internal import JobModel

/// Where one goes on from a document: its ids are parameters of other operations.
enum Links {
    static func from(_ shape: String) -> JSONValue? {
        let links = (table[shape] ?? []).flatMap { pointer, parameter, targets in
            targets.map { target -> (String, JSONValue) in
                (target, ["operationId": .string(target), "parameters": [parameter: .string("$response.body#/\(pointer)")]])
            }
        }
        return links.isEmpty ? nil : .object(Dictionary(links, uniquingKeysWith: { first, _ in first }))
    }

    private static let job = [
        ("job_id", "id", ["readJob", "readResult", "readAttempts", "readLog", "cancelJob", "retryJob", "promoteJob"])
    ]
    private static let modelJob = [("job_id", "id", ["readModelJob", "cancelModelJob", "readJob"])]
    private static let flow = [("flow_id", "id", ["readFlow", "cancelFlow"])]

    /// By shape: where the id stands, what it is called there, and who takes it.
    private static let table: [String: [(String, String, [String])]] = [
        "JobReceipt": job, "Job": job, "FlowReceipt": flow, "ModelJobAccepted": job, "ModelJobReceipt": modelJob, "ModelJob": modelJob,
        "Schedule": [("schedule_id", "id", ["readSchedule", "changeSchedule", "runSchedule", "deleteSchedule"])],
        "PresentationReceipt": [("job_id", "id", ["readPresentation", "readPresentationFile", "movePresentation"])],
        "WebhookWithSecret": [("webhook_id", "id", ["readWebhook", "changeWebhook", "listDeliveries", "rotateSecret", "deleteWebhook"])],
    ]
}
