internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /feedback`: what an answer of a model was worth. Names of clients of Ollama queues (`modelName` …) are taken too.
extension Reception {
    func giveFeedback(_ exchange: Exchange) async throws -> Response {
        let (body, words) = try ClientWords.ours(try await BodyReader.object(of: exchange.request))
        let kinds = desk.catalogue.kinds.filter { $0.queue == FeedbackBody.queue }.map(\.name)
        do throws(Problem) {
            let fields = try SubmitJob.accept(body, FeedbackBody.shape(kinds))
            let job = try await meant(fields)
            let feedback = try FeedbackBody.feedback(fields, of: job)
            let outcome = try await give(feedback, job)
            return Response(FeedbackBody.receipt(feedback, outcome.uncached, outcome.performance), status: .created)
        } catch {
            throw words.inClients(error)
        }
    }

    /// The job that is named; it must have an answer.
    private func meant(_ fields: [String: JSONValue]) async throws(Problem) -> Job? {
        guard let text = fields["job_id"]?.string else { return nil }
        guard let id = JobID(text) else { throw .unknownJob }
        let job: Job
        do throws(DeskError) { job = try await desk.read(id) } catch { throw Problem(error) }
        guard job.state.isTerminal else { throw .notFinished(job) }
        guard job.state == .completed else { throw .withoutResult(job) }
        return job
    }

    private func give(_ feedback: ModelFeedback, _ job: Job?) async throws(Problem) -> (uncached: Int, performance: ModelPerformance?) {
        do throws(DeskError) {
            return try await desk.give(feedback, cacheKey: job?.result?["cache"]?["key"]?.string)
        } catch { throw Problem(error) }
    }
}

enum FeedbackBody {
    static let queue = "models"

    static func shape(_ kinds: [String]) -> InputShape {
        InputShape([
            .init("score", .number(-1...1), required: true, "-1 (terrible) to 1 (excellent)"),
            .init("job_id", .text(maxLength: 100), "the job whose answer is meant"),
            .init("model", .text(maxLength: 200), "the model that answered"),
            .init("kind", .choice(kinds), "what it was asked for"),
            .init("prompt", .text(maxLength: 900_000), "what it was asked"),
            .init("reason", .text(maxLength: ModelFeedback.maxReasonBytes), "why"),
            .init("task_category", .text(maxLength: 100), "what sort of task it was"),
        ])
    }

    /// What the job does not say must be said.
    static func feedback(_ fields: [String: JSONValue], of job: Job?) throws(Problem) -> ModelFeedback {
        var faults: [InputShape.Fault] = []
        func known(_ name: String, _ own: String?) -> String {
            let given = fields[name]?.string
            if let given, let own, ModelName.plain(given) != ModelName.plain(own) {
                faults.append(.init(pointer: "#/\(name)", detail: "is not the job's, which is \(own)"))
            } else if given == nil, own == nil {
                let why = job == nil ? "is required without job_id" : "is required: the job asked several models"
                faults.append(.init(pointer: "#/\(name)", detail: why))
            }
            return given ?? own ?? ""
        }
        let model = known("model", job?.result?["model"]?.string)
        let kind = known("kind", job?.kind)
        guard faults.isEmpty else { throw .invalid(faults) }
        let category = fields["task_category"]?.string ?? job?.input["task_category"]?.string ?? ModelPlace.generalCategory
        var feedback = ModelFeedback(model: model, kind: kind, category: category, score: fields["score"]?.number ?? 0)
        feedback.reason = fields["reason"]?.string
        feedback.jobID = job?.id
        feedback.prompt = (fields["prompt"]?.string ?? job?.input["prompt"]?.string).map(beginning)
        return feedback
    }

    private static func beginning(_ text: String) -> String {
        var bytes = 0
        return String(
            text.unicodeScalars.prefix { scalar in
                bytes += UTF8.width(scalar)
                return bytes <= ModelFeedback.maxPromptBytes
            })
    }

    static func receipt(_ feedback: ModelFeedback, _ uncached: Int, _ performance: ModelPerformance?) -> JSONValue {
        var receipt: [String: JSONValue] = [
            "feedback_id": .string(feedback.id.description), "model": .string(feedback.model), "kind": .string(feedback.kind),
            "task_category": .string(feedback.category), "score": .number(feedback.score),
            "removed_from_cache": .integer(Int64(uncached)), "message": "Feedback submitted successfully",
        ]
        receipt["job_id"] = feedback.jobID.map { .string($0.description) }
        receipt["performance"] = performance.map(CacheDocument.performance)
        return .object(receipt)
    }
}
