package import JobModel
package import PostgresWire

/// Whether an attempt is to ask its model, or another one asks for it.
package enum PromptTurn: String, Sendable, Hashable {
    /// This attempt asks, and renews its lead until it has told how that ended.
    case mine
    /// Another one asks now.
    case running
    /// Another one has asked, and its answer cannot be shared: each asks for itself.
    case alone
    /// Another one has asked: look into the cache.
    case answered
}

/// One request at a time is asked of the models, however many equal ones are running in the whole fleet. A lead that is not renewed is taken
/// over by whoever comes next, so a worker that dies holds nobody up for longer than the lease; a lead needs no slot but the one that
/// its job has already, so waiting jobs never keep it from ending.
extension JobLedger {
    package func leadPrompt(_ key: String, _ id: JobID, attempt: Int, lease: Duration) async throws(PostgresError) -> PromptTurn {
        let rows = try await pool.query(
            Statements.leadPrompt,
            [.text(key), .text(id.description), .integer(Int64(attempt)), .integer(Int64(lease / .milliseconds(1)))])
        return try rows.first.flatMap { (row) throws(PostgresError) in PromptTurn(rawValue: try row.string("turn")) } ?? .running
    }

    /// Whether somebody asks now. Cost: one look at an index.
    package func isPromptAsked(_ key: String) async throws(PostgresError) -> Bool {
        !(try await pool.query("SELECT FROM prompt_leads WHERE key = $1::text AND outcome IS NULL AND until > now()", [.text(key)])).isEmpty
    }

    /// False: another one has taken over.
    package func renewLead(_ key: String, _ id: JobID, attempt: Int, lease: Duration) async throws(PostgresError) -> Bool {
        try await pool.execute(
            """
            UPDATE prompt_leads SET until = now() + make_interval(secs => $4::double precision / 1000)
            WHERE key = $1::text AND job_id = $2::uuid AND attempt = $3::integer AND outcome IS NULL
            """, [.text(key), .text(id.description), .integer(Int64(attempt)), .integer(Int64(lease / .milliseconds(1)))]) == 1
    }

    /// Without an answer: the next one asks. Ends with `cache` where there is one.
    package func giveUpLead(_ key: String, _ id: JobID, attempt: Int) async throws(PostgresError) {
        try await pool.execute(
            "DELETE FROM prompt_leads WHERE key = $1::text AND job_id = $2::uuid AND attempt = $3::integer AND outcome IS NULL",
            [.text(key), .text(id.description), .integer(Int64(attempt))])
    }

    /// With an answer that cannot be shared: for some seconds nobody waits for another one's.
    package func endLeadAlone(_ key: String, _ id: JobID, attempt: Int) async throws(PostgresError) {
        try await pool.execute(
            """
            UPDATE prompt_leads SET outcome = 'alone', until = now() + interval '10 seconds'
            WHERE key = $1::text AND job_id = $2::uuid AND attempt = $3::integer AND outcome IS NULL
            """, [.text(key), .text(id.description), .integer(Int64(attempt))])
    }

    /// Leads that ended, or whose attempts died; returns how many went.
    package func forgetLeads(_ token: LeaderToken) async throws(PostgresError) -> Int {
        try await pool.execute(
            "DELETE FROM prompt_leads WHERE until < now() - interval '1 minute' AND (SELECT tidewheel.leads($1::bigint))", [token.parameter]
        )
    }
}
