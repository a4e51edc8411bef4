/// A stand-in for an Ollama server, written from the wire reference: streams as NDJSON, errors before and after the first line, thinking,
/// embeddings, tags. `StubHTTPServer { await standIn.answer($0) }` puts it behind a port.
import JobModel
import Synchronization

package final class StandInOllama: Sendable {
    private struct State {
        var models: [String: StandInModel]
        /// Given out first, one for each request for an answer or for vectors.
        var scripted: [StubResponse] = []
        var questions: [StandInQuestion] = []
        var batches: [[String]] = []
        /// A text that holds one of these fails the whole embed request with its status.
        var poison: [String: Int] = [:]
    }

    package let gauge = StandInGauge()
    private let state: Mutex<State>
    private let writeBytes: Int?
    private let at: @Sendable (StandInMoment) async -> Void

    /// `writeBytes` cuts what is streamed in pieces of that many bytes, in the middle of characters and lines.
    package init(
        _ models: [StandInModel] = [StandInModel("llama3.2"), .embedder("embedder")], writeBytes: Int? = nil,
        at: @escaping @Sendable (StandInMoment) async -> Void = { _ in }
    ) {
        state = Mutex(State(models: Dictionary(models.map { ($0.name, $0) }, uniquingKeysWith: { $1 })))
        self.writeBytes = writeBytes
        self.at = at
    }

    /// What was asked of models that answer, in the order of arrival.
    package var questions: [StandInQuestion] { state.withLock { $0.questions } }
    /// The texts of each embed request.
    package var batches: [[String]] { state.withLock { $0.batches } }

    package func answerNext(_ answers: StubResponse...) { state.withLock { $0.scripted += answers } }
    package func poison(_ part: String, _ status: Int) { state.withLock { $0.poison[part] = status } }
    package func set(_ model: StandInModel) { state.withLock { $0.models[model.name] = model } }
    package func remove(_ name: String) { state.withLock { $0.models[Self.tagged(name)] = nil } }

    package func answer(_ call: StubRequest) async -> StubResponse {
        switch (call.method, call.path) {
        case ("GET", "/"), ("HEAD", "/"): .text("Ollama is running")
        case ("GET", "/api/version"): .value(["version": "0.32.15"])
        case ("GET", "/api/tags"): .value(["models": .array(all.map(Self.tag))])
        case ("GET", "/api/ps"): .value(["models": []])
        case ("POST", "/api/show"): show(call)
        case ("POST", "/api/generate"): await talk(call, isChat: false)
        case ("POST", "/api/chat"): await talk(call, isChat: true)
        case ("POST", "/api/embed"): await embed(call)
        case (_, "/api/embed"), (_, "/api/version"), (_, "/api/tags"), (_, "/api/show"), (_, "/api/generate"), (_, "/api/chat"):
            .text("405 method not allowed", status: 405)
        default: .text("404 page not found", status: 404)
        }
    }

    private var all: [StandInModel] { state.withLock { $0.models.values.sorted { $0.name < $1.name } } }

    private func model(_ name: String) -> StandInModel? { state.withLock { $0.models[Self.tagged(name)] } }

    private static func tagged(_ name: String) -> String { name.contains(":") ? name : name + ":latest" }

    package static func error(_ status: Int, _ text: String) -> StubResponse { .value(["error": .string(text)], status) }

    private static func notFound(_ name: String) -> StubResponse { error(404, "model '\(name)' not found") }

    private func show(_ call: StubRequest) -> StubResponse {
        guard let name = call.json?["model"]?.string, !name.isEmpty else { return Self.error(400, "model is required") }
        guard let model = model(name) else { return Self.notFound(name) }
        return .value([
            "license": "", "modelfile": "FROM x", "parameters": "", "template": "{{ .Prompt }}", "modified_at": "2026-11-21T05:00:00.1Z",
            "details": Self.details, "model_info": ["general.architecture": "stand-in"],
            "capabilities": .array(model.capabilities.sorted().map { .string($0) }),
        ])
    }

    private static func tag(_ model: StandInModel) -> JSONValue {
        [
            "name": .string(model.name), "model": .string(model.name), "modified_at": "2026-11-21T05:00:00.123456789+01:00",
            "size": 1_234_567, "digest": .string(model.digest), "details": details,
        ]
    }

    private static let details: JSONValue = [
        "parent_model": "", "format": "gguf", "family": "stand-in", "families": ["stand-in"], "parameter_size": "1B",
        "quantization_level": "Q4_0",
    ]
}

