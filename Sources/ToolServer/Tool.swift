internal import JobModel

/// One tool: what a model is told of it, and what it does. Tools stand in `ToolTable`; each group has a file in `Tools`.
struct Tool: Sendable {
    let name: String
    let title: String
    /// Written for a model: when to use it, and what to call next.
    let description: String
    let input: ArgumentShape
    /// JSON Schema of what `run` answers: always an object, because older clients take nothing else.
    let output: JSONValue
    let nature: ToolNature
    /// Which arguments of a call are part of a job's input, though options have their names.
    var inputs: @Sendable (_ arguments: [String: JSONValue], _ kinds: [KindInfo]) -> Set<String> = { _, _ in [] }
    let run: @Sendable (ToolCall) async throws(ToolFault) -> ToolAnswer

    /// As tools/list tells it.
    var document: JSONValue {
        [
            "name": .string(name), "title": .string(title), "description": .string(description), "inputSchema": input.schema,
            "outputSchema": output, "annotations": nature.annotations(title),
        ]
    }
}

/// What a tool does to the world. `submit` adds a job; `change` alters or removes what was there.
enum ToolNature: Sendable {
    case look
    case submit(reachesOut: Bool)
    case change(destroys: Bool, repeats: Bool)

    var submits: Bool {
        if case .submit = self { true } else { false }
    }

    func annotations(_ title: String) -> JSONValue {
        let (isReadOnly, destroys, repeats, reachesOut) =
            switch self {
            case .look: (true, false, true, false)
            case .submit(let reachesOut): (false, false, false, reachesOut)
            case .change(let destroys, let repeats): (false, destroys, repeats, false)
            }
        return [
            "title": .string(title), "readOnlyHint": .boolean(isReadOnly), "destructiveHint": .boolean(destroys),
            "idempotentHint": .boolean(repeats), "openWorldHint": .boolean(reachesOut),
        ]
    }
}

/// One call on its way.
struct ToolCall: Sendable {
    var arguments: [String: JSONValue]
    let door: any APIDoor
    let kinds: [KindInfo]
    /// Hears how far a job is while the tool waits for it.
    var progress: ProgressTeller?
    var traceparent: String?
    /// The answer is held back while the tool waits, and nothing tells the other end that it is on its way.
    var isHeld = false

    func text(_ name: String) -> String? { arguments[name]?.string }

    /// Seconds that the caller is ready to wait; 0 without a word.
    var waitSeconds: Int { min(arguments[WaitField.name]?.integer ?? 0, isHeld ? WaitField.longestHeld : WaitField.longest) }

    /// What the API answers to a request; its refusal is the tool's.
    func ask(_ request: DoorRequest) async throws(ToolFault) -> DoorAnswer {
        let answer: DoorAnswer
        do throws(APIAway) { answer = try await door.ask(request) } catch { throw ToolFault(away: error) }
        guard answer.status < 400 else { throw ToolFault(answer) }
        return answer
    }

    func get(_ segments: String..., query: [(String, String?)] = []) async throws(ToolFault) -> JSONValue {
        var request = DoorRequest("GET", segments: segments)
        request.query = query.compactMap { name, value in value.map { (name: name, value: $0) } }
        return try await ask(request).body
    }
}

struct ToolAnswer: Sendable {
    /// For the model to act on.
    let text: String
    /// The same for programs: fits the tool's output schema, unless this is an error.
    let content: [String: JSONValue]
    /// The tool did what it should, and that is bad news: a job that failed.
    var isError = false
    /// The job that this call submitted.
    var submitted: String?
    /// Seconds after which to ask for it, as the API says.
    var retryAfter: String?

    init(_ text: String, _ content: [String: JSONValue]) {
        self.text = text
        self.content = content
    }

    func adding(_ sentence: String) -> ToolAnswer {
        var copy = ToolAnswer(text + "\n\n" + sentence, content)
        copy.isError = isError
        copy.submitted = submitted
        copy.retryAfter = retryAfter
        return copy
    }

    var result: [String: JSONValue] {
        [
            "content": [["type": "text", "text": .string(text)]], "structuredContent": .object(content), "isError": .boolean(isError),
        ]
    }
}

/// Why a tool could not do it: a problem document, told to a model.
struct ToolFault: Error, Sendable {
    let status: Int
    let problem: JSONValue
    /// What the model can do now, where the document does not say it.
    var advice: String?

    init(status: Int, type: String, title: String, detail: String, _ more: [String: JSONValue] = [:]) {
        self.status = status
        let document: [String: JSONValue] = [
            "type": .string("urn:tidewheel:problem:" + type), "title": .string(title), "status": .integer(Int64(status)),
            "detail": .string(detail),
        ]
        problem = .object(document.merging(more) { own, _ in own })
    }

    /// Nobody hears it: whoever called has gone.
    static let givenUp = ToolFault(status: 499, type: "given-up", title: "The call was given up", detail: "The job goes on.")

    init(_ answer: DoorAnswer) {
        status = answer.status
        problem = answer.body.object == nil ? ["title": .string("The API answered with status \(answer.status)")] : answer.body
        advice = answer.headers["retry-after"].map { "Repeat the call in \($0) s." }
    }

    init(away: APIAway) {
        self.init(status: 503, type: "unavailable", title: "The API cannot be reached", detail: away.detail)
    }

    init(_ faults: [InputShape.Fault]) {
        let list = faults.map { JSONValue.object(["pointer": .string($0.pointer), "detail": .string($0.detail)]) }
        self.init(
            status: 422, type: "invalid-input", title: "Invalid input", detail: "The arguments do not fit; `errors` says where.",
            ["errors": .array(list)])
    }

    var type: String { problem["type"]?.string?.split(separator: ":").last.map(String.init) ?? "" }

    var faults: [InputShape.Fault] {
        (problem["errors"]?.array ?? []).map {
            InputShape.Fault(pointer: $0["pointer"]?.string ?? $0["parameter"]?.string ?? "#", detail: $0["detail"]?.string ?? "")
        }
    }

    func advised(_ advice: String) -> ToolFault {
        var copy = self
        copy.advice = advice
        return copy
    }

    /// The faults in words of the caller: pointers are renamed.
    func renaming(_ rename: (String) -> String) -> ToolFault {
        guard !faults.isEmpty, var document = problem.object else { return self }
        document["errors"] = .array(
            faults.map { ["pointer": .string(rename($0.pointer)), "detail": .string($0.detail)] })
        return ToolFault(status: status, problem: .object(document), advice: advice)
    }

    private init(status: Int, problem: JSONValue, advice: String?) {
        self.status = status
        self.problem = problem
        self.advice = advice
    }

    var text: String {
        let sentence = [problem["title"]?.string, problem["detail"]?.string].compactMap(\.self).joined(separator: ": ")
        let errors = faults.map { "- \($0.pointer.hasPrefix("#/") ? String($0.pointer.dropFirst(2)) : $0.pointer): \($0.detail)" }
        let known = (problem["known_kinds"]?.array ?? []).compactMap(\.string)
        let kinds = known.isEmpty ? [] : ["Known kinds: \(known.joined(separator: ", "))."]
        return (["❌ \(sentence)"] + errors + kinds + [advice].compactMap(\.self)).joined(separator: "\n")
    }

    var result: [String: JSONValue] {
        ["content": [["type": "text", "text": .string(text)]], "isError": true]
    }
}
