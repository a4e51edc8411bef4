import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct APIKeyTests {
    private func make(_ fixture: LedgerFixture, _ adjust: (inout APIKey) -> Void = { _ in }) async throws -> APIKeyText {
        let text = APIKeyText.make()
        var key = APIKey(id: text.id, name: "n", scopes: [.read, .manage])
        adjust(&key)
        #expect(try await fixture.ledger.createKey(key, hash: text.hash, by: AuditEntry(actor: .console, action: "key.create")))
        return text
    }

    @Test func aKeyIsKeptAsItWasMadeAndItsTextNowhere() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let expires = Timestamp(milliseconds: 4_000_000_000_000)
            let text = try await make(fixture) {
                $0.rate = Limit.Rate(count: 10, perMilliseconds: 1_000, burst: 5)
                $0.jobsADay = 7
                $0.liveJobs = 3
                $0.expiresAt = expires
            }
            let stored = try #require(try await fixture.ledger.apiKeys().first)
            #expect(stored.hash == text.hash)
            #expect(stored.key.id == text.id)
            #expect(stored.key.scopes == [.read, .manage])
            #expect(stored.key.rate == Limit.Rate(count: 10, perMilliseconds: 1_000, burst: 5))
            #expect(stored.key.jobsADay == 7)
            #expect(stored.key.liveJobs == 3)
            #expect(stored.key.expiresAt == expires)
            let secret = PostgresValue.text("%\(text.text.dropFirst(21).prefix(64))%")
            for table in ["api_keys", "audit_log"] {
                #expect(try await fixture.number("SELECT count(*) AS n FROM \(table) t WHERE t::text LIKE $1", [secret]) == 0)
            }
        }
    }

    @Test func aRevokedKeyIsKnownNoMore() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let text = try await make(fixture)
            #expect(try await fixture.ledger.revokeKey(text.id, by: AuditEntry(actor: .console, action: "key.revoke")))
            #expect(try await fixture.ledger.apiKeys().isEmpty)
            #expect(try await fixture.ledger.apiKeys(revokedToo: true).first?.key.revokedAt != nil)
            // A second time it is no change, and is not written down as one.
            #expect(try await !fixture.ledger.revokeKey(text.id, by: AuditEntry(actor: .console, action: "key.revoke")))
            #expect(try await fixture.number("SELECT count(*) AS n FROM audit_log WHERE action = 'key.revoke'") == 1)
        }
    }

    @Test func everyChangeIsAnnouncedAlsoOneByHand() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let changes = fixture.ledger.keyChanges()
            let (heard, hear) = AsyncStream<Void>.makeStream()
            let listening = Task { await changes.forEach { hear.yield() } }
            var signals = heard.makeAsyncIterator()
            await signals.next()
            let text = try await make(fixture)
            await signals.next()
            try await fixture.pool.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", [.text(text.id)])
            await signals.next()
            try await fixture.pool.execute("DELETE FROM api_keys")
            await signals.next()
            await changes.close()
            await listening.value
        }
    }

    @Test func thereIsABound() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            try await fixture.pool.execute(
                """
                INSERT INTO api_keys (id, name, hash, scopes)
                SELECT lpad(to_hex(n), 16, '0'), 'n', repeat('0', 64), '{read}' FROM generate_series(1, $1::integer) AS n
                """, [.integer(Int64(APIKey.maxCount))])
            let text = APIKeyText.make()
            let key = APIKey(id: text.id, name: "n", scopes: [.read])
            let entry = AuditEntry(actor: .console, action: "key.create")
            #expect(try await !fixture.ledger.createKey(key, hash: text.hash, by: entry))
            try await fixture.pool.execute("UPDATE api_keys SET revoked_at = now() WHERE id = lpad('1', 16, '0')")
            #expect(try await fixture.ledger.createKey(key, hash: text.hash, by: entry))
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct AuditLogTests {
    @Test func anOutcomeIsWrittenOnce() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var entry = AuditEntry(actor: .key, action: "job.cancel")
            entry.target = "first"
            try await fixture.ledger.begin(entry)
            entry.outcome = .done
            entry.status = 200
            entry.detail = ["a": 1]
            try await fixture.ledger.end(entry)
            var late = entry
            late.outcome = .failed
            late.target = "other"
            try await fixture.ledger.end(late)
            let found = try #require(try await fixture.ledger.auditLog(AuditFilter(), below: nil, limit: 10).first)
            #expect(found.outcome == .done)
            #expect(found.target == "first")
            #expect(found.detail == ["a": 1])
            #expect(found.endedAt != nil)
        }
    }

    @Test func oldEntriesGoInBatchesAndOnlyByTheLeader() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            try await fixture.pool.execute(
                """
                INSERT INTO audit_log (id, at, actor, action)
                SELECT gen_random_uuid(), now() - make_interval(days => n), 'loopback', 'job.cancel' FROM generate_series(0, 9) AS n
                """)
            let seat = try await fixture.ledger.takeLeadership(as: "a", from: fixture.ledger.leaderSeat())
            let leader = try #require(seat?.token)
            #expect(try await fixture.ledger.forgetAudit(olderThanDays: 4, leader, limit: 3) == 3)
            #expect(try await fixture.ledger.forgetAudit(olderThanDays: 4, leader) == 3)
            #expect(try await fixture.ledger.forgetAudit(olderThanDays: 4, leader) == 0)
            #expect(try await fixture.number("SELECT count(*) AS n FROM audit_log") == 4)
            #expect(try await fixture.ledger.forgetAudit(olderThanDays: 0, LeaderToken(leader.number + 1)) == 0)
        }
    }
}