// Answers.
extension StandInOllama {
    private func talk(_ call: StubRequest, isChat: Bool) async -> StubResponse {
        guard let body = call.json, let name = body["model"]?.string else { return Self.error(400, "missing request body") }
        let visit = gauge.enter(name)
        await at(.asked(model: name))
        let answer = prepare(name, body, isChat: isChat)
        guard case .success(let plan) = answer else {
            visit.leave()
            if case .failure(let refusal) = answer { return refusal.response }
            return .drop
        }
        if plan.model.behaviour == .hangs {
            return .held { connection in
                await connection.waitForDisconnect()
                visit.leave()
            }
        }
        guard body["stream"]?.boolean ?? true else { return whole(plan, visit) }
        return .stream(200, headers: [("Content-Type", "application/x-ndjson")]) { writer in
            await self.write(plan, visit, to: writer)
            visit.leave()
        }
    }

    private struct Refusal: Error { let response: StubResponse }

    private struct Plan: Sendable {
        let name: String
        let model: StandInModel
        let isChat: Bool
        let thoughts: [String]
        let words: [String]
        let promptTokens: Int
    }

    private func prepare(_ name: String, _ body: JSONValue, isChat: Bool) -> Result<Plan, Refusal> {
        if let scripted = state.withLock({ $0.scripted.isEmpty ? nil : $0.scripted.removeFirst() }) {
            return .failure(Refusal(response: scripted))
        }
        guard let model = model(name) else { return .failure(Refusal(response: Self.notFound(name))) }
        guard model.capabilities.contains("completion") else {
            return .failure(Refusal(response: Self.error(400, "\"\(name)\" does not support \(isChat ? "chat" : "generate")")))
        }
        let canThink = model.capabilities.contains("thinking")
        let asked = body["think"].flatMap { $0.isNull ? nil : $0 }
        // Saying nothing means yes.
        let thinks = asked.map { $0.boolean ?? true } ?? canThink
        if thinks, !canThink { return .failure(Refusal(response: Self.error(400, "\"\(name)\" does not support thinking"))) }
        if let level = asked?.string, !["low", "medium", "high", "max"].contains(level) {
            return .failure(Refusal(response: Self.error(400, "invalid think value: \"\(level)\"")))
        }
        if let context = body["options"]?["num_ctx"], context.integer == nil {
            return .failure(Refusal(response: Self.error(400, "option \"num_ctx\" must be of type integer")))
        }
        if case .refuses(let status, let text) = model.behaviour { return .failure(Refusal(response: Self.error(status, text))) }
        let question = StandInQuestion(model: name, body: body, thinks: thinks)
        state.withLock { $0.questions.append(question) }
        return .success(
            Plan(
                name: name, model: model, isChat: isChat, thoughts: thinks ? StandInModel.pieces(of: model.thoughts) : [],
                words: StandInModel.pieces(of: model.reply(question)), promptTokens: max(1, question.text.utf8.count / 4)))
    }

    private func write(_ plan: Plan, _ visit: StandInGauge.Visit, to writer: StubWriter) async {
        let pieces = plan.thoughts.map { (thinking: $0, text: "") } + plan.words.map { (thinking: "", text: $0) }
        for (index, piece) in pieces.enumerated() {
            switch plan.model.behaviour {
            case .breaks(let count, let text) where index >= count:
                visit.leave()
                await send(["error": .string(text)], writer)
                return
            case .ends(let count) where index >= count: return
            case .truncates(let count) where index >= count:
                visit.leave()
                await send(end(plan, "length", index), writer)
                return
            case .stalls(let count) where index >= count: return await writer.waitForDisconnect()
            default: break
            }
            await at(.piece(model: plan.name, index))
            if let pace = plan.model.pace { try? await Task.sleep(for: pace) }
            guard await send(line(plan, piece.text, piece.thinking), writer) else { return }
        }
        visit.leave()
        await send(end(plan, "stop", pieces.count), writer)
    }

