internal import JobModel
internal import PostgresWire

/// Between the rows of flows and the vocabulary.
extension PostgresRow {
    func state(_ column: String) throws(PostgresError) -> JobState {
        guard let state = JobState(rawValue: try string(column)) else {
            throw PostgresError(.decoding, "A job's status is unknown to this version")
        }
        return state
    }

    func flow() throws(PostgresError) -> Flow {
        var counts: [JobState: Int] = [:]
        for state in JobState.allCases { counts[state] = Int(try int(state.rawValue)) }
        return Flow(
            id: try jobID("id"), name: try optionalString("name"), metadata: try json("metadata") ?? [:],
            createdAt: try time("created_ms") ?? .now, cancelRequestedAt: try time("cancelled_ms"), counts: counts,
            lastEnd: try time("finished_ms"))
    }

    func flowJob() throws(PostgresError) -> FlowJob {
        FlowJob(
            id: try jobID("id"), name: try string("flow_name"), kind: try string("kind"), state: try state("status"),
            progress: try double("progress"), attempt: Int(try int("attempt")), error: try optionalString("error"),
            errorType: try optionalString("error_type"), parents: try strings("parents").compactMap(\.self),
            onParentFailure: try optionalString("on_parent_failure").flatMap(FlowPlace.ParentFailure.init) ?? .cancel,
            startedAt: try time("started_ms"), finishedAt: try time("finished_ms"))
    }
}
