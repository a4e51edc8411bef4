internal import JobModel

/// What receivers of webhooks are sent: the `webhooks` of the document.
enum EndedJob {
    static let operation: JSONValue = [
        "operationId": "jobEnded", "tags": ["Webhooks"], "summary": "A job has ended", "security": [],
        "description": """
        Sent after Standard Webhooks 1.0.0: verify `webhook-signature` with the secret, and answer 2xx within 15 s. Anything else is tried again for \
        a day; 410 disables the webhook. A delivery may come twice, with the same `webhook-id`.
        """,
        "parameters": [
            header("webhook-id", "The delivery; the same over all attempts."),
            header("webhook-timestamp", "Seconds since 1970, of this attempt."),
            header("webhook-signature", "`v1,` and the base64 of HMAC-SHA256 over id, timestamp and body."),
        ],
        "requestBody": [
            "required": true, "content": ["application/json": ["schema": ["$ref": "#/components/schemas/JobEnded"], "example": example]],
        ],
        "responses": ["2XX": ["description": "Delivered."], "410": ["description": "Send nothing more."]],
    ]

    static let schemas: [String: JSONValue] = [
        "JobEnded": [
            "type": "object", "required": ["type", "timestamp", "data"], "description": "How a job ended.",
            "properties": [
                "type": ["type": "string", "enum": .array(Webhook.ends.map { .string("job.\($0.rawValue)") })],
                "timestamp": ["type": "string", "format": "date-time"],
                "data": [
                    "type": "object", "required": ["job_id", "kind", "status"], "additionalProperties": true,
                    "properties": [
                        "job_id": ["type": "string", "format": "uuid"], "kind": ["type": "string"],
                        "status": ["type": "string", "enum": .array(Webhook.ends.map { .string($0.rawValue) })],
                        "result": ["description": "Left out of a body over 20,000 bytes (`result_omitted`)."], "error": ["type": "string"],
                    ],
                ],
            ],
        ]
    ]

    private static let example: JSONValue = [
        "type": "job.completed", "timestamp": .string(AnswerShape.exampleTime),
        "data": ["job_id": .string(AnswerShape.exampleID), "kind": "web_crawl", "status": "completed", "result": ["pages_crawled": 5]],
    ]

    private static func header(_ name: String, _ meaning: String) -> JSONValue {
        ["name": .string(name), "in": "header", "required": true, "schema": ["type": "string"], "description": .string(meaning)]
    }
}
