package import JobModel
package import PostgresWire

/// Results of finished steps in SQL: what a later attempt still knows when Redis has forgotten everything.
extension JobLedger {
    /// False: the job has ended or the attempt is shut out; nothing was stored.
    package func storeStep(_ name: String, _ result: JSONValue, of claim: Claim) async throws(PostgresError) -> Bool {
        try await steps.submit(StepRequest(claim: claim, name: name, result: result))
    }

    /// What has been finished: one statement tells a whole attempt which steps it need not ask for.
    package func stepNames(of id: JobID) async throws(PostgresError) -> Set<String> {
        let rows = try await pool.query("SELECT name FROM job_steps WHERE job_id = $1", [.text(id.description)])
        return Set(try rows.map { (row) throws(PostgresError) in try row.string("name") })
    }

    package func step(_ name: String, of id: JobID) async throws(PostgresError) -> JSONValue? {
        let rows = try await pool.query(
            "SELECT result FROM job_steps WHERE job_id = $1 AND name = $2", [.text(id.description), .text(name)])
        return try rows.first?.json("result")
    }
}

struct StepRequest: BatchedRequest {
    let claim: Claim
    let name: String
    private let result: String
    var jobID: JobID { claim.job.id }
    var size: Int { result.utf8.count }

    init(claim: Claim, name: String, result: JSONValue) {
        self.claim = claim
        self.name = name
        self.result = result.withoutNulls.serialized
    }

    static func commit(_ requests: [StepRequest], to pool: PostgresPool) async throws(PostgresError) -> [Bool] {
        let rows = try await pool.query(
            Statements.storeSteps,
            [
                .textArray(requests.map(\.jobID.description)), .integerArray(requests.map { Int64($0.claim.attempt) }),
                .textArray(requests.map { storable($0.name) }), .textArray(requests.map(\.result)),
            ])
        let held = Set(try rows.map { (row) throws(PostgresError) in try row.string("id") })
        return requests.map { held.contains($0.jobID.description) }
    }
}
