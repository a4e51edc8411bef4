/// Which models are asked, one after the other until one answers: the one that was named, or by `ModelRouting` where the job says `auto`.
import JobLedger
import JobModel
import Logging
import PostgresWire

/// A model, and what its server says of it.
struct ChosenModel: Sendable {
    static let auto = "auto"
    /// Where one that `auto` chose fails, so many others are tried.
    static let mostTried = 3

    /// Without `:latest`.
    let name: String
    /// Of its weights; nil where its server does not say.
    let digest: String?
    /// False: the server could not be asked which models it has, so nobody knows whether this one is what it was.
    let isLookedUp: Bool
    /// Why it was chosen; nil where it was named.
    let routing: JSONValue?
}

struct ChooseModel: Sendable {
    let directory: ModelDirectory
    let provider: any ModelProvider
    let ledger: JobLedger

    /// Best first, never empty. `needs`: capabilities as `ModelDescription` has them. A model that is known to lack one is refused before it is asked.
    func candidates(
        _ wanted: String, needing needs: Set<String>, for kind: String, _ category: String, in context: JobContext
    ) async throws(JobFailure) -> [ChosenModel] {
        if wanted == ChosenModel.auto { return try await route(needs, kind, category, context) }
        return [try await named(wanted, needing: needs)]
    }

    func named(_ wanted: String, needing needs: Set<String>) async throws(JobFailure) -> ChosenModel {
        let listing: [ModelDescription]
        do throws(JobFailure) { listing = try await directory.list() } catch {
            if error.verdict == .cancelled { throw error }
            return ChosenModel(name: ModelName.plain(wanted), digest: nil, isLookedUp: false, routing: nil)
        }
        let names = [wanted, Self.withoutServer(wanted)].map(ModelName.plain)
        let found = names.lazy.compactMap { name in listing.first { ModelName.plain($0.name) == name } }.first
        if let found, let lacking = needs.subtracting(found.capabilities ?? needs).sorted().first {
            throw refusal(of: found, lacking, among: listing)
        }
        return ChosenModel(name: ModelName.plain(wanted), digest: found?.digest, isLookedUp: true, routing: nil)
    }

    /// `ollama/<model>` is the model at servers of that sort.
    private static func withoutServer(_ name: String) -> String {
        let parts = name.split(separator: "/", maxSplits: 1)
        return parts.count == 2 && ["ollama", "openai"].contains(parts[0]) ? String(parts[1]) : name
    }

    private func refusal(of model: ModelDescription, _ lacking: String, among listing: [ModelDescription]) -> JobFailure {
        let able = listing.filter { $0.capabilities?.contains(lacking) == true }.map { ModelName.plain($0.name) }
        let hint = able.isEmpty ? "no model here can" : "these can: \(able.prefix(20).joined(separator: ", "))"
        return .permanent("The model \(ModelName.plain(model.name)) is not able to do this (\(lacking)); \(hint)", type: "model_unable")
    }

    private func route(
        _ needs: Set<String>, _ kind: String, _ category: String, _ context: JobContext
    ) async throws(JobFailure) -> [ChosenModel] {
        let able = try await directory.list().filter { needs.isSubset(of: $0.capabilities ?? Self.guess($0, needs)) }
        let names = able.map { ModelName.plain($0.name) }
        let routing = ModelRouting(among: names, known: await known(names, kind, context), kind: kind, category: category)
        guard let routing else {
            throw .permanent(
                "\(provider.name) has no model that can do this (\(needs.sorted().joined(separator: ", "))): add one, or name a model",
                type: "no_model")
        }
        return routing.candidates.prefix(ChosenModel.mostTried).map { candidate in
            let found = able.first { ModelName.plain($0.name) == candidate.model }
            return ChosenModel(name: candidate.model, digest: found?.digest, isLookedUp: true, routing: routing.document)
        }
    }

    /// Where a server does not say what a model can do: its name tells those that only embed.
    private static func guess(_ model: ModelDescription, _ needs: Set<String>) -> Set<String> {
        model.name.lowercased().contains("embed") ? ["embedding"] : needs
    }

    /// Without PostgreSQL the choice is made without knowledge.
    private func known(_ names: [String], _ kind: String, _ context: JobContext) async -> [ModelPerformance] {
        do throws(PostgresError) { return try await ledger.performance(models: names, kind: kind) } catch {
            context.logger.warning("How models do is not known: one is chosen without", metadata: ["error": "\(error)"])
            return []
        }
    }
}
