/// Kinds that are made to be broken. Each notes the start of every attempt and what it did in the effect log.
import Glibc
import JobModel

struct FaultKind: JobHandler {
    let kind: JobKind
    let effects: EffectLog
    let work: @Sendable (JobContext, EffectLog) async throws(JobFailure) -> JSONValue

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        effects.note("start", context)
        return try await work(context, effects)
    }
}

enum FaultKinds {
    static func handlers(_ effects: EffectLog) -> [any JobHandler] {
        [
            kind("effect", effects, work: once), kind("fleeting", effects, queue: "notes", isRecorded: false, work: once),
            kind("slow", effects, work: steps), kind("blocking", effects, work: block), kind("crash", effects, work: crash),
            kind("retrying", effects, work: retry), kind("failing", effects, work: fail),
            kind("limited", effects, work: take), kind("single", effects, work: take), kind("mending", effects, work: mend),
            kind("narrow", effects, queue: "narrow", work: take), kind("halting", effects, queue: "halting", work: take),
            kind("rated", effects, queue: "rated", work: once),
        ]
    }

    private static func kind(
        _ name: String, _ effects: EffectLog, queue: String = "faults", isRecorded: Bool = true,
        work: @escaping @Sendable (JobContext, EffectLog) async throws(JobFailure) -> JSONValue
    ) -> FaultKind {
        let input = InputShape([
            .init("ms", .integer(0...60_000), standard: 20, "how long it takes"),
            .init("steps", .integer(1...20), standard: 1, "durable steps"),
            .init("fails", .integer(0...100), standard: 1, "attempts that fail"),
        ])
        let kind = JobKind(
            name: name, summary: "a kind of the fault suite", queue: queue, input: input,
            retry: RetryPolicy(maxAttempts: 3, baseMilliseconds: 100, capMilliseconds: 400), timeoutMilliseconds: 60_000,
            isRecorded: isRecorded, estimatedMilliseconds: 100)
        return FaultKind(kind: kind, effects: effects, work: work)
    }

    @Sendable private static func once(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        effects.note("done", context)
        return result(context)
    }

    /// Takes its time: begin and end tell what else ran meanwhile.
    @Sendable private static func take(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        try await pause(milliseconds(context))
        return try await once(context, effects)
    }

    /// The time is spent in durable steps; each has an effect of its own.
    @Sendable private static func steps(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        let count = context.input["steps"]?.integer ?? 1
        for number in 1...count {
            _ = try await context.step("step-\(number)") { () throws(JobFailure) in
                try await pause(milliseconds(context) / count)
                effects.note("step-\(number)", context)
                return ["number": .integer(Int64(number))]
            }
            try await context.progress(Double(number * 100 / count), step: "step-\(number)", "\(number) of \(count)")
        }
        effects.note("done", context)
        return result(context)
    }

    /// Takes a thread of the shared pool, as a handler with a blocking call would.
    @Sendable private static func block(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        usleep(UInt32(milliseconds(context)) * 1000)
        effects.note("done", context)
        return result(context)
    }

    /// Ends its own process, every time.
    @Sendable private static func crash(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        kill(getpid(), SIGKILL)
        throw .permanent("survived its own SIGKILL", type: "immortal")
    }

    @Sendable private static func retry(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        guard context.attempt > context.input["fails"]?.integer ?? 1 else { throw .retry("not yet", type: "not_yet") }
        effects.note("done", context)
        return result(context)
    }

    @Sendable private static func fail(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        throw .permanent("this kind always fails", type: "meant_to_fail")
    }

    /// Fails for good, until somebody retries it.
    @Sendable private static func mend(_ context: JobContext, _ effects: EffectLog) async throws(JobFailure) -> JSONValue {
        guard context.attempt > 1 else { throw .permanent("the first attempt fails", type: "to_be_mended") }
        return try await once(context, effects)
    }

    /// Says which attempt gave it: the checker looks for that attempt's effect.
    private static func result(_ context: JobContext) -> JSONValue { ["attempt": .integer(Int64(context.attempt))] }

    private static func milliseconds(_ context: JobContext) -> Int { context.input["ms"]?.integer ?? 0 }

    private static func pause(_ milliseconds: Int) async throws(JobFailure) {
        do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch { throw .cancelled }
    }
}
