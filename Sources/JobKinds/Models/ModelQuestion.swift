/// A question to a model, as the cache sees it: what decides the answer, and the part of it that may be compared by meaning.
import JobModel

enum CacheMode: String, CaseIterable, Sendable {
    case off, exact, semantic

    /// Without a word equal requests share an answer, unless the options ask for another one each time: a temperature without a seed.
    init(_ given: JSONValue?, _ options: ModelOptions) {
        let wantsVariety = (options["temperature"]?.number ?? 0) > 0 && options["seed"] == nil
        self = given?.string.flatMap(CacheMode.init) ?? (wantsVariety ? .off : .exact)
    }
}

struct ModelQuestion: Sendable {
    /// Grows when what is kept of an answer changes: older answers are not found any more then.
    private static let version: Int64 = 1

    let kind: String
    let model: ChosenModel
    let category: String
    let mode: CacheMode
    /// Normalised: it is what is embedded.
    let prompt: String
    let scope: String
    let key: String

    /// `rest` is everything but the prompt that the answer depends on.
    init(kind: String, model: ChosenModel, provider: String, category: String, mode: CacheMode, prompt: String, rest: [String: JSONValue]) {
        self.kind = kind
        self.model = model
        self.category = category
        self.mode = mode
        self.prompt = Self.normalised(prompt)
        var identity = rest
        identity["kind"] = .string(kind)
        identity["model"] = .string(model.name)
        identity["digest"] = .string(model.digest ?? "")
        identity["provider"] = .string(provider)
        identity["version"] = .integer(Self.version)
        scope = Digest.sha256(JSONValue.object(identity).bytes)
        key = Digest.sha256("\(scope)\n\(self.prompt)")
    }

    var place: ModelPlace { ModelPlace(model: model.name, kind: kind, category: category) }

    /// Line ends and what surrounds the text change no answer.
    static func normalised(_ text: String) -> String {
        let text = text.replacing("\r\n", with: "\n")
        let isSpace = { (character: Character) in character.isWhitespace }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}

extension ModelRequest {
    /// The last words, and everything else that the answer depends on.
    var parts: (prompt: String, rest: [String: JSONValue]) {
        var rest: [String: JSONValue] = [
            "options": .object(options.values.mapValues(\.plainNumber)), "think": thinking.word, "format": format ?? .null,
        ]
        switch task {
        case .prompt(let prompt, let system):
            rest["system"] = system.map { .string(ModelQuestion.normalised($0)) } ?? .null
            return (prompt, rest)
        case .chat(let messages):
            rest["before"] = .array(
                messages.dropLast().map { [.string($0.role.rawValue), .string(ModelQuestion.normalised($0.content))] })
            rest["role"] = .string(messages.last?.role.rawValue ?? "")
            return (messages.last?.content ?? "", rest)
        }
    }
}

extension Thinking {
    fileprivate var word: JSONValue {
        switch self {
        case .off: false
        case .on: true
        case .level(let level): .string(level)
        }
    }
}

extension JSONValue {
    /// 1 and 1.0 are one option.
    fileprivate var plainNumber: JSONValue {
        if case .number(let value) = self, let whole = Int64(exactly: value) { .integer(whole) } else { self }
    }
}
