import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct PromptCacheTests {
    static let day = Duration.seconds(86_400)
    static let lease = Duration.seconds(60)

    private func key(_ text: String) -> String { Digest.sha256(text) }

    private func answer(
        _ text: String, scope: String = "s", model: String = "m", vector: [Float]? = nil, kind: String = "generate"
    ) -> AnswerToCache {
        AnswerToCache(
            key: key(text), scope: scope, kind: kind, model: model, digest: "d", answer: ["text": .string("answer to \(text)")],
            durationMilliseconds: 900, prompt: vector.map { PromptEmbedding(model: "e", vector: $0) })
    }

    private func age(_ fixture: LedgerFixture, _ text: String, _ interval: String) async throws {
        try await fixture.pool.execute(
            "UPDATE prompt_cache SET created_at = created_at - $2::interval, used_at = used_at - $2::interval WHERE key = $1",
            [.text(key(text)), .text(interval)])
    }

    @Test func anEqualRequestGetsTheAnswerUntilItIsOld() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = JobID()
            #expect(try await fixture.ledger.cachedAnswer(key("a"), within: Self.day) == nil)
            try await fixture.ledger.cache(answer("a"), asked: job, attempt: 1)
            let hit = try #require(try await fixture.ledger.cachedAnswer(key("a"), within: Self.day))
            #expect(hit.answer == ["text": "answer to a"] && hit.similarity == 1 && hit.durationMilliseconds == 900 && hit.jobID == job)
            try await age(fixture, "a", "1 hour")
            #expect(try await fixture.ledger.cachedAnswer(key("a"), within: .seconds(3_599)) == nil)
            let old = try #require(try await fixture.ledger.cachedAnswer(key("a"), within: .seconds(7_200)))
            #expect((3_600_000..<3_900_000).contains(old.ageMilliseconds))
            // A new answer is young again.
            try await fixture.ledger.cache(answer("a"), asked: job, attempt: 2)
            #expect(try await fixture.ledger.cachedAnswer(key("a"), within: .seconds(3_599)) != nil)
            #expect(try await fixture.ledger.cacheStatistics().map(\.exactHits) == [3])
        }
    }

    @Test func theNearestPromptOfTheScopeIsFoundWhereItIsNearEnough() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            try await fixture.ledger.cache(answer("north", vector: [1, 0]), asked: JobID(), attempt: 1)
            try await fixture.ledger.cache(answer("east", vector: [0, 1]), asked: JobID(), attempt: 1)
            try await fixture.ledger.cache(answer("other scope", scope: "t", vector: [0.8, 0.6]), asked: JobID(), attempt: 1)
            try await fixture.ledger.cache(answer("longer", vector: [0.8, 0.6, 0]), asked: JobID(), attempt: 1)
            try await fixture.ledger.cache(answer("no vector"), asked: JobID(), attempt: 1)
            func nearest(_ vector: [Float], model: String = "e", atLeast: Double = 0.75) async throws -> CachedAnswer? {
                try await fixture.ledger.similarAnswer(
                    in: "s", to: PromptEmbedding(model: model, vector: vector), atLeast: atLeast, within: Self.day)
            }
            let hit = try #require(try await nearest([0.8, 0.6]))
            #expect(hit.key == key("north") && abs(hit.similarity - 0.8) < 1e-6)
            #expect(try await nearest([0.6, 0.8])?.key == key("east"))
            #expect(try await nearest([0.8, 0.6], atLeast: 0.81) == nil)
            #expect(try await nearest([0.8, 0.6], model: "another") == nil)
            #expect(try await fixture.ledger.cacheStatistics().map(\.semanticHits) == [2])
        }
    }

    @Test func oneAsksAndTheOthersFindItsAnswer() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let (first, second) = (JobID(), JobID())
            let ledger = fixture.ledger
            #expect(try await ledger.leadPrompt(key("a"), first, attempt: 1, lease: Self.lease) == .mine)
            #expect(try await ledger.leadPrompt(key("a"), second, attempt: 1, lease: Self.lease) == .running)
            #expect(try await ledger.isPromptAsked(key("a")))
            #expect(try await ledger.renewLead(key("a"), first, attempt: 1, lease: Self.lease))
            #expect(try await !ledger.renewLead(key("a"), second, attempt: 1, lease: Self.lease))
            try await ledger.cache(answer("a"), asked: first, attempt: 1)
            #expect(try await !ledger.isPromptAsked(key("a")))
            // Whoever finds no answer then, because it was cleared, asks anew.
            #expect(try await ledger.leadPrompt(key("a"), second, attempt: 1, lease: Self.lease) == .mine)
        }
    }

    @Test func aLeadThatFailedOrDiedIsTakenOver() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let (first, second) = (JobID(), JobID())
            let ledger = fixture.ledger
            #expect(try await ledger.leadPrompt(key("a"), first, attempt: 1, lease: Self.lease) == .mine)
            try await ledger.giveUpLead(key("a"), second, attempt: 1)
            #expect(try await ledger.isPromptAsked(key("a")), "others cannot give it up")
            try await ledger.giveUpLead(key("a"), first, attempt: 1)
            #expect(try await ledger.leadPrompt(key("a"), second, attempt: 1, lease: .zero) == .mine)
            // Its lease is over at once: it died.
            #expect(try await !ledger.isPromptAsked(key("a")))
            #expect(try await ledger.leadPrompt(key("a"), first, attempt: 1, lease: Self.lease) == .mine)
            // A later attempt of the same job need not wait for the earlier one; the earlier one is then refused.
            #expect(try await ledger.leadPrompt(key("a"), first, attempt: 2, lease: Self.lease) == .mine)
            #expect(try await !ledger.renewLead(key("a"), first, attempt: 1, lease: Self.lease))
        }
    }

    @Test func anAnswerThatCannotBeSharedLetsEverybodyAsk() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = JobID()
            #expect(try await fixture.ledger.leadPrompt(key("a"), first, attempt: 1, lease: Self.lease) == .mine)
            try await fixture.ledger.endLeadAlone(key("a"), first, attempt: 1)
            for _ in 0..<2 {
                #expect(try await fixture.ledger.leadPrompt(key("a"), JobID(), attempt: 1, lease: Self.lease) == .alone)
            }
        }
    }

    @Test func ofManyAtOnceOneAsks() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let turns = await withTaskGroup(of: PromptTurn?.self) { group in
                for _ in 0..<40 {
                    group.addTask { try? await fixture.ledger.leadPrompt(key("a"), JobID(), attempt: 1, lease: Self.lease) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(turns.filter { $0 == .mine }.count == 1 && turns.filter { $0 == .running }.count == 39)
        }
    }

    @Test func itIsClearedWholeOrInPart() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for text in ["a", "b", "c"] { try await fixture.ledger.cache(answer(text), asked: JobID(), attempt: 1) }
            try await fixture.ledger.cache(answer("d", model: "other"), asked: JobID(), attempt: 1)
            try await fixture.ledger.cache(answer("e", kind: "embedding"), asked: JobID(), attempt: 1)
            let soon = Timestamp.now.advanced(byMilliseconds: 60_000)
            let ledger = fixture.ledger
            #expect(try await ledger.clearCache(kind: nil, model: "other", before: soon) == 1)
            #expect(try await ledger.clearCache(kind: "embedding", model: nil, before: soon) == 1)
            #expect(try await ledger.uncache(key("a")) == 1)
            #expect(try await ledger.clearCache(kind: nil, model: nil, before: soon, limit: 1) == 1)
            #expect(try await ledger.clearCache(kind: nil, model: nil, before: Timestamp(milliseconds: 0)) == 0)
            #expect(try await ledger.cachedAnswers() == 1)
        }
    }

    @Test func whatIsOldGoesAndThenWhatIsUsedLeast() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let leader = try #require(try await fixture.leader())
            for text in ["a", "b", "c", "d"] { try await fixture.ledger.cache(answer(text), asked: JobID(), attempt: 1) }
            try await age(fixture, "a", "3 days")
            try await age(fixture, "b", "2 hours")
            try await age(fixture, "c", "1 hour")
            #expect(try await fixture.ledger.forgetAnswers(olderThan: Self.day, leader) == 1)
            // "b" is older than "c", but was used since.
            _ = try await fixture.ledger.cachedAnswer(key("b"), within: Self.day)
            let size = try await fixture.number("SELECT sum(bytes)::bigint AS n FROM prompt_cache")
            #expect(try await fixture.ledger.trimCache(toBytes: size, leader) == 0)
            #expect(try await fixture.ledger.trimCache(toBytes: size - 1, leader) == 1)
            #expect(try await fixture.ledger.cachedAnswer(key("c"), within: Self.day) == nil)
            #expect(try await fixture.ledger.trimCache(toBytes: 0, leader, limit: 1) == 1)
            #expect(try await fixture.ledger.trimCache(toBytes: 0, leader) == 1)
            #expect(try await fixture.ledger.trimCache(toBytes: 0, leader) == 0)
        }
    }
}
