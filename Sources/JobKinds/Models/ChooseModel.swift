/// Which model is asked: the one that was named, or by `ModelRouting` where the job says `auto`.
import JobLedger
import JobModel
import Logging
import PostgresWire

/// A model, and what its server says of it.
struct ChosenModel: Sendable {
    static let auto = "auto"

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

    /// `needs`: capabilities as `ModelDescription` has them. A model that is known to lack one is refused before it is asked.
    func choose(
        _ wanted: String, needing needs: Set<String>, for kind: String, _ category: String, in context: JobContext
    ) async throws(JobFailure) -> ChosenModel {
        if wanted == ChosenModel.auto { return try await route(needs, kind, category, context) }
        let listing: [ModelDescription]
        do throws(JobFailure) { listing = try await directory.list() } catch {
            if error.verdict == .cancelled { throw error }
            return ChosenModel(name: ModelName.plain(wanted), digest: nil, isLookedUp: false, routing: nil)
        }
        let found = listing.first { ModelName.plain($0.name) == ModelName.plain(wanted) }
        if let found, let lacking = needs.subtracting(found.capabilities ?? needs).sorted().first {
            throw refusal(of: found, lacking, among: listing)
        }
        return ChosenModel(name: ModelName.plain(wanted), digest: found?.digest, isLookedUp: true, routing: nil)
    }

    private func refusal(of model: ModelDescription, _ lacking: String, among listing: [ModelDescription]) -> JobFailure {
        let able = listing.filter { $0.capabilities?.contains(lacking) == true }.map { ModelName.plain($0.name) }
        let hint = able.isEmpty ? "no model here can" : "these can: \(able.prefix(20).joined(separator: ", "))"
        return .permanent("The model \(ModelName.plain(model.name)) is not able to do this (\(lacking)); \(hint)", type: "model_unable")
    }

    private func route(
        _ needs: Set<String>, _ kind: String, _ category: String, _ context: JobContext
    ) async throws(JobFailure) -> ChosenModel {
        let able = try await directory.list().filter { needs.isSubset(of: $0.capabilities ?? needs) }
        let names = able.map { ModelName.plain($0.name) }
        let routing = ModelRouting(among: names, known: await known(names, kind, context), kind: kind, category: category)
        guard let routing else {
            throw .permanent(
                "\(provider.name) has no model that can do this (\(needs.sorted().joined(separator: ", "))): add one, or name a model",
                type: "no_model")
        }
        let chosen = able.first { ModelName.plain($0.name) == routing.chosen.model }
        return ChosenModel(name: routing.chosen.model, digest: chosen?.digest, isLookedUp: true, routing: routing.document)
    }

    /// Without PostgreSQL the choice is made without knowledge.
    private func known(_ names: [String], _ kind: String, _ context: JobContext) async -> [ModelPerformance] {
        do throws(PostgresError) { return try await ledger.performance(models: names, kind: kind) } catch {
            context.logger.warning("How models do is not known: one is chosen without", metadata: ["error": "\(error)"])
            return []
        }
    }
}
