internal import JobLedger
package import JobModel
internal import PostgresWire

extension JobDesk {
    /// Results of parents that are read together: all of them are in memory at once.
    package static let maxParentResultBytes = 64 << 20

    /// What the parents of a job left, by their names in the flow.
    package func parents(of id: JobID) async throws(JobFailure) -> [String: ParentOutcome] {
        do throws(PostgresError) {
            if let outcomes = try await ledger.parents(of: id, maxBytes: JobDesk.maxParentResultBytes) { return outcomes }
        } catch { throw .retry("The results of the parents could not be read", type: "store_away") }
        throw .permanent(
            "The results of the parents have more than \(JobDesk.maxParentResultBytes >> 20) MiB together", type: "parents_too_large")
    }
}
