/// What a running job sees of its flow: the worker implements it with the desk, tests with arrays.
package protocol FlowMembership: Sendable {
    /// What the job's parents left, by their names in the flow.
    func parents() async throws(JobFailure) -> [String: ParentOutcome]
    /// Adds a job to the flow, once for each name however often it is asked; returns its id.
    func add(_ child: ChildRequest) async throws(JobFailure) -> JobID
}

/// How a parent ended.
package struct ParentOutcome: Sendable, Hashable {
    package let id: JobID
    package let kind: String
    /// `completed`; `failed` and `cancelled` are seen by jobs that run whatever their parents did.
    package let state: JobState
    /// Of a completed parent.
    package let result: JSONValue?
    package let error: String?
    package let errorType: String?

    package init(id: JobID, kind: String, state: JobState, result: JSONValue? = nil, error: String? = nil, errorType: String? = nil) {
        self.id = id
        self.kind = kind
        self.state = state
        self.result = result
        self.error = error
        self.errorType = errorType
    }
}

/// A job that a running job adds to its flow.
package struct ChildRequest: Sendable, Hashable {
    /// Its name in the flow.
    package var name: String
    package var kind: String
    package var input: JSONValue
    /// False: it may start at once, beside the job that adds it.
    package var startsAfterThisJob = true
    /// Names of further jobs of the flow that must end first.
    package var dependsOn: [String] = []
    package var onParentFailure: FlowPlace.ParentFailure = .cancel
    package var priority: JobPriority = .medium
    package var metadata: JSONValue = [:]

    package init(name: String, kind: String, input: JSONValue) {
        self.name = name
        self.kind = kind
        self.input = input
    }
}

/// For an attempt outside of any worker: no parents, and nowhere to add a job.
package struct NoFlow: FlowMembership {
    package init() {}

    package func parents() async throws(JobFailure) -> [String: ParentOutcome] { [:] }

    package func add(_ child: ChildRequest) async throws(JobFailure) -> JobID {
        throw .permanent("This attempt has no place for further jobs", type: "no_flow")
    }
}

extension JobContext {
    /// Results of the jobs that this one depends on, by their names; read once, when first asked. Empty for a job without parents.
    package func parents() async throws(JobFailure) -> [String: ParentOutcome] {
        try await flow.parents()
    }

    /// Adds a job to this job's flow; a job without a flow founds one. It starts when this job has ended, unless it is asked to start at once.
    /// A later attempt that adds a job of the same name gets the first one.
    @discardableResult
    package func addChild(
        _ name: String, kind: String, input: JSONValue, startsAtOnce: Bool = false, dependsOn: [String] = [],
        onParentFailure: FlowPlace.ParentFailure = .cancel
    ) async throws(JobFailure) -> JobID {
        var child = ChildRequest(name: name, kind: kind, input: input)
        child.startsAfterThisJob = !startsAtOnce
        child.dependsOn = dependsOn
        child.onParentFailure = onParentFailure
        return try await flow.add(child)
    }
}
