import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConversationTests {
    private func turn(_ session: String, _ texts: String..., tokens: Int? = nil) throws -> ConversationTurn {
        var turn = try ConversationTurn(of: session)
        for (index, text) in texts.enumerated() {
            let role: MessageRole = index.isMultiple(of: 2) ? .user : .assistant
            try turn.add(ConversationMessage(role, text, model: role == .assistant ? "m" : nil, tokens: tokens))
        }
        return turn
    }

    private func texts(_ fixture: LedgerFixture, _ session: String, after: Int64 = 0, limit: Int = 1_000) async throws -> [String] {
        try await fixture.ledger.messages(of: session, after: after, limit: limit).map(\.message.content)
    }

    @Test func whatAJobSaysIsThereWithItsResultAndOnce() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            var said = try turn("s", "hello")
            try said.add(ConversationMessage(.assistant, "hi\u{0}!", model: "llama", thinking: "greet", tokens: 7))
            let then = Timestamp(milliseconds: 1_700_000_000_000)
            for _ in 0..<2 { #expect(try await fixture.ledger.record(.completed([:]), of: claim, at: then, saying: said) == .recorded) }
            let messages = try await fixture.ledger.messages(of: "s", after: 0, limit: 10)
            #expect(messages.map(\.number) == [1, 2] && messages.allSatisfy { $0.jobID == claim.job.id && $0.createdAt == then })
            #expect(
                messages.map(\.message) == [
                    ConversationMessage(.user, "hello", tokens: 2),
                    ConversationMessage(.assistant, "hi!", model: "llama", thinking: "greet", tokens: 7),
                ])
            let conversation = try await fixture.ledger.conversation("s")
            #expect(conversation?.messageCount == 2 && conversation?.lastNumber == 2 && conversation?.updatedAt == then)
        }
    }

    @Test(arguments: [
        JobOutcome.failed(.permanent("x", type: "x")), .cancelled(.cancelled), .retry(.retry("x", type: "x"), afterMilliseconds: 1),
        .handBack,
    ])
    func onlyACompletionSpeaks(outcome: JobOutcome) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            #expect(try await fixture.ledger.record(outcome, of: claim, at: .now, saying: turn("s", "a")) == .recorded)
            #expect(try await fixture.ledger.conversation("s") == nil)
        }
    }

    @Test func anAttemptThatIsShutOutSaysNothingAndTheNextOneOnce() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.running()
            try await fixture.ledger.fence([(first.job.id, 1)])
            guard case .refused = try await fixture.ledger.record(.completed([:]), of: first, at: .now, saying: turn("s", "first")) else {
                throw Unexpected("the fenced attempt was recorded")
            }
            #expect(try await fixture.ledger.conversation("s") == nil)
            let second = first.job.claim(2)
            #expect(try await fixture.ledger.recordStart(second, at: .now))
            #expect(try await fixture.ledger.record(.completed([:]), of: second, at: .now, saying: turn("s", "second")) == .recorded)
            #expect(try await texts(fixture, "s") == ["second"])
        }
    }

    @Test func whatCannotBeSaidKeepsTheResultOutTooAndItsNeighboursIn() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            try await fixture.pool.execute("ALTER TABLE messages ADD CONSTRAINT refused CHECK (content <> 'refused')")
            let good = try await fixture.running()
            let bad = try await fixture.running()
            async let one = fixture.ledger.record(.completed([:]), of: good, at: .now, saying: turn("s", "good"))
            await #expect(throws: PostgresError.self) {
                try await fixture.ledger.record(.completed([:]), of: bad, at: .now, saying: turn("s", "refused"))
            }
            #expect(try await one == .recorded)
            #expect(try await fixture.ledger.job(bad.job.id)?.state == .processing)
            #expect(try await texts(fixture, "s") == ["good"])
        }
    }

    /// Several ledgers stand for several workers: their statements really run side by side.
    @Test func jobsOfOneSessionThatEndTogetherKeepTheirMessagesTogetherAndInOrder() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let ledgers = (0..<4).map { _ in JobLedger(fixture.pool, logger: quiet, maxBatch: 3) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    let claim = try await fixture.running()
                    group.addTask {
                        let session = "s\(number % 3)"
                        let said = try turn(session, "\(number) asks", "\(number) answers", "\(number) thanks")
                        #expect(try await ledgers[number % 4].record(.completed([:]), of: claim, at: .now, saying: said) == .recorded)
                    }
                }
                try await group.waitForAll()
            }
            for session in ["s0", "s1", "s2"] {
                let messages = try await fixture.ledger.messages(of: session, after: 0, limit: 1_000)
                #expect(messages.map(\.number) == Array(1...60))
                for start in stride(from: 0, to: 60, by: 3) {
                    #expect(Set(messages[start..<start + 3].map(\.jobID)).count == 1)
                    #expect(
                        messages[start..<start + 3].compactMap { $0.message.content.split(separator: " ").last } == [
                            "asks", "answers", "thanks",
                        ])
                }
            }
        }
    }

    @Test func aJobWithoutARowSaysItsPartOnce() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let id = JobID()
            for _ in 0..<2 { try await fixture.ledger.append(turn("s", "a", "b"), of: id, at: .now) }
            try await fixture.ledger.append(turn("s", "c"), of: JobID(), at: .now)
            #expect(try await texts(fixture, "s") == ["a", "b", "c"])
        }
    }

    @Test func historyFitsTheBudgetKeepsTheSystemMessageAndBeginsWithAUser() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var first = try ConversationTurn(of: "s")
            try first.add(ConversationMessage(.system, "be brief", tokens: 5))
            try first.add(ConversationMessage(.user, "q1", tokens: 10))
            try first.add(ConversationMessage(.assistant, "a1", thinking: "long", tokens: 10))
            try await fixture.ledger.append(first, of: JobID(), at: .now)
            try await fixture.ledger.append(turn("s", "q2", "a2", tokens: 10), of: JobID(), at: .now)
            let expected: [(Int, [String])] = [
                (1_000, ["be brief", "q1", "a1", "q2", "a2"]), (45, ["be brief", "q1", "a1", "q2", "a2"]), (44, ["be brief", "q2", "a2"]),
                (25, ["be brief", "q2", "a2"]), (24, ["be brief"]), (4, []), (0, []),
            ]
            for (tokens, contents) in expected {
                let history = try await fixture.ledger.history(of: "s", tokens: tokens)
                #expect(history.map(\.message.content) == contents, "\(tokens)")
                #expect(history.allSatisfy { $0.message.thinking == nil })
            }
            #expect(try await fixture.ledger.history(of: "s", tokens: 1_000, limit: 2).map(\.message.content) == ["be brief", "q2", "a2"])
        }
    }

    @Test func onlyTheLastMessagesAreKeptAndCounted() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let most = JobLedger.keptMessages
            try await fixture.ledger.append(turn("s", "first"), of: JobID(), at: .now)
            try await fixture.pool.execute("UPDATE conversations SET last_seq = $1", [.integer(Int64(most))])
            try await fixture.ledger.append(turn("s", "a", "b"), of: JobID(), at: .now)
            let conversation = try await fixture.ledger.conversation("s")
            #expect(conversation?.messageCount == Int64(most) && conversation?.lastNumber == Int64(most + 2))
            #expect(try await texts(fixture, "s") == ["a", "b"])
        }
    }

    @Test func pagesOfMessagesEndByCountOrBytes() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let large = String(repeating: "x", count: ConversationMessage.maxTextBytes)
            for number in 1...3 { try await fixture.ledger.append(turn("s", large, large, "\(number)"), of: JobID(), at: .now) }
            #expect(try await texts(fixture, "s", limit: 2).count == 2)
            #expect(try await texts(fixture, "s").count == 5, "four of 1 MiB and a small one: the next would begin beyond 4 MiB")
            #expect(try await texts(fixture, "s", after: 5) == ["2", large, large, "3"])
        }
    }

    @Test func conversationsAreListedLastChangedFirstAndDeletedByWhatTheyAre() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let start = Timestamp(milliseconds: 1_700_000_000_000)
            for (index, session) in ["a1", "a2", "a3", "b1", "B_%"].enumerated() {
                try await fixture.ledger.append(
                    turn(session, "x"), of: JobID(), at: start.advanced(byMilliseconds: Int64(index / 2) * 1000))
            }
            var listed: [String] = []
            var below: ConversationPosition?
            repeat {
                let page = try await fixture.ledger.conversations(ConversationFilter(), below: below, limit: 2)
                listed += page.map(\.sessionID)
                below = page.last.flatMap { ConversationPosition($0.position.description) }
            } while below != nil
            #expect(listed == ["B_%", "b1", "a3", "a2", "a1"])
            var filter = ConversationFilter()
            filter.prefix = "a"
            filter.changedBefore = start.advanced(byMilliseconds: 500)
            #expect(try await fixture.ledger.conversations(filter, below: nil, limit: 10).map(\.sessionID) == ["a2", "a1"])
            #expect(try await fixture.ledger.deleteConversations(filter, limit: 1) == (1, 1))
            #expect(try await fixture.ledger.deleteConversations(filter, limit: 5) == (1, 1))
            #expect(try await fixture.ledger.deleteConversation("a2") == nil)
            #expect(try await fixture.ledger.deleteConversation("B_%") == 1)
            #expect(try await fixture.ledger.conversations(ConversationFilter(), below: nil, limit: 10).map(\.sessionID) == ["b1", "a3"])
            #expect(try await fixture.number("SELECT count(*) AS n FROM messages") == 2)
            try await fixture.ledger.append(turn("a2", "again"), of: JobID(), at: .now)
            #expect(try await fixture.ledger.messages(of: "a2", after: 0, limit: 5).map(\.number) == [1])
        }
    }

    @Test func oldConversationsGoByTheLeadersToken() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            guard let seat = try await fixture.ledger.takeLeadership(as: "a", from: fixture.ledger.leaderSeat()) else {
                throw Unexpected("nobody leads")
            }
            for (session, days) in [("old", 91), ("young", 89)] {
                let then = Timestamp.now.advanced(byMilliseconds: -Int64(days) * 86_400_000)
                try await fixture.ledger.append(turn(session, "x"), of: JobID(), at: then)
            }
            #expect(try await fixture.ledger.forgetConversations(unchangedForDays: 90, LeaderToken(seat.token.number - 1)) == 0)
            #expect(try await fixture.ledger.forgetConversations(unchangedForDays: 90, seat.token) == 1)
            #expect(try await fixture.ledger.conversations(ConversationFilter(), below: nil, limit: 5).map(\.sessionID) == ["young"])
        }
    }

    @Test func whatIsTooLargeIsRefusedBeforeItIsSent() throws {
        #expect(throws: JobFailure.self) { try ConversationTurn(of: "") }
        #expect(throws: JobFailure.self) { try ConversationTurn(of: String(repeating: "s", count: 201)) }
        var turn = try turn("s")
        let large = String(repeating: "x", count: ConversationMessage.maxTextBytes)
        #expect(throws: JobFailure.self) { try turn.add(ConversationMessage(.user, large + "x")) }
        #expect(throws: JobFailure.self) { try turn.add(ConversationMessage(.user, "", thinking: large + "x")) }
        #expect(throws: JobFailure.self) { try turn.add(ConversationMessage(.user, "", model: String(repeating: "m", count: 201))) }
        for _ in 0..<3 { try turn.add(ConversationMessage(.user, large)) }
        #expect(throws: JobFailure.self) { try turn.add(ConversationMessage(.user, large)) }
        for _ in 0..<97 { try turn.add(ConversationMessage(.user, "")) }
        #expect(throws: JobFailure.self) { try turn.add(ConversationMessage(.user, "")) }
    }
}
