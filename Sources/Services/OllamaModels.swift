/// What an Ollama server has: its list, and for each model what it can do. The latter does not change as long as the weights are the same.
package import JobModel
import Synchronization

extension Ollama {
    /// Cost: one request, and one for each model that was not seen before.
    package func models() async throws(JobFailure) -> [ModelDescription] {
        let answer = try await client.send("GET", "/api/tags", within: Self.listTimeout)
        guard answer.isSuccess else { throw OllamaFailure.of(answer, model: "") }
        guard let rows = answer.json?["models"]?.array else {
            throw .permanent("Ollama's list of models has another form than expected", type: "invalid_answer")
        }
        var models: [ModelDescription] = []
        for row in rows.prefix(Self.maxModels) {
            guard let name = row["name"]?.string ?? row["model"]?.string else { continue }
            let digest = row["digest"]?.string
            var capabilities = Self.capabilities(in: row)
            if capabilities == nil { capabilities = try await self.capabilities(of: name, digest: digest) }
            models.append(ModelDescription(name: Self.tagged(name), digest: digest, capabilities: capabilities))
        }
        return models
    }

    private static let listTimeout = Duration.seconds(10)
    private static let maxModels = 500

    /// A name without a tag means `latest`.
    package static func tagged(_ name: String) -> String {
        name.split(separator: "/").last?.contains(":") == true ? name : name + ":latest"
    }

    private static func capabilities(in json: JSONValue?) -> Set<String>? {
        json?["capabilities"]?.array.map { Set($0.compactMap(\.string)) }
    }

    /// Nil for a model that cannot be described now: one that is being replaced must not hide the others.
    private func capabilities(of name: String, digest: String?) async throws(JobFailure) -> Set<String>? {
        let key = digest ?? name
        if digest != nil, let known = known.of[key] { return known }
        let answer = try await client.send("POST", "/api/show", JSONValue.object(["model": .string(name)]).bytes, within: Self.listTimeout)
        guard answer.isSuccess, let capabilities = Self.capabilities(in: answer.json) else { return nil }
        known.remember(capabilities, of: key)
        return capabilities
    }
}

/// What models can do, by the digest of their weights.
final class KnownCapabilities: Sendable {
    private static let most = 2000
    private let state = Mutex<[String: Set<String>]>([:])

    var of: [String: Set<String>] { state.withLock { $0 } }

    func remember(_ capabilities: Set<String>, of digest: String) {
        state.withLock { state in
            if state.count >= Self.most { state = [:] }
            state[digest] = capabilities
        }
    }
}
