/// A stand-in for a server that speaks OpenAI's dialect, written from the wire reference, with the ways in which such servers differ.
/// Models behave as `StandInModel` says.
import JobModel
import Synchronization

package final class StandInOpenAI: Sendable {
    /// How a server of this kind deviates.
    package struct Dialect: Sendable {
        package enum Code: Sendable { case text, number, numberInText, none, flat, html }

        package var code = Code.text
        /// `reasoning_content` or `reasoning`; nil keeps thoughts to itself.
        package var reasoning: String? = "reasoning_content"
        package var lineEnd = "\n"
        /// Between the events.
        package var comments = false
        package var saysDone = true
        package var saysUsage = true
        /// Vectors in another order than the texts.
        package var shuffles = false
        /// A request without it is refused with 401.
        package var key: String?

        package init() {}
    }

    private struct State {
        var models: [String: StandInModel]
        var scripted: [StubResponse] = []
        var questions: [StandInQuestion] = []
        var batches: [[String]] = []
    }

    package let gauge = StandInGauge()
    private let dialect: Dialect
    private let state: Mutex<State>
    private let writeBytes: Int?
    private let at: @Sendable (StandInMoment) async -> Void

    package init(
        _ models: [StandInModel] = [StandInModel("gpt-stand-in"), .embedder("embedder")], _ dialect: Dialect = Dialect(),
        writeBytes: Int? = nil, at: @escaping @Sendable (StandInMoment) async -> Void = { _ in }
    ) {
        // Names have no tags here.
        let named = models.map { (Self.bare($0.name), $0) }
        state = Mutex(State(models: Dictionary(named, uniquingKeysWith: { $1 })))
        self.dialect = dialect
        self.writeBytes = writeBytes
        self.at = at
    }

    package var questions: [StandInQuestion] { state.withLock { $0.questions } }
    package var batches: [[String]] { state.withLock { $0.batches } }

    package func answerNext(_ answers: StubResponse...) { state.withLock { $0.scripted += answers } }

    private static func bare(_ name: String) -> String { name.hasSuffix(":latest") ? String(name.dropLast(7)) : name }

    package func answer(_ call: StubRequest) async -> StubResponse {
        if call.path == "/health" { return .value(["status": "ok"]) }
        if let key = dialect.key, call.header("Authorization") != "Bearer \(key)" {
            return error(401, "Incorrect API key provided", "authentication_error")
        }
        switch (call.method, call.path) {
        case ("GET", "/v1/models"): return models()
        case ("POST", "/v1/chat/completions"): return await talk(call)
        case ("POST", "/v1/embeddings"): return await embed(call)
        default: return error(404, "Unknown path", "not_found_error")
        }
    }

    private func models() -> StubResponse {
        let names = state.withLock { $0.models.keys.sorted() }
        let data = names.map { name -> JSONValue in
            ["id": .string(name), "object": "model", "created": 1_760_000_000, "owned_by": "stand-in"]
        }
        return .value(["object": "list", "data": .array(data)])
    }

    private func error(_ status: Int, _ message: String, _ type: String) -> StubResponse {
        if dialect.code == .html { return .text("<html><body>\(status)</body></html>", status: status, type: "text/html") }
        var fault: [String: JSONValue] = ["message": .string(message), "type": .string(type), "param": .null]
        switch dialect.code {
        case .text: fault["code"] = .string(type)
        case .number, .flat, .html: fault["code"] = .integer(Int64(status))
        case .numberInText: fault["code"] = .string("\(status)")
        case .none: fault["code"] = .null
        }
        guard dialect.code == .flat else { return .value(["error": .object(fault)], status) }
        fault["object"] = "error"
        return .value(.object(fault), status)
    }
}

// Answers.
extension StandInOpenAI {
    private struct Plan: Sendable {
        let name: String
        let model: StandInModel
        let thoughts: [String]
        let words: [String]
        let question: StandInQuestion
    }

    private func talk(_ call: StubRequest) async -> StubResponse {
        guard let body = call.json, let name = body["model"]?.string, body["messages"]?.array != nil else {
            return error(400, "messages is required", "invalid_request_error")
        }
        let visit = gauge.enter(name)
        await at(.asked(model: name))
        let (scripted, model) = state.withLock { ($0.scripted.isEmpty ? nil : $0.scripted.removeFirst(), $0.models[Self.bare(name)]) }
        var refusal = scripted
        if refusal == nil, model == nil { refusal = error(404, "The model `\(name)` does not exist", "model_not_found") }
        if refusal == nil, case .refuses(let status, let text) = model?.behaviour { refusal = error(status, text, "server_error") }
        guard refusal == nil, let model else {
            visit.leave()
            return refusal ?? .drop
        }
        if model.behaviour == .hangs {
            return .held { connection in
                await connection.waitForDisconnect()
                visit.leave()
            }
        }
        let plan = plan(name, model, body)
        guard body["stream"]?.boolean == true else { return whole(plan, visit) }
        return .stream(200, headers: [("Content-Type", "text/event-stream; charset=utf-8")]) { writer in
            await self.write(plan, visit, to: writer)
            visit.leave()
        }
    }

