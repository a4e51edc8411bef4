import Dispatch
import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite struct LeaderTests {
    @Test(.timeLimit(.minutes(1))) func `Of many that take the seat at once one gets it, with a token of its own`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let seen = try await fixture.ledger.leaderSeat()
            #expect(seen.holder.isEmpty)
            let seats = try await withThrowingTaskGroup(of: LeaderSeat?.self) { group in
                for number in 0..<8 { group.addTask { try await fixture.ledger.takeLeadership(as: "w\(number)", from: seen) } }
                return try await group.reduce(into: [LeaderSeat]()) { if let seat = $1 { $0.append(seat) } }
            }
            let seat = try #require(seats.first)
            #expect(seats.count == 1 && seat.token > seen.token)
            let renewed = try #require(try await fixture.ledger.renewLeadership(as: seat.holder, seat.token))
            #expect(renewed.token == seat.token && renewed.renewal == seat.renewal + 1)
            #expect(try await fixture.ledger.takeLeadership(as: "late", from: seat) == nil, "it was renewed since")
            #expect(try await fixture.ledger.renewLeadership(as: "late", seat.token) == nil)
            #expect(try await fixture.ledger.renewLeadership(as: seat.holder, LeaderToken(seat.token.number - 1)) == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `What an earlier leader writes is refused`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = try await fixture.accepted()
            let first = try #require(try await fixture.ledger.takeLeadership(as: "a", from: fixture.ledger.leaderSeat()))
            let sql = "UPDATE jobs SET message = $2 WHERE id = $1 AND (SELECT tidewheel.leads($3))"
            let id = PostgresValue.text(job.id.description)
            #expect(try await fixture.pool.execute(sql, [id, "by a", first.token.parameter]) == 1)
            try await fixture.ledger.resignLeadership(as: "a", first.token)
            let second = try #require(try await fixture.ledger.takeLeadership(as: "b", from: fixture.ledger.leaderSeat()))
            #expect(try await fixture.pool.execute(sql, [id, "late", first.token.parameter]) == 0)
            #expect(try await fixture.pool.execute(sql, [id, "by b", second.token.parameter]) == 1)
            try await fixture.ledger.resignLeadership(as: "a", second.token)
            try await fixture.ledger.resignLeadership(as: "b", first.token)
            #expect(try await fixture.ledger.leaderSeat().holder == "b", "only its holder resigns, with its own token")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A leader's transaction ends before another one leads, and its renewals go on meanwhile`()
        async throws
    {
        try await LedgerFixture.run { (fixture) async throws in
            let seat = try #require(try await fixture.ledger.takeLeadership(as: "a", from: fixture.ledger.leaderSeat()))
            let (entered, enter) = AsyncStream<Void>.makeStream()
            let leave = DispatchSemaphore(value: 0)
            async let written: Void = fixture.pool.transaction { (connection) throws(PostgresError) in
                _ = try connection.query("SELECT tidewheel.leads($1)", [seat.token.parameter])
                enter.finish()
                leave.wait()
            }
            for await _ in entered {}
            let renewed = try await fixture.ledger.renewLeadership(as: "a", seat.token)
            #expect(renewed?.renewal == seat.renewal + 1)
            let error = await #expect(throws: PostgresError.self) {
                try await fixture.pool.transaction { (connection) throws(PostgresError) in
                    try connection.script("SET LOCAL lock_timeout = 200")
                    try connection.execute("SELECT single FROM leadership FOR UPDATE")
                }
            }
            #expect(error?.sqlState == "55P03")
            leave.signal()
            try await written
            #expect(try await fixture.ledger.takeLeadership(as: "b", from: #require(renewed))?.holder == "b")
        }
    }
}
