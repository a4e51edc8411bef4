internal import JobModel

/// Several models that are asked the same thing side by side: which ones, and what becomes of those that fail.
package struct ModelPanel: Sendable {
    package static let most = 10
    /// Asked where a job names none.
    package var models: [String]
    /// What of a conversation is sent along, at most.
    package var historyTokens: Int

    package init(models: [String] = ["llama3.2", "qwen3", "mistral"], historyTokens: Int = 2_000) {
        self.models = models
        self.historyTokens = historyTokens
    }

    /// Each once, in the order they were named; `m` and `m:latest` are one.
    func models(for input: JSONValue) -> [String] {
        let named = input["models"]?.array?.compactMap(\.string) ?? []
        var seen: Set<String> = []
        return (named.isEmpty ? models : named).filter { seen.insert(ModelName.plain($0)).inserted }
    }

    static func count(_ input: JSONValue) -> Int {
        let named = Set((input["models"]?.array?.compactMap(\.string) ?? []).map(ModelName.plain))
        return named.isEmpty ? 3 : named.count
    }
}

/// What became of one model of a panel.
struct PanelAnswer: Sendable {
    let model: String
    let outcome: Result<JSONValue, JobFailure>
}

extension ModelPanel {
    /// Asks all of them at once and is told of each end in turn. Answers are in the order of the names. Throws where the job must stop, or where
    /// every model failed: with the failure that they share, or with each one's.
    static func ask(
        _ models: [String], _ body: @escaping @Sendable (String) async throws(JobFailure) -> JSONValue,
        onEnd: (PanelAnswer, _ ended: Int) async throws(JobFailure) -> Void = { (_, _) throws(JobFailure) in }
    ) async throws(JobFailure) -> [PanelAnswer] {
        let ended = await withTaskGroup(of: PanelAnswer.self) { group -> Result<[PanelAnswer], JobFailure> in
            for model in models {
                group.addTask {
                    do throws(JobFailure) { return PanelAnswer(model: model, outcome: .success(try await body(model))) } catch {
                        return PanelAnswer(model: model, outcome: .failure(error))
                    }
                }
            }
            var ended: [PanelAnswer] = []
            do throws(JobFailure) {
                for await answer in group {
                    if case .failure(let failure) = answer.outcome, failure.mustStop { throw failure }
                    // A model whose connection was closed by our own stop did not fail.
                    if Task.isCancelled { throw .cancelled }
                    ended.append(answer)
                    try await onEnd(answer, ended.count)
                }
                return .success(ended)
            } catch {
                group.cancelAll()
                return .failure(error)
            }
        }
        let answers = try ended.get()
        if let failure = failure(ofAll: answers.compactMap(\.failure), models.count) { throw failure }
        return models.compactMap { name in answers.first { $0.model == name } }
    }

    private static func failure(ofAll failed: [(model: String, failure: JobFailure)], _ count: Int) -> JobFailure? {
        guard failed.count == count, let first = failed.first?.failure else { return nil }
        if failed.allSatisfy({ $0.failure.message == first.message }) { return first }
        let message = failed.sorted { $0.model < $1.model }.map { "\($0.model): \($0.failure.message)" }.joined(separator: "; ")
        let isWorthRetrying = failed.contains { if case .retry = $0.failure.verdict { true } else { false } }
        let type = failed.allSatisfy { $0.failure.type == first.type } ? first.type : "all_models_failed"
        return isWorthRetrying ? .retry(message, type: type) : .permanent(message, type: type)
    }
}

extension PanelAnswer {
    var value: JSONValue? { try? outcome.get() }

    var failure: (model: String, failure: JobFailure)? {
        if case .failure(let failure) = outcome { (model, failure) } else { nil }
    }

    /// As results tell of it.
    var failed: JSONValue? {
        failure.map { ["model": .string($0.model), "error": .string($0.failure.message), "error_type": .string($0.failure.type)] }
    }
}

extension JobFailure {
    /// It is about the job, not about what a model said.
    var mustStop: Bool {
        switch verdict {
        case .cancelled, .lost, .handBack: true
        case .retry, .permanent: false
        }
    }
}
