internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `/webhooks`: who is told when jobs end. `/webhooks/jobs` stands for the receivers that single jobs name.
extension Reception {
    func createWebhook(_ exchange: Exchange) async throws -> Response {
        let (webhook, secret) = try WebhookBody.new(await BodyReader.object(of: exchange.request))
        let (made, told) = try await desk.createWebhook(webhook, secret: secret)
        exchange.notes.add(target: made.id.description)
        var document = WebhookDocument.members(of: made)
        document["secret"] = .string(told.text)
        return Response(
            .object(document), status: .created,
            headers: [.location: "/webhooks/\(made.id)", .cacheControl: "no-store"])
    }

    func listWebhooks(_ exchange: Exchange) async throws -> Response {
        return Response(["webhooks": .array(try await desk.webhooks().map(WebhookDocument.of))])
    }

    func readWebhook(_ exchange: Exchange) async throws -> Response {
        try await Response(WebhookDocument.of(desk.webhook(exchange.webhookID())))
    }

    /// Members that are given replace those that are there; null takes one away. Another change that comes between is taken into account.
    func changeWebhook(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.webhookID()
        guard id != Webhook.ofJobs else { throw Problem.unknownWebhook }
        let body = try await BodyReader.object(of: exchange.request)
        for _ in 0..<5 {
            let old = try await desk.webhook(id)
            let new = try WebhookBody.changed(old, by: body)
            if let changed = try await desk.changeWebhook(new) { return Response(WebhookDocument.of(changed)) }
        }
        throw Problem.webhookChanged
    }

    func deleteWebhook(_ exchange: Exchange) async throws -> Response {
        try await desk.deleteWebhook(exchange.webhookID())
        return Response(status: .noContent)
    }

    /// A new secret; the old one is good for a while.
    func rotateSecret(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.webhookID()
        let (secret, overlap) = try WebhookBody.rotation(await BodyReader.optionalObject(of: exchange.request))
        let told = try await desk.rotateSecret(of: id, to: secret, overlap: overlap)
        var document = WebhookDocument.members(of: try await desk.webhook(id))
        document["secret"] = .string(told.text)
        return Response(.object(document), headers: [.cacheControl: "no-store"])
    }
}

extension Exchange {
    func webhookID() throws(Problem) -> JobID {
        guard let text = captured.first else { throw .unknownWebhook }
        guard let id = WebhookDocument.id(text) else { throw .unknownWebhook }
        return id
    }
}

/// What a request says of a webhook.
enum WebhookBody {
    private static let longestOverlap = 7 * 86_400
    private static let standardOverlap = 86_400

    static let shape = InputShape([
        .init("url", .url, required: true, "the receiver"),
        .init("kinds", .texts(maxCount: Webhook.maxWords, maxLength: 100), standard: [], "kinds of jobs; every kind when empty"),
        .init("statuses", .texts(maxCount: 3, maxLength: 20), "completed, failed, cancelled"),
        .init("subjects", .texts(maxCount: Webhook.maxWords, maxLength: 200), standard: [], "subjects; every job's when empty"),
        .init("description", .text(maxLength: 2000), "a text for people"),
        .init("enabled", .boolean, standard: true, "whether it is told anything"),
    ])
    static let secretField = InputShape.Field("secret", .text(maxLength: 200), "whsec_ and the base64 of 24 to 64 bytes")
    static let rotationShape = InputShape([
        secretField, .init("overlap_seconds", .integer(0...longestOverlap), "how long the old secret signs too"),
    ])

    static func new(_ body: [String: JSONValue]) throws(Problem) -> (Webhook, WebhookSecret?) {
        var faults: [InputShape.Fault] = []
        let secret = secret(body["secret"], &faults)
        let webhook = webhook(Webhook(url: nil), body.filter { $0.key != "secret" }, &faults)
        guard let webhook, faults.isEmpty else { throw .invalid(faults) }
        return (webhook, secret)
    }

    static func changed(_ old: Webhook, by body: [String: JSONValue]) throws(Problem) -> Webhook {
        var faults: [InputShape.Fault] = []
        let members = WebhookDocument.own(old).merging(body) { $1 }
        guard let webhook = webhook(old, members, &faults), faults.isEmpty else { throw .invalid(faults) }
        return webhook
    }

