import JobModel

/// What Ollama's statuses mean for a job. The texts are not looked at: they change between versions.
enum OllamaFailure {
    /// The whole request failed, perhaps for one of its texts: too long, too large for a proxy, or one that brings the model down.
    static func mayBeOneText(_ status: Int) -> Bool { status == 400 || status == 413 || status == 500 }

    /// Network failures are `ServiceClient`'s; these are answers.
    static func of(_ answer: ServiceAnswer, model: String) -> JobFailure {
        let type = "http_\(answer.status)"
        let why = answer.json?["error"]?.string.map { ": \($0.prefix(300))" } ?? ""
        switch answer.status {
        case 401: return .permanent("Ollama asks for a login for this model", type: type)
        case 403:
            return .permanent(
                "Ollama refuses the host name: bind it to more than loopback (OLLAMA_HOST=0.0.0.0) or use localhost", type: type)
        case 404: return .permanent("Ollama has no model \(model): run `ollama pull \(model)` on its machine", type: "model_not_found")
        case 429: return .retry("Ollama limits the rate", type: type, afterMilliseconds: answer.retryAfterMilliseconds)
        case 503: return .retry("Ollama is busy", type: type, afterMilliseconds: answer.retryAfterMilliseconds)
        // 499 is Ollama's word for a client that went away: this request was cut, the next one may pass.
        case 408, 499, 500...599: return .retry("Ollama failed with status \(answer.status)\(why)", type: type)
        default: return .permanent("Ollama refused the request with status \(answer.status)\(why)", type: type)
        }
    }
}
