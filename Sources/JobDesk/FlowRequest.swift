package import JobModel

/// What a caller asks for, before it is a flow.
package struct FlowRequest: Sendable {
    /// One job, and the names of those that must end first.
    package struct Member: Sendable {
        package var name: String
        package var request: JobRequest
        package var dependsOn: [String]
        package var onParentFailure: FlowPlace.ParentFailure

        package init(
            name: String, request: JobRequest, dependsOn: [String] = [], onParentFailure: FlowPlace.ParentFailure = .cancel
        ) {
            self.name = name
            self.request = request
            self.dependsOn = dependsOn
            self.onParentFailure = onParentFailure
        }
    }

    package var name: String?
    package var metadata: JSONValue = [:]
    package var members: [Member]
    package var idempotency: IdempotencyKey?

    package init(_ members: [Member]) {
        self.members = members
    }
}

package struct FlowSubmission: Sendable {
    package let flow: Flow
    package let jobIDs: [String: JobID]
    /// The same request was accepted before, under the same idempotency key.
    package let isReplay: Bool
}
