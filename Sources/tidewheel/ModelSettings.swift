/// Model servers, from the settings. What is half set is refused at the start, not at the first job. docs/model-servers.md explains the rules.
import FoundationEssentials
import JobModel
import JobQueue
import Services
import WebFetch

extension Known {
    static let ollamaURL = Setting.addresses(
        "OLLAMA_URL", schemes: ["http", "https"], "Ollama, for answers and embeddings; several separated by commas.")
    static let ollamaKeepAlive = Setting(
        "OLLAMA_KEEP_ALIVE", allowed: "seconds, or a duration such as 10m; negative for ever",
        "How long Ollama keeps a model in memory after its last use; without it Ollama's own rule holds.",
        parse: { ModelSettings.keepAlive($0) })
    static let openAIURL = Setting.addresses(
        "OPENAI_URL", schemes: ["http", "https"],
        "Servers that speak OpenAI's dialect (vLLM, llama.cpp, LiteLLM, OpenAI), with their version: `http://host:8000/v1`.")
    static let openAIKeyFile = Setting.text(
        "OPENAI_API_KEY_FILE", allowed: "a file", "File that holds the API key for OPENAI_URL; read at the start.")
    static let openAIExtraBody = Setting(
        "OPENAI_EXTRA_BODY", allowed: "a JSON object",
        "Merged into every request for an answer at OPENAI_URL, such as `{\"chat_template_kwargs\":{\"enable_thinking\":false}}`.",
        parse: { (try? JSONReader.read($0))?.object })
    static let models = Setting.choice(
        "TIDEWHEEL_MODELS", ["ollama", "openai", "echo"],
        "Who answers: only `ollama`, only `openai`, or `echo`, a stand-in that says so in every result. When empty every server of OLLAMA_URL and OPENAI_URL; without one, `dev` takes the stand-in and a worker does not start."
    )
    static let modelPermits = Setting(
        "TIDEWHEEL_MODEL_PERMITS", allowed: "a number, pairs such as gpu1:11434=4, or both, separated by commas",
        "Requests that a model server gets at once from all workers together: 1 for Ollama and 8 for others when nothing is said.",
        parse: { ModelSettings.permits($0) })
    static let modelSilence = Setting.number(
        "TIDEWHEEL_MODEL_SILENCE_SECONDS", standard: 900, 10...86_400,
        "How long nothing may come of an answer: loading a model and reading a prompt are silent.")
    static let modelMaxTokens = Setting.number(
        "TIDEWHEEL_MODEL_MAX_TOKENS", standard: 8_192, 16...1_000_000, "The longest answer, where a job does not set `num_predict`.")

    static let modelTable: [SettingEntry] = [
        ollamaURL.entry, ollamaKeepAlive.entry, openAIURL.entry, openAIKeyFile.entry, openAIExtraBody.entry, models.entry,
        modelPermits.entry, modelSilence.entry, modelMaxTokens.entry,
    ]
}

struct ModelSettings {
    let settings: Settings

    /// `dev` may take the stand-in.
    var namesAnybody: Bool { settings.isGiven(Known.ollamaURL) || settings.isGiven(Known.openAIURL) || settings.isGiven(Known.models) }

    /// Nil: the stand-in was asked for by name. A real provider is never replaced silently.
    func endpoints(_ fetcher: Fetcher, permits: any PermitPool) throws -> ModelEndpoints? {
        let chosen = settings[optional: Known.models]
        if chosen == "echo" { return nil }
        let all = try providers(fetcher).map { try endpoint($0.provider, at: $0.url, standardPermits: $0.provider is Ollama ? 1 : 8) }
        guard !all.isEmpty else {
            let missing = ["ollama": "OLLAMA_URL", "openai": "OPENAI_URL"][chosen ?? ""] ?? "OLLAMA_URL or OPENAI_URL"
            throw Refusal("There is no model server: set \(missing), or TIDEWHEEL_MODELS=echo for a stand-in without meaning.")
        }
        guard Set(all.map(\.name)).count == all.count else { throw Refusal("OLLAMA_URL and OPENAI_URL name a server twice.") }
        return ModelEndpoints(all, permits: permits)
    }

    /// Every server that is named and not ruled out, with its address; none for the stand-in.
    func providers(_ fetcher: Fetcher) throws -> [(url: String, provider: any ModelProvider)] {
        let chosen = settings[optional: Known.models]
        guard chosen != "echo" else { return [] }
        var all: [(String, any ModelProvider)] = []
        if chosen != "openai" { all += settings[Known.ollamaURL].map { ($0, ollama($0, fetcher)) } }
        if chosen != "ollama" {
            let openAI = try openAISettings()
            all += settings[Known.openAIURL].map { ($0, OpenAICompatible(url: $0, fetcher: fetcher, settings: openAI)) }
        }
        return all
    }

    private func ollama(_ url: String, _ fetcher: Fetcher) -> Ollama {
        var ollama = Ollama.Settings()
        ollama.silence = .seconds(settings[Known.modelSilence])
        ollama.maxTokens = settings[Known.modelMaxTokens]
        ollama.keepAlive = settings[optional: Known.ollamaKeepAlive]
        return Ollama(url: url, fetcher: fetcher, settings: ollama)
    }

    private func openAISettings() throws -> OpenAICompatible.Settings {
        var openAI = OpenAICompatible.Settings()
        openAI.silence = .seconds(settings[Known.modelSilence])
        openAI.maxTokens = settings[Known.modelMaxTokens]
        openAI.extraBody = settings[optional: Known.openAIExtraBody] ?? [:]
        if let path = settings[optional: Known.openAIKeyFile] { openAI.key = try KeyFile.read(path, of: Known.openAIKeyFile.entry.name) }
        return openAI
    }

    private func endpoint(_ provider: any ModelProvider, at url: String, standardPermits: Int) throws -> ModelEndpoint {
        let label = ServiceClient.label(of: url)
        guard !label.isEmpty else { throw Refusal("OLLAMA_URL or OPENAI_URL has an address without a host.") }
        let permits = settings[optional: Known.modelPermits] ?? [:]
        return ModelEndpoint(name: Self.name(label), provider: provider, permits: permits[label] ?? permits["*"] ?? standardPermits)
    }

    /// Permits are counted by this name in the whole fleet: what is loopback here is another server elsewhere.
    private static func name(_ label: String) -> String {
        let isLoopback = label.hasPrefix("127.") || label.hasPrefix("localhost") || label.hasPrefix("[::1]")
        return isLoopback ? "\(ProcessInfo.processInfo.hostName)/\(label)" : label
    }

    /// Seconds, or what Go calls a duration.
    static func keepAlive(_ text: String) -> JSONValue? {
        if let seconds = Int64(text) { return .integer(seconds) }
        let isDuration = text.wholeMatch(of: /-?([0-9]+(\.[0-9]+)?(ms|s|m|h))+/) != nil
        return isDuration ? .string(text) : nil
    }

    /// By host and port; the bare number as `*`.
    static func permits(_ text: String) -> [String: Int]? {
        var permits: [String: Int] = [:]
        for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            let name = pair.count == 2 ? String(pair[0]) : "*"
            guard (1...2).contains(pair.count), !name.isEmpty, let count = Int(pair[pair.count - 1]), (1...10_000).contains(count),
                permits[name] == nil
            else { return nil }
            permits[name] = count
        }
        return permits
    }
}
