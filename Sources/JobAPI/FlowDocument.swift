internal import JobModel

/// A flow as it is shown: what its jobs add up to, and the graph.
enum FlowDocument {
    static func of(_ flow: Flow, jobs: [FlowJob], next: JobID?) -> JSONValue {
        var document = summary(flow)
        document["jobs"] = .array(jobs.map(entry))
        if let next { document["next_cursor"] = .string(next.description) }
        return .object(document)
    }

    static func summary(_ flow: Flow) -> [String: JSONValue] {
        var document: [String: JSONValue] = [
            "flow_id": .string(flow.id.description), "status": .string(flow.state.rawValue), "metadata": flow.metadata,
            "created_at": .string(flow.createdAt.description), "status_url": .string("/flows/\(flow.id)"),
            "progress": .number(progress(flow)), "cancel_requested": .boolean(flow.cancelRequestedAt != nil),
            "counts": .object(
                Dictionary(
                    uniqueKeysWithValues: [("total", flow.jobs)] + JobState.allCases.map { ($0.rawValue, flow.counts[$0] ?? 0) }
                ).mapValues { .integer(Int64($0)) }),
        ]
        if let name = flow.name { document["name"] = .string(name) }
        if let finished = flow.finishedAt { document["finished_at"] = .string(finished.description) }
        return document
    }

    /// The share of its jobs that have ended, in per cent with one decimal.
    private static func progress(_ flow: Flow) -> Double {
        flow.jobs == 0 ? 0 : (Double(flow.ended) * 1000 / Double(flow.jobs)).rounded() / 10
    }

    private static func entry(_ job: FlowJob) -> JSONValue {
        var entry: [String: JSONValue] = [
            "name": .string(job.name), "job_id": .string(job.id.description), "kind": .string(job.kind),
            "status": .string(job.state.rawValue), "progress": .number(job.progress), "attempt": .integer(Int64(job.attempt)),
            "depends_on": .array(job.parents.map(JSONValue.string)), "on_parent_failure": .string(job.onParentFailure.rawValue),
            "status_url": .string("/jobs/\(job.id)"),
        ]
        for case (let name, let text?) in ["error": job.error, "error_type": job.errorType] where job.state != .completed {
            entry[name] = .string(text)
        }
        for case (let name, let time?) in ["started_at": job.startedAt, "finished_at": job.finishedAt] {
            entry[name] = .string(time.description)
        }
        return .object(entry)
    }
}
