/// What a process knows of each model server: its models, and whether it answers. A server that failed is left alone for a while, longer each time.
package import JobModel
import Synchronization

package struct EndpointHealth: Sendable {
    let index: Int
    package let name: String
    /// `ollama`, `openai`.
    package let kind: String
    package let permits: Int
    package let models: Int?
    /// Nil when it answers.
    package let trouble: String?
}

final class EndpointBook: Sendable {
    private struct State {
        var failures = 0
        var awayUntil: ContinuousClock.Instant?
        /// Why it is away.
        var failure: JobFailure?
        /// The last list; kept while the server is away.
        var models: [ModelDescription]?
        var listedAt: ContinuousClock.Instant?
        /// One list is asked for at a time.
        var listing: Task<Result<[ModelDescription], JobFailure>, Never>?
    }

    private static let freshness = Duration.seconds(30)
    /// A model that is not found may have come since; a list younger than this is believed.
    private static let leastAge = Duration.seconds(2)
    private static let longestPause = Duration.seconds(60)
    private let endpoints: [ModelEndpoint]
    /// After the first failure; each further one doubles it.
    private let firstPause: Duration
    private let states: Mutex<[State]>

    init(_ endpoints: [ModelEndpoint], firstPause: Duration) {
        self.endpoints = endpoints
        self.firstPause = firstPause
        states = Mutex(endpoints.map { _ in State() })
    }

    /// Those that are not away, or all of them when every one is, the one that has been left alone longest first.
    func preferred(_ indices: [Int]) -> [Int] {
        let now = ContinuousClock.now
        return states.withLock { states in
            let present = indices.filter { index in states[index].awayUntil.map { $0 <= now } ?? true }
            return present.isEmpty ? indices.sorted { (states[$0].awayUntil ?? now) < (states[$1].awayUntil ?? now) } : present
        }
    }

    func noteSuccess(of index: Int) {
        states.withLock { ($0[index].failures, $0[index].awayUntil, $0[index].failure) = (0, nil, nil) }
    }

    func noteFailure(of index: Int, _ failure: JobFailure) {
        states.withLock { states in
            let pause = firstPause * (1 << min(states[index].failures, 6))
            states[index].failures += 1
            states[index].failure = failure
            states[index].awayUntil = .now + min(pause, max(firstPause, Self.longestPause))
        }
    }

    func forgetModels(of index: Int) {
        states.withLock { $0[index].listedAt = nil }
    }

    /// Asks the server whether it answers, and notes it.
    func probe(_ index: Int) async -> EndpointHealth {
        let endpoint = endpoints[index]
        let trouble = await endpoint.provider.trouble()
        if trouble == nil { noteSuccess(of: index) }
        let models = trouble == nil ? try? await self.models(of: index).count : nil
        return EndpointHealth(
            index: index, name: endpoint.name, kind: endpoint.provider.name, permits: endpoint.permits, models: models, trouble: trouble)
    }
}

// Lists.
extension EndpointBook {
    /// At most `freshness` old.
    func models(of index: Int, notOlderThan age: Duration = EndpointBook.freshness) async throws(JobFailure) -> [ModelDescription] {
        let (known, listing) = states.withLock { states -> ([ModelDescription]?, Task<Result<[ModelDescription], JobFailure>, Never>?) in
            if let models = states[index].models, let listedAt = states[index].listedAt, .now - listedAt < age { return (models, nil) }
            if let listing = states[index].listing { return (nil, listing) }
            let listing = Task { await self.list(index) }
            states[index].listing = listing
            return (nil, listing)
        }
        if let known { return known }
        return try await listing?.value.get() ?? []
    }

    private func list(_ index: Int) async -> Result<[ModelDescription], JobFailure> {
        let result: Result<[ModelDescription], JobFailure>
        do throws(JobFailure) { result = .success(try await endpoints[index].provider.models()) } catch { result = .failure(error) }
        states.withLock { states in
            states[index].listing = nil
            guard case .success(let models) = result else { return }
            (states[index].models, states[index].listedAt) = (models, .now)
        }
        if case .failure(let failure) = result { noteFailure(of: index, failure) }
        return result
    }

    /// The servers that list the model. A server that is away counts by its last list, and is asked only where nobody else has the model. None: a failure that says what there is, if one must be found,
    /// and one to try again while a server does not tell.
    func holders(of model: String, mustFind: Bool) async throws(JobFailure) -> [Int] {
        var failure: JobFailure?
        for (age, asksUnknown) in [(Self.freshness, false), (Self.leastAge, true)] {
            failure = nil
            var found: [Int] = []
            for index in endpoints.indices {
                let list: [ModelDescription]
                do throws(JobFailure) { list = try await listed(index, age, asksUnknown: asksUnknown) } catch {
                    failure = failure ?? error
                    list = states.withLock { $0[index].models } ?? []
                }
                if list.contains(where: { names($0.name, model, at: index) }) { found.append(index) }
            }
            if !found.isEmpty { return found }
        }
        guard mustFind else { return [] }
        if let failure { throw failure }
        let there = states.withLock { states in Set(states.flatMap { $0.models ?? [] }.map(\.name)) }.sorted().prefix(20)
        throw .permanent(
            "No model server has the model \(model.prefix(200)); there are: \(there.joined(separator: ", "))", type: "model_not_found")
    }

    /// A server that is away is not asked before its time: each look could cost a timeout. Without a list it fails as it did last, or is asked
    /// after all.
    func listed(
        _ index: Int, _ age: Duration = EndpointBook.freshness, asksUnknown: Bool
    ) async throws(JobFailure) -> [ModelDescription] {
        let state = states.withLock { $0[index] }
        guard let awayUntil = state.awayUntil, awayUntil > .now else { return try await models(of: index, notOlderThan: age) }
        if let models = state.models { return models }
        if let failure = state.failure, !asksUnknown { throw failure }
        return try await models(of: index, notOlderThan: age)
    }

    private func names(_ listed: String, _ model: String, at index: Int) -> Bool {
        listed == model || endpoints[index].provider.name == "ollama" && Ollama.tagged(listed) == Ollama.tagged(model)
    }
}
