/// A stand-in for an Ollama server, written from the wire reference: one request stands or falls as a whole.
/// Tests set what it knows and what brings it down, and read what it was asked.
import JobModel
import Synchronization
import TestServers

final class StubOllama: Sendable {
    struct State {
        var models: Set<String> = ["embedder"]
        /// A text that holds one of these fails the whole request with its status.
        var poison: [String: Int] = [:]
        /// Given out first, one for each embed request.
        var scripted: [StubResponse] = []
        var batches: [[String]] = []
        /// Not yet normalised; the server does that.
        var vector: @Sendable (String) -> [Float] = { [Float($0.utf8.count), 1, 2] }
    }
    let state = Mutex(State())

    var batches: [[String]] { state.withLock { $0.batches } }

    func answer(_ call: StubRequest) -> StubResponse {
        switch (call.method, call.path) {
        case ("GET", "/"): .text("Ollama is running", status: 200)
        case ("GET", "/api/version"): .json(200, ["version": "0.32.15"])
        case ("POST", "/api/embed"): embed(call)
        case (_, "/api/embed"), (_, "/api/version"): .text("405 method not allowed", status: 405)
        default: .text("404 page not found", status: 404)
        }
    }

    private func embed(_ call: StubRequest) -> StubResponse {
        guard let json = call.json, let model = json["model"]?.string else { return Self.error(400, "missing request body") }
        guard let texts = json["input"]?.array?.compactMap(\.string) ?? json["input"]?.string.map({ [$0] }) else {
            return Self.error(400, "invalid input type")
        }
        return state.withLock { state in
            state.batches.append(texts)
            if !state.scripted.isEmpty { return state.scripted.removeFirst() }
            guard state.models.contains(model) else { return Self.error(404, "model '\(model)' not found") }
            for (part, status) in state.poison where texts.contains(where: { $0.contains(part) }) {
                return Self.error(status, "the input length exceeds the context length")
            }
            let vectors = texts.map { text in
                let vector = state.vector(text)
                let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
                return JSONValue.array(vector.map { .number(Double($0 / length)) })
            }
            return .json(200, ["model": .string(model), "embeddings": .array(vectors), "total_duration": 5_000_000])
        }
    }

    static func error(_ status: Int, _ text: String) -> StubResponse { .json(status, ["error": .string(text)]) }
}
