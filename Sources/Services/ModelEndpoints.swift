/// Several model servers as one provider: each request goes to a server that has the model, answers, and has a permit to give.
/// `EndpointBook` remembers what is known of each; permits are counted over the whole fleet by whoever implements `PermitPool`.
package import JobModel

/// One model server.
package struct ModelEndpoint: Sendable {
    /// Host and port: as health pages show it, and the name of its permits in the whole fleet.
    package let name: String
    package let provider: any ModelProvider
    /// Requests at once, of all workers together.
    package let permits: Int

    package init(name: String, provider: any ModelProvider, permits: Int) {
        self.name = name
        self.provider = provider
        self.permits = permits
    }
}

package final class ModelEndpoints: ModelProvider {
    package let name: String
    package let isStandIn = false

    let endpoints: [ModelEndpoint]
    package var servers: [ModelEndpoint] { endpoints }
    let book: EndpointBook
    private let permits: any PermitPool

    /// In the order of preference.
    package init(_ endpoints: [ModelEndpoint], permits: any PermitPool, firstPause: Duration = .seconds(1)) {
        self.endpoints = endpoints
        self.permits = permits
        book = EndpointBook(endpoints, firstPause: firstPause)
        name = endpoints.first?.provider.name ?? "none"
    }

    package func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        var hasSpoken = false
        return try await ask(request.model, isRepeatable: { !hasSpoken }) { (provider, model) throws(JobFailure) in
            var request = request
            request.model = model
            return try await provider.answer(request) { (piece) throws(JobFailure) in
                hasSpoken = true
                try await onPiece(piece)
            }
        }
    }

    package func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        guard !texts.isEmpty else { return [] }
        return try await ask(model, isRepeatable: { true }) { (provider, model) throws(JobFailure) in
            try await provider.embed(texts, model: model)
        }
    }

    /// What all of them have, each name once; those that do not answer are left out unless none does.
    package func models() async throws(JobFailure) -> [ModelDescription] {
        var failure: JobFailure?
        for asksUnknown in [false, true] {
            failure = nil
            var models: [ModelDescription] = []
            var names: Set<String> = []
            for index in endpoints.indices {
                do throws(JobFailure) {
                    for model in try await book.listed(index, asksUnknown: asksUnknown) where names.insert(model.name).inserted {
                        models.append(model)
                    }
                } catch { failure = failure ?? error }
            }
            if !models.isEmpty { return models }
        }
        if let failure { throw failure }
        return []
    }

    package func trouble() async -> String? {
        let states = await health()
        return states.contains { $0.trouble == nil } ? nil : states.first?.trouble ?? "There is no model server"
    }

    /// Asks each of them now.
    package func health() async -> [EndpointHealth] {
        await withTaskGroup(of: EndpointHealth.self) { group in
            for index in endpoints.indices { group.addTask { await self.book.probe(index) } }
            var all: [EndpointHealth] = []
            for await one in group { all.append(one) }
            return all.sorted { $0.index < $1.index }
        }
    }
}

// Choosing.
extension ModelEndpoints {
    /// Asks one server after the other until one answers: those that are away come last, and one that has begun to speak is the last one.
    private func ask<Value>(
        _ model: String, isRepeatable: () -> Bool, _ question: (any ModelProvider, String) async throws(JobFailure) -> Value
    ) async throws(JobFailure) -> Value {
        let choice = try await EndpointChoice(of: model, among: self)
        var left = choice.candidates
        while true {
            let (index, holder) = try await permit(among: left)
            defer { if let holder { permits.giveBack(endpoints[index].name, of: endpoints[index].permits, for: holder) } }
            left.removeAll { $0 == index }
            do throws(JobFailure) {
                let value = try await question(endpoints[index].provider, choice.name)
                book.noteSuccess(of: index)
                return value
            } catch {
                if error.meansAway { book.noteFailure(of: index, error) }
                if error.type == "model_not_found" { book.forgetModels(of: index) }
                guard error.mayPassElsewhere, isRepeatable(), !left.isEmpty else { throw error }
            }
        }
    }

    /// A permit of the first server that has one free; otherwise of the one with the shortest line, once it is there. Outside of an attempt nobody
    /// counts.
    private func permit(among candidates: [Int]) async throws(JobFailure) -> (Int, PermitHolder?) {
        let preferred = book.preferred(candidates)
        guard let caller = ModelCaller.current else { return (preferred[0], nil) }
        let holder = caller.nextHolder()
        var shortest = preferred[0]
        if preferred.count > 1 {
            var length = Int.max
            for index in preferred {
                guard let place = await permits.tryTake(endpoints[index].name, of: endpoints[index].permits, for: holder) else {
                    return (index, holder)
                }
                if place < length { (shortest, length) = (index, place) }
            }
        }
        try await permits.take(endpoints[shortest].name, of: endpoints[shortest].permits, for: holder)
        return (shortest, holder)
    }
}

extension JobFailure {
    /// Nobody can be helped there now.
    fileprivate var meansAway: Bool { ["unreachable", "timeout", "http_502", "http_504"].contains(type) }

    /// Another server that has the model may do it.
    fileprivate var mayPassElsewhere: Bool {
        meansAway || ["http_500", "http_503", "http_429", "model_not_found", "incomplete_answer"].contains(type)
    }
}

/// Which servers may be asked for a model, and under which name.
struct EndpointChoice {
    let candidates: [Int]
    /// As the candidates know it.
    let name: String

    /// A name that a server lists goes to the servers that list it. `ollama/<model>` and `openai/<model>` go to servers of that kind, whatever they
    /// list. With one server other names are not looked up: it says itself what it has.
    init(of model: String, among all: ModelEndpoints) async throws(JobFailure) {
        let parts = model.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let ofKind = parts.count < 2 ? [] : all.endpoints.indices.filter { all.endpoints[$0].provider.name == parts[0] }
        if all.endpoints.count == 1, ofKind.isEmpty {
            (candidates, name) = ([0], model)
            return
        }
        // Before the prefix: there are models whose own names begin like it (`openai/gpt-oss-20b`).
        let listing = try await all.book.holders(of: model, mustFind: ofKind.isEmpty)
        (candidates, name) = listing.isEmpty ? (ofKind, parts[1]) : (listing, model)
    }
}
