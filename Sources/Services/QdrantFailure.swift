/// Reads Qdrant's envelope, and says what its statuses mean for a job.
/// Its `status` member is a string or an object; a refused key is answered in plain text.
import JobModel

enum QdrantFailure {
    static let invalidAnswer = JobFailure.permanent("Qdrant's answer has an unknown form: is QDRANT_URL right?", type: "invalid_answer")

    static func result(of answer: ServiceAnswer) throws(JobFailure) -> JSONValue {
        guard answer.isSuccess else { throw of(answer) }
        guard let json = answer.json, let result = json["result"], json["status"]?.string == "ok" else { throw invalidAnswer }
        return result
    }

    /// For writes with `wait`: whatever is not `completed` is still on its way. Ids are ours, so the write can be repeated whole.
    static func requireCompleted(_ answer: ServiceAnswer) throws(JobFailure) {
        switch try result(of: answer)["status"]?.string {
        case "completed": return
        case "wait_timeout", "acknowledged":
            throw .retry("Qdrant has taken the points but not stored them yet", type: "wait_timeout", afterMilliseconds: 1000)
        default: throw invalidAnswer
        }
    }

    /// The status is looked at before the body: only some errors are JSON.
    static func of(_ answer: ServiceAnswer) -> JobFailure {
        let type = "http_\(answer.status)"
        let why = answer.json?["status"].flatMap { $0["error"]?.string ?? $0.string }.map { ": \($0.prefix(300))" } ?? ""
        switch answer.status {
        case 401, 403: return .permanent("Qdrant refuses the API key: set QDRANT_API_KEY to one that may write", type: type)
        case 429: return .retry("Qdrant limits the rate", type: type, afterMilliseconds: answer.retryAfterMilliseconds)
        case 507: return .permanent("Qdrant's disk or memory is full\(why)", type: "storage_full")
        case 408, 500, 502, 503, 504:
            return .retry("Qdrant failed with status \(answer.status)\(why)", type: type, afterMilliseconds: answer.retryAfterMilliseconds)
        default: return .permanent("Qdrant refused the request with status \(answer.status)\(why)", type: type)
        }
    }
}