    @discardableResult
    private func send(_ line: JSONValue, _ writer: StubWriter) async -> Bool {
        let bytes = line.bytes + [0x0a]
        guard let size = writeBytes else { return await writer.write(bytes) }
        for start in stride(from: 0, to: bytes.count, by: size) {
            guard await writer.write(Array(bytes[start..<min(start + size, bytes.count)])) else { return false }
        }
        return true
    }

    /// The answer of `stream: false`.
    private func whole(_ plan: Plan, _ visit: StandInGauge.Visit) -> StubResponse {
        defer { visit.leave() }
        var words = plan.words
        var reason = "stop"
        switch plan.model.behaviour {
        case .breaks(_, let text): return Self.error(500, text)
        case .ends, .stalls: return .drop
        case .truncates(let count):
            words = Array(words.prefix(count))
            reason = "length"
        default: break
        }
        var answer = end(plan, reason, words.count).object ?? [:]
        answer.merge(line(plan, words.joined(), plan.thoughts.joined()).object ?? [:]) { kept, new in kept == true ? kept : new }
        answer["done"] = true
        return .value(.object(answer))
    }

    private func line(_ plan: Plan, _ text: String, _ thinking: String) -> JSONValue {
        var said: [String: JSONValue] = [plan.isChat ? "content" : "response": .string(text)]
        if !thinking.isEmpty { said["thinking"] = .string(thinking) }
        if plan.isChat { said["role"] = "assistant" }
        let head: [String: JSONValue] = ["model": .string(plan.name), "created_at": "2026-11-21T05:00:00.1Z", "done": false]
        return .object(plan.isChat ? head.merging(["message": .object(said)]) { $1 } : head.merging(said) { $1 })
    }

    private func end(_ plan: Plan, _ reason: String, _ count: Int) -> JSONValue {
        var last = line(plan, "", "").object ?? [:]
        last["done"] = true
        last["done_reason"] = .string(reason)
        last["total_duration"] = 3_000_000_000
        last["load_duration"] = 1_000_000
        last["prompt_eval_count"] = .integer(Int64(plan.promptTokens))
        last["prompt_eval_duration"] = 5_000_000
        last["eval_count"] = .integer(Int64(count))
        last["eval_duration"] = 200_000_000
        return .object(last)
    }
}

// Vectors.
extension StandInOllama {
    private func embed(_ call: StubRequest) async -> StubResponse {
        guard let body = call.json, let name = body["model"]?.string else { return Self.error(400, "missing request body") }
        let texts = body["input"]?.string.map { [$0] } ?? body["input"]?.array?.compactMap(\.string)
        guard let texts else { return Self.error(400, "invalid input type") }
        let visit = gauge.enter(name)
        defer { visit.leave() }
        await at(.asked(model: name))
        let scripted = state.withLock { state in
            state.batches.append(texts)
            return state.scripted.isEmpty ? nil : state.scripted.removeFirst()
        }
        if let scripted { return scripted }
        guard let model = model(name) else { return Self.notFound(name) }
        if case .refuses(let status, let text) = model.behaviour { return Self.error(status, text) }
        guard model.capabilities.contains("embedding") else { return Self.error(400, "this model does not support embeddings") }
        for (part, status) in state.withLock({ $0.poison }) where texts.contains(where: { $0.contains(part) }) {
            return Self.error(status, "the input length exceeds the context length")
        }
        let vectors = texts.map { text in
            let vector = model.vector(text)
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return JSONValue.array(vector.map { .number(Double($0 / length)) })
        }
        return .value([
            "model": .string(name), "embeddings": .array(vectors), "total_duration": 5_000_000, "load_duration": 1_000_000,
            "prompt_eval_count": .integer(Int64(texts.count)),
        ])
    }
}