    private func plan(_ name: String, _ model: StandInModel, _ body: JSONValue) -> Plan {
        let isOff = body["chat_template_kwargs"]?["enable_thinking"]?.boolean == false || body["reasoning_effort"]?.string == "none"
        let thinks = model.capabilities.contains("thinking") && dialect.reasoning != nil && !isOff
        let question = StandInQuestion(model: name, body: body, thinks: thinks)
        state.withLock { $0.questions.append(question) }
        return Plan(
            name: name, model: model, thoughts: thinks ? StandInModel.pieces(of: model.thoughts) : [],
            words: StandInModel.pieces(of: model.reply(question)), question: question)
    }

    private func write(_ plan: Plan, _ visit: StandInGauge.Visit, to writer: StubWriter) async {
        await send(chunk(plan, ["role": "assistant", "content": ""]), writer)
        let thoughts = plan.thoughts.map { [dialect.reasoning ?? "": JSONValue.string($0)] }
        let pieces = thoughts + plan.words.map { ["content": .string($0)] }
        var reason = "stop"
        loop: for (index, piece) in pieces.enumerated() {
            switch plan.model.behaviour {
            case .breaks(let count, let text) where index >= count:
                visit.leave()
                await send(["error": ["message": .string(text), "type": "server_error", "code": 500]], writer)
                return
            case .ends(let count) where index >= count: return
            case .truncates(let count) where index >= count:
                reason = "length"
                break loop
            case .stalls(let count) where index >= count: return await writer.waitForDisconnect()
            default: break
            }
            await at(.piece(model: plan.name, index))
            if let pace = plan.model.pace { try? await Task.sleep(for: pace) }
            guard await send(chunk(plan, piece), writer) else { return }
        }
        visit.leave()
        await send(chunk(plan, [:], reason), writer)
        if dialect.saysUsage, plan.question.body["stream_options"]?["include_usage"]?.boolean == true {
            await send(chunk(plan, nil, nil, usage(plan)), writer)
        }
        if dialect.saysDone { await send("[DONE]", writer) }
    }

    @discardableResult
    private func send(_ value: JSONValue, _ writer: StubWriter) async -> Bool {
        await send(value.serialized, writer)
    }

    @discardableResult
    private func send(_ data: String, _ writer: StubWriter) async -> Bool {
        let end = dialect.lineEnd
        let bytes = Array("\(dialect.comments ? ": ping\(end)\(end)" : "")data: \(data)\(end)\(end)".utf8)
        guard let size = writeBytes else { return await writer.write(bytes) }
        for start in stride(from: 0, to: bytes.count, by: size) {
            guard await writer.write(Array(bytes[start..<min(start + size, bytes.count)])) else { return false }
        }
        return true
    }

    private func chunk(
        _ plan: Plan, _ delta: [String: JSONValue]?, _ reason: String? = nil, _ usage: JSONValue = .null
    ) -> JSONValue {
        let choice: (([String: JSONValue]) -> JSONValue) = { delta in
            ["index": 0, "delta": .object(delta), "finish_reason": reason.map(JSONValue.string) ?? .null]
        }
        return [
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": .string(plan.name),
            "choices": .array(delta.map { [choice($0)] } ?? []), "usage": usage,
        ]
    }

    private func usage(_ plan: Plan) -> JSONValue {
        let prompt = Int64(max(1, plan.question.text.utf8.count / 4))
        let answer = Int64(plan.words.count + plan.thoughts.count)
        return ["prompt_tokens": .integer(prompt), "completion_tokens": .integer(answer), "total_tokens": .integer(prompt + answer)]
    }

    private func whole(_ plan: Plan, _ visit: StandInGauge.Visit) -> StubResponse {
        defer { visit.leave() }
        var message: [String: JSONValue] = ["role": "assistant", "content": .string(plan.words.joined())]
        if let name = dialect.reasoning, !plan.thoughts.isEmpty { message[name] = .string(plan.thoughts.joined()) }
        return .value([
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": .string(plan.name),
            "choices": [["index": 0, "message": .object(message), "finish_reason": "stop"]], "usage": usage(plan),
        ])
    }
}

// Vectors.
extension StandInOpenAI {
    private func embed(_ call: StubRequest) async -> StubResponse {
        guard let body = call.json, let name = body["model"]?.string else {
            return error(400, "model is required", "invalid_request_error")
        }
        let texts = body["input"]?.string.map { [$0] } ?? body["input"]?.array?.compactMap(\.string) ?? []
        let visit = gauge.enter(name)
        defer { visit.leave() }
        await at(.asked(model: name))
        let (scripted, model) = state.withLock { state in
            state.batches.append(texts)
            return (state.scripted.isEmpty ? nil : state.scripted.removeFirst(), state.models[Self.bare(name)])
        }
        if let scripted { return scripted }
        guard let model else { return error(404, "The model `\(name)` does not exist", "model_not_found") }
        guard model.capabilities.contains("embedding") else { return error(400, "The model does not embed", "invalid_request_error") }
        let rows = texts.enumerated().map { index, text -> JSONValue in
            let vector = model.vector(text).map { JSONValue.number(Double($0)) }
            return ["object": "embedding", "index": .integer(Int64(index)), "embedding": .array(vector)]
        }
        let tokens = JSONValue.integer(Int64(texts.count))
        return .value([
            "object": "list", "data": .array(dialect.shuffles ? rows.reversed() : rows), "model": .string(name),
            "usage": ["prompt_tokens": tokens, "total_tokens": tokens],
        ])
    }
}
