/// `generate`: one prompt, one answer.
import JobModel

struct Generate: JobHandler {
    static let kind: JobKind = JobKind(
        name: "generate", summary: "Asks a language model one thing", queue: ModelFields.queue,
        input: InputShape(
            [
                ModelFields.model,
                .init("prompt", .text(maxLength: ModelFields.maxTextBytes), required: true, "what is asked"),
                .init("system", .text(maxLength: ModelFields.maxTextBytes), "how it is to answer"),
            ] + ModelFields.common),
        estimatedMilliseconds: 20_000)

    var kind: JobKind { Self.kind }
    let asking: AskModel

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let prompt = context.input["prompt"]?.string ?? ""
        let task = ModelRequest.Task.prompt(prompt, system: context.input["system"]?.string)
        return .object(try await asking.answer(task, in: context, kind: kind.name))
    }
}
