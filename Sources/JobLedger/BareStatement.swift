/// The statements of a recorded job's life, exactly as they are sent, without anybody who sends them: for measuring what PostgreSQL takes.
package import JobModel
package import PostgresWire

package struct BareStatement: Sendable {
    package let sql: String
    package let parameters: [PostgresValue]

    /// Everything that happens to these jobs: accepted, started once, completed.
    package static func life(of jobs: [Job], worker: String, result: JSONValue, at: Timestamp) -> [BareStatement] {
        let claims = jobs.map { Claim(job: $0, attempt: 1, worker: worker, stream: "", entry: "") }
        return [
            acceptance(of: jobs),
            BareStatement(
                sql: Statements.recordStart, parameters: StartRequest.parameters(claims.map { StartRequest(claim: $0, at: at) })),
            BareStatement(
                sql: Statements.record,
                parameters: EndRequest.parameters(claims.map { EndRequest(outcome: .completed(result), claim: $0, at: at) })),
        ]
    }

    private static func acceptance(of jobs: [Job]) -> BareStatement {
        BareStatement(sql: Statements.accept, parameters: AcceptRequest.parameters(jobs.map { AcceptRequest(job: $0, idempotency: nil) }))
    }
}
