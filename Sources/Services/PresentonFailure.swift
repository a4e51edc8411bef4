/// What Presenton's statuses mean for a job. Its `detail` is a text, a list of validation faults, or an object.
package import JobModel

package enum PresentonFailure {
    static let invalidAnswer = JobFailure.permanent(
        "Presenton's answer has an unknown form: is PRESENTON_URL right?", type: "invalid_answer")

    /// A route that this build does not have, as its framework says it. An unknown task is 404 with another text.
    static func isRouteMissing(_ answer: ServiceAnswer) -> Bool {
        switch answer.status {
        case 405: true
        case 404: answer.json?["detail"]?.string.map { $0 == "Not Found" } ?? true
        default: false
        }
    }

    /// Said by something in between, which does not know what became of the request behind it.
    static func isOfGateway(_ answer: ServiceAnswer) -> Bool { answer.status == 502 || answer.status == 504 }

    static func of(_ answer: ServiceAnswer) -> JobFailure {
        let why = answer.json?["detail"].flatMap(text).map { ": \($0.prefix(300))" } ?? ""
        return of(answer.status, why, retryAfter: answer.retryAfterMilliseconds)
    }

    /// A task that ended with an error. The server has tried twice inside: it is not asked again at once.
    package static func ofTask(status: Int?, detail: String) -> JobFailure {
        of(status ?? 500, detail.isEmpty ? "" : ": \(detail)", retryAfter: 60_000)
    }

    /// 500 may have cost tokens: who asks decides whether to ask once more.
    private static func of(_ status: Int, _ why: String, retryAfter: Int64?) -> JobFailure {
        let type = "http_\(status)"
        switch status {
        case 401, 403:
            return .permanent("Presenton refuses the login: check PRESENTON_AUTH and its key", type: type)
        case 428: return .permanent("Presenton has no administrator yet: open its page and set up a login", type: type)
        case 429: return .retry("Presenton limits the rate\(why)", type: type, afterMilliseconds: retryAfter)
        case 408, 500...599:
            return .retry("Presenton failed with status \(status)\(why)", type: type, afterMilliseconds: retryAfter)
        default: return .permanent("Presenton refused the request with status \(status)\(why)", type: type)
        }
    }

    static func ofFile(_ status: Int) -> JobFailure {
        let type = "http_\(status)"
        return status == 408 || status == 429 || status >= 500
            ? .retry("Presenton did not give the file (status \(status))", type: type)
            : .permanent("Presenton does not give the file (status \(status))", type: type)
    }

    /// In one line: validation faults as `place: what is wrong`.
    static func text(_ detail: JSONValue) -> String? {
        if let text = detail.string { return text }
        if let faults = detail.array {
            let lines = faults.prefix(5).compactMap { fault -> String? in
                let place = fault["loc"]?.array?.map { $0.string ?? $0.serialized }.joined(separator: ".")
                return fault["msg"]?.string.map { message in place.map { "\($0): \(message)" } ?? message }
            }
            return lines.joined(separator: "; ")
        }
        return detail["message"]?.string
    }
}