    static func rotation(_ body: [String: JSONValue]) throws(Problem) -> (WebhookSecret?, overlap: Int) {
        let fields = try SubmitJob.accept(body, rotationShape)
        var faults: [InputShape.Fault] = []
        let secret = secret(fields["secret"], &faults)
        guard faults.isEmpty else { throw .invalid(faults) }
        return (secret, fields["overlap_seconds"]?.integer ?? standardOverlap)
    }

    private static func webhook(_ base: Webhook, _ members: [String: JSONValue], _ faults: inout [InputShape.Fault]) -> Webhook? {
        guard let fields = SubmitJob.accept(.object(members), shape, at: "#", &faults) else { return nil }
        var webhook = base
        webhook.url = fields["url"]?.string
        if let url = webhook.url, let detail = refusal(ofURL: url) { faults.append(.init(pointer: "#/url", detail: detail)) }
        webhook.kinds = words(fields["kinds"])
        webhook.subjects = words(fields["subjects"])
        webhook.statuses = ends(fields["statuses"], at: "#/statuses", &faults)
        webhook.description = fields["description"]?.string
        webhook.isEnabled = fields["enabled"]?.boolean ?? true
        return webhook
    }

    /// As headers and keys in Redis bear it.
    static func refusal(ofURL url: String) -> String? {
        guard url.utf8.count <= Webhook.maxURLBytes else { return "must be at most \(Webhook.maxURLBytes) bytes long" }
        return SubmissionOptions.isVisible(url) ? nil : "must be visible ASCII characters: percent-encode others, and punycode the host"
    }

    /// Terminal states, each once; all of them without a word.
    static func ends(_ given: JSONValue?, at pointer: String, _ faults: inout [InputShape.Fault]) -> [JobState] {
        guard let given else { return Webhook.ends }
        let words = words(given)
        let ends = Webhook.ends.filter { words.contains($0.rawValue) }
        if words.isEmpty || words.count != ends.count {
            let known = Webhook.ends.map(\.rawValue).joined(separator: ", ")
            faults.append(.init(pointer: pointer, detail: "must be an array with at least one of, each once: \(known)"))
        }
        return ends
    }

    private static func words(_ value: JSONValue?) -> [String] { value?.array?.compactMap(\.string) ?? [] }

    private static func secret(_ given: JSONValue?, _ faults: inout [InputShape.Fault]) -> WebhookSecret? {
        guard let given, !given.isNull else { return nil }
        let secret = given.string.flatMap(WebhookSecret.init)
        if secret == nil { faults.append(.init(pointer: "#/secret", detail: "must be whsec_ and the base64 of 24 to 64 random bytes")) }
        return secret
    }
}

/// A webhook as it is shown: without its secret.
enum WebhookDocument {
    /// The word for `Webhook.ofJobs` in paths and documents.
    static let ofJobs = "jobs"

    static func of(_ webhook: Webhook) -> JSONValue { .object(members(of: webhook)) }

    static func id(_ name: String) -> JobID? { name == ofJobs ? Webhook.ofJobs : JobID(name).flatMap { $0 == Webhook.ofJobs ? nil : $0 } }

    static func name(_ id: JobID) -> String { id == Webhook.ofJobs ? ofJobs : id.description }

    static func members(of webhook: Webhook) -> [String: JSONValue] {
        var document = webhook.url == nil ? [:] : own(webhook)
        document["webhook_id"] = .string(name(webhook.id))
        document["has_secret"] = .boolean(webhook.hasSecret)
        document["disabled_reason"] = webhook.disabledReason.map(JSONValue.string)
        document["previous_secret_until"] = webhook.previousUntil.map { .string($0.description) }
        document["created_at"] = .string(webhook.createdAt.description)
        document["updated_at"] = .string(webhook.updatedAt.description)
        return document
    }

    /// A request that would make this webhook.
    static func own(_ webhook: Webhook) -> [String: JSONValue] {
        var members: [String: JSONValue] = [
            "kinds": .array(webhook.kinds.map(JSONValue.string)), "subjects": .array(webhook.subjects.map(JSONValue.string)),
            "statuses": .array(webhook.statuses.map { .string($0.rawValue) }), "enabled": .boolean(webhook.isEnabled),
        ]
        members["url"] = webhook.url.map(JSONValue.string)
        members["description"] = webhook.description.map(JSONValue.string)
        return members
    }
}
