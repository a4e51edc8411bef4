internal import JobModel

/// A kind of another program as the worker's engine runs it.
struct KindHandler<Work: WorkKind>: JobHandler {
    let kind: JobKind
    private let work: Work

    /// Checked as a registration over HTTP is.
    init(_ work: Work) throws(WorkerRefusal) {
        self.work = work
        switch KindRegistration.read(work.terms.registration) {
        case .success(let kind): self.kind = kind
        case .failure(let faults):
            let details = faults.list.map { "\($0.pointer) \($0.detail)" }.joined(separator: "; ")
            throw WorkerRefusal("The kind \(work.terms.name.debugDescription) cannot be registered: \(details)")
        }
    }

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let input: Work.Input
        do { input = try JSON.decode(Work.Input.self, from: context.input) } catch {
            throw .permanent("The input fits the schema but cannot be read: \(error)", type: "invalid_input")
        }
        let result: JSONValue
        do { result = try JSON.encode(try await work.run(input, in: WorkContext(context: context))) } catch { throw JobFailure(error) }
        guard result.object != nil else { throw .permanent("The result is no JSON object", type: "invalid_result") }
        return result
    }
}

extension WorkTerms {
    fileprivate var registration: JSONValue {
        [
            "kind": .string(name), "summary": .string(summary), "queue": .string(queue), "input_schema": input.value,
            "max_attempts": .integer(Int64(maxAttempts)), "recorded": .boolean(isRecorded),
            "backoff": ["base_seconds": seconds(firstPause), "cap_seconds": seconds(longestPause)],
            "timeout_seconds": seconds(timeout), "estimated_seconds": seconds(estimate),
        ]
    }

    private func seconds(_ duration: Duration) -> JSONValue {
        .number(Double(duration.wholeMilliseconds) / 1000)
    }
}
