/// What OpenAI-style servers mean when they refuse. Their error bodies have many shapes: nested or flat, a code that is a text, a number, a number
/// in a text or nothing, and from proxies no JSON at all.
import JobModel

struct ServerError {
    let message: String
    let type: String?
    /// As a text, whatever it was.
    let code: String?

    /// Nil for what is no error. Gateways repeat what they were sent: of `key` nothing is left in the message.
    init?(_ json: JSONValue, hiding key: String?) {
        let isFlat = json["object"]?.string == "error"
        guard let body = isFlat ? json : json["error"], !body.isNull else { return nil }
        let words = body["message"]?.string ?? body.string ?? body.serialized
        // Before it is cut: half a key is no less a secret.
        message = String((key.map { words.replacing($0, with: "[API key]") } ?? words).prefix(300))
        type = body["type"]?.string
        code = body["code"].flatMap { $0.string ?? $0.integer.map { String($0) } }
    }

    /// In a stream the status is always good; what is known of the error must do.
    var isPermanent: Bool {
        if let status = code.flatMap({ Int($0) }) { return [400, 401, 403, 404, 413, 422].contains(status) }
        let words = [type, code].compactMap { $0?.lowercased() }
        return words.contains { $0.contains("invalid_request") || $0.contains("badrequest") || $0.contains("context_length") }
    }

    /// `server` as people write it.
    static func failure(_ answer: ServiceAnswer, server: String, model: String, hiding key: String?) -> JobFailure {
        let type = "http_\(answer.status)"
        let why = answer.json.flatMap { ServerError($0, hiding: key) }.map { ": \($0.message)" } ?? ""
        switch answer.status {
        case 401: return .permanent("\(server) does not take the API key: see OPENAI_API_KEY_FILE", type: type)
        case 403: return .permanent("\(server) forbids this to the API key\(why)", type: type)
        case 404: return .permanent("\(server) has no model \(model)\(why)", type: "model_not_found")
        case 408, 409, 425, 429, 500...599:
            return .retry(
                "\(server) failed with status \(answer.status)\(why)", type: type, afterMilliseconds: answer.retryAfterMilliseconds)
        default: return .permanent("\(server) refused the request with status \(answer.status)\(why)", type: type)
        }
    }
}
