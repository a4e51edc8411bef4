package import PostgresWire

/// The one row that says which worker leads. Who may take over is decided by observers (`JobRunner/Candidate`), never by a wall clock;
/// what an earlier leader still writes is refused: statements of leaders end with `AND (SELECT tidewheel.leads($n))`.

/// The right to write what only the leader writes. Tokens grow with every change of leader.
package struct LeaderToken: Sendable, Hashable, Comparable {
    package let number: Int64

    package init(_ number: Int64) {
        self.number = number
    }

    package var parameter: PostgresValue { .integer(number) }

    package static func < (left: LeaderToken, right: LeaderToken) -> Bool { left.number < right.number }
}

/// The row as it was seen once: only a renewal that moves says that its holder lives.
package struct LeaderSeat: Sendable, Hashable {
    /// Empty when the last leader left.
    package let holder: String
    package let token: LeaderToken
    package let renewal: Int64

    package init(holder: String, token: LeaderToken, renewal: Int64) {
        self.holder = holder
        self.token = token
        self.renewal = renewal
    }
}

extension JobLedger {
    package func leaderSeat() async throws(PostgresError) -> LeaderSeat {
        guard let row = try await pool.query("SELECT holder, token, renewal FROM leadership").first else {
            throw PostgresError(.decoding, "The table leadership has lost its row")
        }
        return try row.seat()
    }

    /// Nil: another worker leads.
    package func renewLeadership(as holder: String, _ token: LeaderToken) async throws(PostgresError) -> LeaderSeat? {
        try await pool.query(Statements.leadRenew, [.text(holder), token.parameter]).first?.seat()
    }

    /// Nil: the row has moved since it was observed. After an error of unknown outcome the next observation tells.
    package func takeLeadership(as holder: String, from seen: LeaderSeat) async throws(PostgresError) -> LeaderSeat? {
        try await pool.query(Statements.leadTake, [.text(holder), seen.token.parameter, .integer(seen.renewal)]).first?.seat()
    }

    package func resignLeadership(as holder: String, _ token: LeaderToken) async throws(PostgresError) {
        try await pool.execute(Statements.leadResign, [.text(holder), token.parameter])
    }
}

extension PostgresRow {
    fileprivate func seat() throws(PostgresError) -> LeaderSeat {
        LeaderSeat(holder: try string("holder"), token: LeaderToken(try int("token")), renewal: try int("renewal"))
    }
}
